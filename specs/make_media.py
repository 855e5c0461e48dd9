"""Draw the clips, images and masks of specs/media and specs/demo/media.

usage: .venv/bin/python specs/make_media.py [NAME…]

Everything is drawn from circles, lines and polygons, so the repository owns it and it stays small.
To change a file, change its drawing in `drawing/` and run this again. The versions in
requirements.lock make the same bytes each time.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from drawing import indoors, outdoors, stills
from drawing.pen import BLACK, HEIGHT, WHITE, WIDTH, Pen
from PIL import Image

HERE, FPS = Path(__file__).resolve().parent, 30
Colours = tuple[str, str]


@dataclass(frozen=True)
class Recipe:
    """How one file is made: draw(pen, t) over a sky of two colours. Without `seconds` it is a
    single image.
    """

    draw: Callable[[Pen, float], None]
    sky: Colours
    seconds: float = 0
    size: tuple[int, int] = (WIDTH, HEIGHT)
    tint: str | None = None
    sound: Callable[[], array.array[int]] | None = None


DAY: Colours = ("#8fd0ea", "#eaf6f0")
DARK: Colours = ("#151029", "#2b1d4a")
PLAIN: Colours = ("#f6efe2", "#efe5d2")
MASK: Colours = (BLACK, BLACK)  # white is edited, black kept
SMALL = (320, 320)

RECIPES = {
    "ball.mp4": Recipe(outdoors.ball, DAY, 2.5),
    "band.mp4": Recipe(indoors.band, DARK, 2),
    "candle.mp4": Recipe(indoors.candle, ("#2b1d2e", "#3d2836"), 2.5),
    "car.mp4": Recipe(outdoors.car, ("#f7b267", "#f6dfc0"), 2.5),
    "cat.mp4": Recipe(indoors.cat, ("#e9c9b1", "#dcae92"), 2),
    "cup.mp4": Recipe(indoors.cup, ("#f3d9b1", "#eccb9c"), 2),
    "dance.mp4": Recipe(indoors.dance, ("#f5cac3", "#f7e1d7"), 2),
    "dash.mp4": Recipe(outdoors.dash, ("#4a4e8c", "#f6a57c"), 2),
    "lighthouse.mp4": Recipe(outdoors.lighthouse, ("#5b6c9e", "#f6b98a"), 3),
    "portrait.mp4": Recipe(indoors.portrait, ("#c3d5e0", "#dfe9ee"), 2),
    "reel.mp4": Recipe(indoors.reel, ("#84a98c", "#cad2c5"), 2),
    "river.mp4": Recipe(outdoors.river, DAY, 2.5),
    "soup.mp4": Recipe(indoors.soup, ("#f0d9c0", "#e6c9a8"), 2),
    "sparks.mp4": Recipe(indoors.sparks, DARK, 2),
    "talk.mp4": Recipe(outdoors.talk, DAY, 3, sound=outdoors.babble),
    "train.mp4": Recipe(outdoors.train, DAY, 2.5),
    "walk.mp4": Recipe(outdoors.walk, ("#aab6c0", "#d5dadd"), 2),
    "bag.jpg": Recipe(stills.bag, PLAIN, size=SMALL),
    "bay-day.jpg": Recipe(stills.bay_day, DAY),
    "bay-night.jpg": Recipe(stills.bay_night, ("#0b1630", "#3a3f6b")),
    "beach-ball.png": Recipe(stills.beach_ball, PLAIN, size=SMALL),
    "glasses.webp": Recipe(stills.glasses, PLAIN, size=SMALL),
    "hat.jpg": Recipe(stills.hat, PLAIN, size=SMALL),
    "meadow.jpg": Recipe(outdoors.meadow, DAY),
    "plate.png": Recipe(stills.plate, ("#e9d8b4", "#dfc99b"), size=SMALL),
    "robot.png": Recipe(stills.robot, PLAIN, size=(320, 360)),
    "scarf.png": Recipe(stills.scarf, PLAIN, size=SMALL),
    "woman.jpg": Recipe(stills.woman, PLAIN, size=(320, 400)),
    "ball-mask.png": Recipe(outdoors.ball_shape, MASK, tint=WHITE),
    "cup-mask.png": Recipe(indoors.pane_shape, MASK, tint=WHITE),
    "train-mask.mp4": Recipe(outdoors.train_shape, MASK, 2.5, tint=WHITE),
}
DEMO = [
    "ball.mp4",
    "candle.mp4",
    "car.mp4",
    "lighthouse.mp4",
    "walk.mp4",
    "hat.jpg",
    "meadow.jpg",
    "robot.png",
]
SHARED = {"ball.mp4", "walk.mp4", "hat.jpg", "robot.png"}  # each project has its own copy
FOLDERS = {
    HERE / "media": [name for name in RECIPES if name not in DEMO or name in SHARED],
    HERE / "demo/media": DEMO,
}


def picture(recipe: Recipe, t: float) -> Image.Image:
    pen = Pen(*recipe.sky, size=recipe.size, tint=recipe.tint)
    recipe.draw(pen, t)
    return pen.picture()


def write_clip(
    path: Path, pictures: Iterator[Image.Image], sound: array.array[int] | None = None
) -> None:
    with av.open(
        str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}
    ) as file:
        video = file.add_stream(
            "libx264", rate=FPS, options={"crf": "34", "preset": "veryslow", "tune": "animation"}
        )
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.thread_count = 1  # more threads, other bytes
        video.codec_context.gop_size = 300
        audio = (
            file.add_stream("aac", rate=outdoors.AUDIO_RATE_HZ, layout="mono", bit_rate=24_000)
            if sound
            else None
        )
        for image in pictures:
            file.mux(video.encode(av.VideoFrame.from_image(image)))
        file.mux(video.encode(None))
        if audio is not None and sound is not None:
            for start in range(0, len(sound), 1024):
                chunk = sound[start : start + 1024]
                frame = av.AudioFrame(format="s16", layout="mono", samples=len(chunk))
                frame.planes[0].update(chunk.tobytes())
                frame.sample_rate, frame.pts, frame.time_base = (
                    outdoors.AUDIO_RATE_HZ,
                    start,
                    Fraction(1, outdoors.AUDIO_RATE_HZ),
                )
                file.mux(audio.encode(frame))
            file.mux(audio.encode(None))


def write_image(path: Path, image: Image.Image) -> None:
    if "mask" in path.name:
        image.convert("L").point(lambda v: 255 if v > 127 else 0).save(path, optimize=True)
    elif path.suffix == ".png":
        image.quantize(48, dither=Image.Dither.NONE).save(path, optimize=True)
    else:
        image.save(path, quality=74, optimize=True)


def make(path: Path, recipe: Recipe) -> None:
    count = round(recipe.seconds * FPS)
    if count:
        pictures = (picture(recipe, number / count) for number in range(count))
        write_clip(path, pictures, recipe.sound() if recipe.sound else None)
    else:
        write_image(path, picture(recipe, 0))


def main() -> None:
    wanted, total = set(sys.argv[1:]), 0
    for folder, names in FOLDERS.items():
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not wanted or Path(name).stem in wanted or name in wanted:
                make(folder / name, RECIPES[name])
            size = (folder / name).stat().st_size
            total += size
            sys.stdout.write(f"{size:8,d}  {(folder / name).relative_to(HERE.parent)}\n")
    sys.stdout.write(f"{total:8,d}  bytes in all\n")


if __name__ == "__main__":
    main()

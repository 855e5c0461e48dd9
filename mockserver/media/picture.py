"""Moving pictures as chains of FFmpeg filters: clips, stills, and the ways to change them."""

from __future__ import annotations

from pathlib import Path

import av
from av.filter import Graph
from av.filter.context import FilterContext
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mockserver.media.plan import Source

FORMATS = ("JPEG", "PNG", "BMP", "WEBP")  # what the probe lets in
GUARD_PX = 89_478_485  # Pillow decodes no larger images without a warning
EXACT = "bilinear+bitexact+accurate_rnd"
EMBOSS = ("convolution", {"0m": "-2 -1 0 -1 1 1 0 1 2"})
LOOKS: tuple[tuple[tuple[str, dict[str, str]], ...], ...] = (
    (),  # the turn of hue alone
    (("colorize", {"hue": "35", "saturation": "0.45"}),),
    (("negate", {}),),
    (EMBOSS,),
    (("pixelize", {"w": "24", "h": "24"}),),
    (("lutyuv", {"y": "floor(val/56)*56+16"}),),
    (("curves", {"preset": "cross_process"}),),
    (("pseudocolor", {"preset": "magma"}),),
    (("avgblur", {"sizeX": "9"}), ("lutyuv", {"y": "floor(val/40)*40+20"})),
    (("chromashift", {"cbh": "24", "crh": "-24"}),),
    (("lutyuv", {"y": "if(gt(val,128),255-val,val)*1.8"}),),
    (("hflip", {}), ("vignette", {})),
)


class Picture:
    """A point in a filter graph; each method gives the point behind one more filter."""

    def __init__(self, graph: Graph, node: FilterContext) -> None:
        self._graph, self._node = graph, node

    @classmethod
    def open(cls, graph: Graph, name: str, **options: str) -> Picture:
        """The start of a chain."""
        return cls(graph, graph.add(name, **options))

    def apply(self, name: str, **options: str) -> Picture:
        """Through one filter."""
        return self.join(name, **options)

    def join(self, name: str, *others: Picture, **options: str) -> Picture:
        """Through one filter that has other pictures as its further inputs."""
        node = self._graph.add(name, **options)
        for i, picture in enumerate((self, *others)):
            picture._node.link_to(node, 0, i)
        return Picture(self._graph, node)

    def fit(self, width: int, height: int, source: Source) -> Picture:
        """Fill a frame: scaled until both sides are covered, and cut around the middle."""
        scale = max(width / source.width, height / source.height)
        wide = max(width, round_even(source.width * scale))
        high = max(height, round_even(source.height * scale))
        return (
            self.resize(wide, high)
            .apply("crop", w=str(width), h=str(height))
            .apply("setsar", sar="1")
            .convert("yuv420p")
        )

    def resize(self, width: int, height: int) -> Picture:
        """To another size, whatever its aspect.

        The arithmetic is exact, so that every run gives the same bytes.
        """
        return self.apply("scale", w=str(width), h=str(height), flags=EXACT)

    def convert(self, name: str) -> Picture:
        """To a pixel format; to YUV of the range that players expect, whatever the source was."""
        picture = self
        if name.startswith("yuv"):
            picture = self.apply("scale", out_range="tv", flags=EXACT)
        return picture.apply("format", pix_fmts=name)

    def trim(self, frames: int) -> Picture:
        """The first frames only."""
        return self.apply("trim", end_frame=str(frames))

    def shift_sideways(self, width: int, height: int) -> Picture:
        """Moving right and left by an eighth of its width, beginning at its own place.

        What lies at an edge is drawn out to fill the gap.
        """
        far = width // 8
        wider = self.apply("pad", w=str(width + 2 * far), h=str(height), x=str(far))
        smeared = wider.apply("fillborders", left=str(far), right=str(far), mode="smear")
        return smeared.apply("crop", w=str(width), h=str(height), x=f"{far}*(1-sin(2*t))", y="0")

    def apply_look(self, digest: str) -> Picture:
        """Changed as a digest decides: one of LOOKS and a turn of hue."""
        number = int(digest[:12], 16)
        picture = self
        for name, options in LOOKS[number % len(LOOKS)]:
            picture = picture.apply(name, **options)
        turn = 30 + number // len(LOOKS) % 300
        return picture.convert("yuv420p").apply("hue", h=str(turn), s="1.3").convert("yuv420p")

    def pull(self) -> av.VideoFrame:
        """The next frame at the end of the graph."""
        frame = self._node.pull()
        assert isinstance(frame, av.VideoFrame)
        return frame


_TURNS = {
    90: ({"dir": "clock"},),
    180: ({"dir": "clock"}, {"dir": "clock"}),
    270: ({"dir": "cclock"},),
}


def draw_clip(graph: Graph, path: Path, fps: int, turn: int) -> Picture:
    """A stored video from its start, upright, at another frame rate.

    Its last frame stays for ever.
    """
    options = {"format_name": "mov", "format_opts": "enable_drefs=0:protocol_whitelist=file"}
    moving = Picture.open(graph, "movie", filename=str(path), **options)
    moving = moving.apply("setpts", expr="PTS-STARTPTS")
    for options in _TURNS.get(turn, ()):
        moving = moving.apply("transpose", **options)
    return _extend(moving, fps)


def draw_still(graph: Graph, path: Path, fps: int) -> Picture:
    """An image for ever."""
    image = Picture.open(graph, "movie", filename=str(path)).apply("loop", loop="-1", size="1")
    return (
        image.apply("settb", expr=f"1/{fps}").apply("setpts", expr="N").apply("fps", fps=str(fps))
    )


def _extend(picture: Picture, fps: int) -> Picture:
    return picture.apply("fps", fps=str(fps)).apply("tpad", stop="-1", stop_mode="clone")


def draw_made_up_clip(graph: Graph, source: Source, fps: int) -> Picture:
    """Moving colours and shapes that the digest of a URL decides.

    They have the size and the length of the source; the last frame stays for ever.
    """
    seed = bytes.fromhex(source.digest.removeprefix("url:"))
    colours = [f"0x{seed[i : i + 3].hex()}" for i in (0, 3, 6, 9, 12)]
    duration = f"{source.duration_s:.3f}"
    quarter = f"{round_even(source.width / 4)}x{round_even(source.height / 4)}"
    picture = Picture.open(
        graph,
        "gradients",
        size=quarter,
        rate=str(fps),
        duration=duration,
        seed=str(int.from_bytes(seed[:3], "big")),
        nb_colors="3",
        c0=colours[0],
        c1=colours[1],
        c2=colours[2],
        speed="0.02",
        type="linear",
    )
    picture = picture.resize(source.width, source.height).convert("yuv420p")
    for i, colour in enumerate(colours[3:]):
        side = round_even(source.height / (3 + i))
        shape = Picture.open(
            graph, "color", color=colour, size=f"{side}x{side}", rate=str(fps), duration=duration
        )
        across, down = 0.7 + seed[20 + i] / 200, 0.5 + seed[22 + i] / 200
        picture = picture.join(
            "overlay",
            shape.convert("yuv420p"),
            x=f"(W-w)*(0.5+0.5*sin(t*{across:.3f}+{seed[24 + i]}))",
            y=f"(H-h)*(0.5+0.5*cos(t*{down:.3f}+{seed[26 + i]}))",
        )
    return _extend(picture, fps)


def write_filled(path: Path | None, source: Source, size: tuple[int, int], target: Path) -> None:
    """An image, or the made-up one of its digest, cut to fill a size, as a PNG file."""
    ImageOps.fit(open_image(path, source), size).save(target)


def write_thumbnail(path: Path | None, source: Source, box: tuple[int, int], target: Path) -> None:
    """An image, or the made-up one of its digest, in a box and a white frame, as a PNG file."""
    image = ImageOps.contain(open_image(path, source), box).convert("RGB")
    ImageOps.expand(image, border=4, fill="white").save(target)


def open_image(path: Path | None, source: Source) -> Image.Image:
    """A reference image as Pillow has it.

    One that was not fetched, or is too large to be decoded, is made up of its digest's colours.
    """
    if path is not None and source.width * source.height <= GUARD_PX:
        with Image.open(path, formats=FORMATS) as stored:
            return ImageOps.exif_transpose(stored).convert("RGB")
    seed = bytes.fromhex(source.digest.partition(":")[2])
    image = Image.new("RGB", (source.width // 4, source.height // 4), tuple(seed[:3]))
    draw = ImageDraw.Draw(image)
    wide, high = image.size
    for i in range(3, 24, 7):
        x, y = seed[i] / 255 * wide, seed[i + 1] / 255 * high
        radius = (40 + seed[i + 2] / 3) / 255 * high
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=tuple(seed[i + 3 : i + 6])
        )
    return image


def write_label(text: str, frame_height: int, target: Path) -> None:
    """A line of text on a dark, half transparent ground, as a PNG file."""
    size = max(10, frame_height // 28)
    font = ImageFont.load_default(size)
    left, top, right, bottom = (int(side) for side in font.getbbox(text))
    pad = size // 3
    image = Image.new(
        "RGBA",
        (round_even(right - left + 2 * pad), round_even(bottom - top + 2 * pad)),
        (0, 0, 0, 110),
    )
    ImageDraw.Draw(image).text((pad - left, pad - top), text, font=font, fill=(255, 255, 255, 235))
    image.save(target)


def round_even(side: float) -> int:
    """The nearest even number of pixels, at least 2."""
    return max(2, round(side / 2) * 2)

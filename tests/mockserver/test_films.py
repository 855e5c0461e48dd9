"""The videos themselves: sizes, lengths, pictures, sound, and the same bytes for the same
request.
"""

import hashlib
import os
import struct
import subprocess
import sys
from base64 import b64encode
from io import BytesIO

import pytest
from PIL import Image

from mockserver import catalogue
from mockserver.media.plan import Source
from mockserver.tasks.outcome import compute_frame_size, find_nearest_ratio, limit_size

WAN = catalogue.load_catalogue().models["wan2.7-videoedit"].variants[0]
VACE = {
    variant.function: variant
    for variant in catalogue.load_catalogue().models["wan2.1-vace-plus"].variants
}
RED = (200, 40, 40)

pytestmark = pytest.mark.usefixtures("fine_films")


def with_rotation(data):
    """The same MP4 with the matrix of its track turned by 90 degrees, as phones write it."""
    # version and flags, times and ids, reserved, layer to volume
    at = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    matrix = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 240 << 16, 0, 0x40000000)
    return data[:at] + matrix + data[at + 36 :]


def body_of(model, fields, **parameters):
    return {"model": model, "input": fields, "parameters": {"resolution": "720P", **parameters}}


def far(one, other):
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def source(width, height):
    return Source("video", "video", "url:0", width, height, 2.0)


@pytest.mark.parametrize(
    ("resolution", "ratio", "size"),
    [
        ("720P", "16:9", (1280, 720)),
        ("720P", "9:16", (720, 1280)),
        ("720P", "1:1", (960, 960)),
        ("720P", "4:3", (1104, 832)),
        ("720P", "3:4", (832, 1104)),
        ("1080P", "16:9", (1920, 1080)),
        ("1080P", "9:16", (1080, 1920)),
        ("1080P", "1:1", (1440, 1440)),
        ("1080P", "4:3", (1648, 1248)),
        ("1080P", "3:4", (1248, 1648)),
    ],
)
def test_sizes_of_wan(resolution, ratio, size):
    """The table of the API reference, by ratio and by the input's own aspect."""
    parameters = {"resolution": resolution, "ratio": ratio}
    assert compute_frame_size(WAN.output, parameters, source(640, 480)) == size
    wide, high = map(int, ratio.split(":"))
    assert (
        compute_frame_size(
            WAN.output, {"resolution": resolution}, source(wide * 100 + 3, high * 100)
        )
        == size
    )
    assert compute_frame_size(WAN.output, {"ratio": ratio}, None) == compute_frame_size(
        WAN.output, {"resolution": "1080P", "ratio": ratio}, None
    )


@pytest.mark.parametrize(
    ("aspect", "ratio"), [(8, "16:9"), (0.125, "9:16"), (1.1, "1:1"), (1.2, "4:3"), (0.7, "3:4")]
)
def test_the_nearest_ratio(aspect, ratio):
    """On a logarithmic scale, so that wide and tall are alike."""
    assert find_nearest_ratio(aspect, tuple(WAN.output["sizes"]["720P"])) == ratio


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ((640, 360), (640, 360)),
        ((1920, 1080), (1280, 720)),
        ((1080, 1920), (720, 1280)),
        ((641, 361), (640, 360)),
    ],
)
def test_like_the_input_within_720p(given, size):
    """Scaled down to the pixels of 1280*720, aspect kept, sides even."""
    assert limit_size(*given, 1280 * 720) == size
    assert compute_frame_size(VACE["video_repainting"].output, {}, source(*given)) == size


def test_sizes_by_name_and_by_scale():
    """`size` for two functions; outpainting adds what each side's scale asks for."""
    assert compute_frame_size(VACE["image_reference"].output, {"size": "832*1088"}, None) == (
        832,
        1088,
    )
    assert compute_frame_size(VACE["video_edit"].output, {}, source(100, 100)) == (1280, 720)
    scales = {"left_scale": 1.5, "right_scale": 1.25, "top_scale": 2.0}
    assert compute_frame_size(VACE["video_outpainting"].output, scales, source(320, 240)) == (
        560,
        480,
    )


async def test_a_film_is_what_the_page_says(filming, clip, decode):
    """MP4, H.264, yuv420p, 30 fps, the size by ratio, the input's length; the picture is a changed
    input.
    """
    url = await filming.upload("clip.mp4", clip)
    film = decode(await filming.film(filming.wan(media=[{"type": "video", "url": url}], seed=4)))
    assert (film.size, film.codec, film.pixels, film.rate) == ((1104, 832), "h264", "yuv420p", 30)
    assert (len(film.frames), film.sounds) == (60, 0)
    assert far(film.mean(30, (0, 0.6, 1, 1)), RED) > 40


async def test_duration_cuts_and_never_lengthens(filming, clip_of, decode):
    """3 s cut to 2; 2 s stay 2 when 9 are asked for; the bill follows."""
    three = await filming.upload("3.mp4", clip_of(seconds=3, fps=10))
    body = filming.wan(media=[{"type": "video", "url": three}], ratio="1:1", duration=2)
    assert decode(await filming.film(body)).seconds == 2
    done = await filming.finished(filming.wan(media=[{"type": "video", "url": three}], duration=9))
    assert done["usage"]["duration"] == 6.0


async def test_the_same_request_and_seed_give_the_same_bytes_elsewhere(filming, clip, tmp_path):
    """In another process, under another hash seed."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    here = await filming.film(
        {
            **filming.vace(
                "video_repainting",
                video_url=await filming.upload("c.mp4", clip, "wan2.1-vace-plus"),
            ),
            "parameters": {"seed": 3},
        }
    )
    program = f"""
import hashlib, pathlib, sys
from mockserver import catalogue
from mockserver.media.plan import FilmPlan, Source
from mockserver.tasks.outcome import foresee_outcome
from mockserver.media.film_renderer import FilmRenderer
data = pathlib.Path({str(path)!r})
model = catalogue.load_catalogue().models["wan2.1-vace-plus"]
digest = "sha256:" + hashlib.sha256(data.read_bytes()).hexdigest()
source = Source("video_url", "video", digest, 320, 240, 2.0)
request = {{"input": {{"function": "video_repainting", "prompt": "a lion"}}, "parameters": {{"seed": 3}}}}
outcome = foresee_outcome(model, model.find_variant("video_repainting"), request, (source,), 9)
target = pathlib.Path({str(tmp_path / "film.mp4")!r})
FilmRenderer().render(FilmPlan.from_text(outcome.plan), lambda name: data, target)
print(hashlib.sha256(target.read_bytes()).hexdigest())
"""
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert there.stdout.strip() == hashlib.sha256(here).hexdigest()


async def test_without_a_seed_every_task_has_its_own_film(filming, clip):
    """The n-th task of a request is the same on every server, and differs from the one before."""
    url = await filming.upload("c.mp4", clip, "wan2.1-vace-plus")
    body = filming.vace("video_repainting", video_url=url)
    first, second = await filming.film(body), await filming.film(body)
    seeded = filming.vace("video_repainting", {"seed": 5}, video_url=url)
    assert first != second
    assert await filming.film(seeded) == await filming.film(seeded)
    filming.server.reset()
    again = filming.vace(
        "video_repainting", video_url=await filming.upload("c.mp4", clip, "wan2.1-vace-plus")
    )
    assert await filming.film(again) == first


async def test_the_watermark_is_in_the_lower_right_corner(filming, clip, decode):
    """And nowhere else."""
    media = [{"type": "video", "url": await filming.upload("clip.mp4", clip)}]
    plain = decode(await filming.film(filming.wan(media=media, seed=1)))
    marked = decode(await filming.film(filming.wan(media=media, seed=1, watermark=True)))
    corner, rest = (0.85, 0.94, 0.98, 0.97), (0, 0.6, 0.5, 1)
    assert far(plain.mean(5, corner), marked.mean(5, corner)) > 15
    assert far(plain.mean(5, rest), marked.mean(5, rest)) < 4


async def test_reference_images_are_seen(filming, clip, image_of, decode):
    """Inlined or uploaded, each at the lower left."""
    blue = f"data:image/png;base64,{b64encode(image_of(colour=(0, 0, 255))).decode()}"
    green = await filming.upload("green.png", image_of(colour=(0, 255, 0)))
    media = [
        {"type": "video", "url": await filming.upload("clip.mp4", clip)},
        {"type": "reference_image", "url": blue},
        {"type": "reference_image", "url": green},
    ]
    film = decode(await filming.film(filming.wan(media=media, ratio="1:1")))
    assert far(film.mean(9, (0.05, 0.82, 0.15, 0.92)), (0, 0, 255)) < 40
    assert far(film.mean(9, (0.27, 0.82, 0.37, 0.92)), (0, 255, 0)) < 40


async def test_a_mask_says_where(filming, clip_of, decode, tmp_path):
    """White is edited, black kept."""
    mask = Image.new("L", (320, 240), 0)
    mask.paste(255, (0, 0, 160, 240))
    mask.save(tmp_path / "mask.png")
    still = clip_of(seconds=0.4)
    model = "wan2.1-vace-plus"
    fields = {
        "video_url": await filming.upload("clip.mp4", still, model),
        "mask_image_url": await filming.upload(
            "mask.png", (tmp_path / "mask.png").read_bytes(), model
        ),
    }
    film = decode(
        await filming.film(filming.vace("video_edit", {"size": "960*960", "seed": 4}, **fields))
    )
    assert film.size == (960, 960)
    assert far(film.mean(3, (0.55, 0.7, 1, 1)), RED) < 12
    assert far(film.mean(3, (0, 0.7, 0.45, 1)), RED) > 40


async def test_outpainting_shows_the_frame_inside_a_larger_one(filming, clip_of, decode):
    """left_scale 2.0 adds the frame's width at the left; the input stands at the right as
    it was.
    """
    url = await filming.upload("clip.mp4", clip_of(seconds=0.4), "wan2.1-vace-plus")
    film = decode(
        await filming.film(filming.vace("video_outpainting", {"left_scale": 2.0}, video_url=url))
    )
    assert film.size == (640, 240)
    assert far(film.mean(3, (0.55, 0.7, 0.95, 0.95)), RED) < 12
    assert far(film.mean(3, (0.05, 0.7, 0.45, 0.95)), RED) > 40


async def test_extension_goes_on_from_the_first_and_leads_to_the_last_clip(
    filming, clip_of, decode
):
    """Five seconds; the clips stand unchanged at the start and at the end."""
    model = "wan2.1-vace-plus"
    first = await filming.upload("a.mp4", clip_of(seconds=1), model)
    last = await filming.upload(
        "b.mp4", clip_of(seconds=1, colour=(30, 60, 200), suffix=".b.mp4"), model
    )
    film = decode(
        await filming.film(
            filming.vace("video_extension", {"seed": 2}, first_clip_url=first, last_clip_url=last)
        )
    )
    low = (0, 0.7, 1, 1)
    assert (len(film.frames), film.size) == (150, (320, 240))
    assert far(film.mean(0, low), RED) < 12
    assert far(film.mean(28, low), RED) < 12
    assert far(film.mean(75, low), RED) > 25
    assert far(film.mean(149, low), (30, 60, 200)) < 12


async def test_extension_from_frames(filming, image_of, decode):
    """Frames do as well as clips."""
    model = "wan2.1-vace-plus"
    first = await filming.upload("a.png", image_of(size=(320, 240), colour=RED), model)
    film = decode(await filming.film(filming.vace("video_extension", first_frame_url=first)))
    assert (len(film.frames), film.size) == (150, (320, 240))
    assert far(film.mean(0, (0, 0, 1, 1)), RED) < 12


async def test_image_reference_shows_the_subject_before_the_background(filming, image_of, decode):
    """Five seconds at the size asked for; the subject as it was given."""
    model = "wan2.1-vace-plus"
    subject = await filming.upload("s.png", image_of(colour=(0, 0, 255)), model)
    ground = await filming.upload("g.png", image_of(colour=(90, 200, 60)), model)
    body = filming.vace(
        "image_reference",
        {"obj_or_bg": ["obj", "bg"], "size": "832*1088"},
        ref_images_url=[subject, ground],
    )
    film = decode(await filming.film(body))
    assert (film.size, len(film.frames)) == ((832, 1088), 150)
    blues = [
        film.frames[40].getpixel((x, y)) for x in range(0, 832, 16) for y in range(0, 1088, 16)
    ]
    assert sum(far(pixel, (0, 0, 255)) < 40 for pixel in blues) > 200


async def test_vace_is_five_seconds_at_most_and_silent(filming, clip_of, decode):
    """Longer input is cut; its sound is not kept."""
    url = await filming.upload(
        "clip.mp4", clip_of(seconds=6, fps=10, sound=True), "wan2.1-vace-plus"
    )
    film = decode(await filming.film(filming.vace("video_outpainting", video_url=url)))
    assert (film.seconds, film.sounds) == (5, 0)


async def test_a_sound_is_made_where_none_goes_in(filming, image_of, decode):
    """A model that makes sounds gives its films one as long as they are; a clip's own comes first,
    and a silent clip that is edited stays silent.
    """
    film = decode(await filming.film(body_of("wan2.7-t2v", {"prompt": "rain"}, duration=2)))
    assert (film.seconds, film.sounds) == (2, 1)
    assert 1.9 < film.audio_s < 2.1
    url = await filming.upload("first.png", image_of(), "wan2.7-i2v")
    media = {"media": [{"type": "first_frame", "url": url}]}
    assert decode(await filming.film(body_of("wan2.7-i2v", media, duration=2))).sounds == 1


async def test_wan_keeps_the_sound(filming, clip_of, decode):
    """The input's sound, cut with the picture."""
    url = await filming.upload("clip.mp4", clip_of(seconds=3, fps=10, sound=True))
    film = decode(
        await filming.film(
            filming.wan(media=[{"type": "video", "url": url}], ratio="1:1", duration=2)
        )
    )
    assert (film.seconds, film.sounds) == (2, 1)
    assert 1.9 < film.audio_s < 2.1


async def test_an_input_that_is_not_fetched_becomes_a_clip_of_its_url(filming, decode):
    """5 s at 1280*720; decided by the address without its signature."""
    model_body = filming.vace(
        "video_outpainting", {"seed": 1}, video_url="https://e.com/a.mp4?Signature=1"
    )
    again = filming.vace(
        "video_outpainting", {"seed": 1}, video_url="https://e.com/a.mp4?Signature=2"
    )
    other = filming.vace("video_outpainting", {"seed": 1}, video_url="https://e.com/b.mp4")
    first = await filming.film(model_body)
    assert await filming.film(again) == first
    assert await filming.film(other) != first
    film = decode(first)
    assert (film.size, film.seconds) == ((1280, 720), 5)
    assert far(film.mean(0, (0, 0, 0.3, 0.3)), film.mean(75, (0, 0, 0.3, 0.3))) > 3  # it moves


async def masked(filming, clip, white):
    """The fields of a request with a mask of 320x240 that is white in a box (left, top, right,
    bottom).
    """
    mask = Image.new("L", (320, 240), 0)
    mask.paste(255, white)
    file = BytesIO()
    mask.save(file, "PNG")
    model = "wan2.1-vace-plus"
    return {
        "video_url": await filming.upload("clip.mp4", clip, model),
        "mask_image_url": await filming.upload("mask.png", file.getvalue(), model),
    }


async def test_a_mask_grows_with_expand_ratio(filming, clip_of, decode, image_of):
    """Only while it is tracked: what lies just beside the white part is edited too."""
    fields = await masked(filming, clip_of(seconds=0.2), (0, 0, 160, 240))
    beside = (0.55, 0.7, 0.6, 1)
    edited = []
    for settings in (
        {"expand_ratio": 0.5},
        {"expand_ratio": 0.0},
        {"expand_ratio": 0.5, "mask_type": "fixed"},
    ):
        body = filming.vace("video_edit", {"size": "960*960", "seed": 4, **settings}, **fields)
        edited.append(far(decode(await filming.film(body)).mean(3, beside), RED) > 40)
    assert edited == [True, False, False]


async def test_a_tracked_mask_moves_and_a_fixed_one_stands(filming, clip_of, decode):
    """The edited region is where the mask has it in the first frame; 0.8 s later it has moved to
    the right, or not.
    """
    fields = await masked(filming, clip_of(seconds=1), (120, 140, 160, 240))
    own, beside = (0.4, 0.7, 0.48, 0.95), (0.53, 0.7, 0.6, 0.95)
    seen = {}
    for kind in ("tracking", "fixed"):
        settings = {"size": "1088*832", "seed": 4, "mask_type": kind, "expand_ratio": 0.0}
        film = decode(await filming.film(filming.vace("video_edit", settings, **fields)))
        seen[kind] = [
            [far(film.mean(frame, box), RED) > 40 for box in (own, beside)] for frame in (0, 24)
        ]
    assert seen == {
        "tracking": [[True, False], [False, True]],
        "fixed": [[True, False], [True, False]],
    }


async def test_strength_is_seen(filming, clip_of):
    """A lower strength gives another picture; 1.0 is the default."""
    url = await filming.upload("clip.mp4", clip_of(seconds=0.2), "wan2.1-vace-plus")
    films = [
        await filming.film(filming.vace("video_repainting", {"seed": 3, **strength}, video_url=url))
        for strength in ({}, {"strength": 0.2})
    ]
    assert films[0] != films[1]


async def test_a_film_of_a_phone_is_upright(filming, clip_of, decode):
    """320*240 stored lying down with a note to turn it: the output is taller than wide, the picture
    turned.
    """
    turned = with_rotation(clip_of(seconds=0.2))
    url = await filming.upload("clip.mp4", turned, "wan2.1-vace-plus")
    film = decode(await filming.film(filming.vace("video_outpainting", {"seed": 1}, video_url=url)))
    assert film.size == (240, 320)
    assert far(film.mean(3, (0.1, 0.7, 0.9, 0.95)), RED) < 60

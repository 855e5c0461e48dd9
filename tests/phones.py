"""Clips and pictures as phones, cameras and other programs write them, and as a bad day leaves
them.
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

FRAMES, FPS = 12, 6  # two seconds
_UNITS = 600  # of a second


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (320, 240),
    times: list[int] | None = None,
    sounds: int = 0,
    turn: int = 0,
    movflags: str = "",
    frames: int = FRAMES,
    shades: tuple[int, int, int] | None = None,
    **codec_options: str,
) -> Path:
    """A clip of two seconds; `times` are of its frames, in 600ths of a second."""
    muxing = {"avoid_negative_ts": "disabled", **({"movflags": movflags} if movflags else {})}
    with av.open(str(path), "w", options=muxing) as container:
        stream = container.add_stream(codec, rate=FPS, options=codec_options)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.time_base = stream.codec_context.time_base = Fraction(1, _UNITS)
        if turn:
            stream.set_display_rotation(turn)
        tracks = [container.add_stream("aac", rate=48000, layout="mono") for _ in range(sounds)]
        for number in range(frames):
            picture = Image.new("RGB", size, shades or (number * 20, 100, 50))
            frame = av.VideoFrame.from_image(picture).reformat(format=pixels)
            frame.pts = times[number] if times else number * _UNITS // FPS
            frame.time_base = Fraction(1, _UNITS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for track in tracks:
            for number in range(48000 * 2 // 1024):
                sound = av.AudioFrame(format="fltp", layout="mono", samples=1024)
                sound.sample_rate, sound.pts, sound.time_base = (
                    48000,
                    number * 1024,
                    Fraction(1, 48000),
                )
                sound.planes[0].update(bytes(sound.planes[0].buffer_size))
                container.mux(track.encode(sound))
            container.mux(track.encode())
    return path


# name: (how it is made, (form, width, height, seconds))
CLIPS: dict[str, tuple[dict[str, Any], tuple[str, int, int, float]]] = {
    "index-last.mp4": ({}, ("mp4", 320, 240, 2.0)),
    "index-first.mp4": ({"movflags": "faststart"}, ("mp4", 320, 240, 2.0)),
    "fragments.mp4": (
        {"movflags": "frag_keyframe+empty_moov", "g": "4"},
        ("mp4", 320, 240, 2.0),
    ),
    "hevc-10-bit.mov": (
        {
            "codec": "libx265",
            "pixels": "yuv420p10le",
            "x265-params": "log-level=none",
            "preset": "ultrafast",
        },
        ("mov", 320, 240, 2.0),
    ),
    "b-frames.mp4": ({"bf": "2"}, ("mp4", 320, 240, 2.0)),
    "uneven-frames.mp4": (
        {"times": [0, 100, 150, 200, 500, 600, 650, 700, 800, 900, 1000, 1100]},
        ("mp4", 320, 240, 2.0),
    ),
    "trimmed.mp4": (
        {"times": [100 * number - 300 for number in range(FRAMES)]},
        ("mp4", 320, 240, 1.5),
    ),
    "begins-late.mp4": (
        {"times": [100 * number + 600 for number in range(FRAMES)]},
        ("mp4", 320, 240, 2.0),
    ),
    "upright.mov": ({"turn": 90}, ("mov", 240, 320, 2.0)),
    "upside-down.mov": ({"turn": 180}, ("mov", 320, 240, 2.0)),
    "three-sounds.mov": ({"sounds": 3}, ("mov", 320, 240, 2.0)),
}


def drop_brand(clip: bytes) -> bytes:
    """A MOV as old cameras write it: its first box is no ftyp."""
    at = clip.index(b"ftyp")
    return clip[: at - 4] + clip[at - 4 :].replace(b"ftypqt  ", b"wide" + bytes(4), 1)


def patch_box(clip: bytes, box: bytes, at: int, form: str, value: int, nth: int = 0) -> bytes:
    """`clip` with a number in one of its boxes changed; `at` counts from the end of its name."""
    start = -1
    for _ in range(nth + 1):
        start = clip.index(box, start + 1)
    changed = bytearray(clip)
    struct.pack_into(form, changed, start + 4 + at, value)
    return bytes(changed)


def add_neighbour(clip: bytes, path: str) -> bytes:
    """`clip` (whose index comes last) with its frames said to lie in the file `path`."""
    name = path.encode()
    alias = bytes(10) + b"\3vol".ljust(28, b"\0") + bytes(12) + b"\4file".ljust(64, b"\0")
    alias += bytes(16) + struct.pack(">HH", 1, 1) + bytes(16)
    alias += struct.pack(">HH", 2, len(name)) + name + b"\0" * (len(name) % 2)
    alias += struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    at = clip.index(b"dref") + 12
    (length,) = struct.unpack_from(">I", clip, at)
    changed = bytearray(clip[:at] + entry + clip[at + length :])
    for holder in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = changed.index(holder) - 4
        (was,) = struct.unpack_from(">I", changed, place)
        struct.pack_into(">I", changed, place, was + len(entry) - length)
    return bytes(changed)


def make_picture(form: str = "JPEG", size: tuple[int, int] = (256, 256), **more: Any) -> bytes:
    """A picture with something on it."""
    content = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(content, form, **more)
    return content.getvalue()


def make_phone_picture() -> bytes:
    """A JPEG of two pictures, as phones and cameras write them."""
    return make_picture("MPO", append_images=[Image.new("RGB", (64, 64))], save_all=True)


HOSTILE = {
    "session": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    b"m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "concat": b"ffconcat version 1.0\nfile neighbour.mp4\n",
    "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n",
    "dash": b'<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>',
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/"/></svg>',
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 300 300\n(/etc/passwd) run\n",
}

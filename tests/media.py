"""Tiny clips and pictures, good ones and ones that break a limit of the service."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

FPS = 4
_CLIPS = {  # name: (width, height, seconds)
    "ok.mp4": (320, 240, 2),
    "other.mp4": (320, 240, 2),
    "ok.mov": (320, 240, 2),
    "ok.mkv": (320, 240, 2),
    "ok.webm": (320, 240, 2),
    "second.mp4": (320, 240, 1),
    "four-seconds.mp4": (320, 240, 4),
    "six-seconds.mp4": (320, 240, 6),
    "eleven-seconds.mp4": (320, 240, 11),
    "small.mp4": (160, 120, 2),
    "wide.mp4": (2400, 240, 2),
}
_PICTURES = {  # name: (width, height, mode)
    "ok.png": (256, 256, "RGB"),
    "ok.jpg": (256, 256, "RGB"),
    "ok.webp": (256, 256, "RGB"),
    "ok.gif": (256, 256, "P"),
    "alpha.png": (256, 256, "RGBA"),
    "grey-alpha.png": (256, 256, "LA"),
    "hundred.png": (100, 100, "RGB"),
    "wide.png": (2400, 240, "RGB"),
}


def make_media(folder: Path) -> Path:
    """Write all of them into `folder`."""
    for name, (width, height, seconds) in _CLIPS.items():
        make_clip(folder / name, width=width, height=height, seconds=seconds)
    for name, (width, height, mode) in _PICTURES.items():
        Image.new(mode, (width, height), 0).save(folder / name)
    _sound_only(folder / "sound.mp4")
    (folder / "text.mp4").write_text("no video at all\n")
    (folder / "text.png").write_text("no picture at all\n")
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "cut-short.mp4").write_bytes((folder / "ok.mp4").read_bytes()[:200])
    _sparse(folder / "large.mp4", folder / "ok.mp4", 101 << 20)
    _sparse(folder / "large.png", folder / "ok.png", 21 << 20)
    return folder


def make_clip(
    path: Path,
    *,
    width: int = 320,
    height: int = 240,
    seconds: int = 2,
    shade: int | None = None,
    sound: bool = False,
) -> Path:
    """A clip of one colour, silent or with a tone; other names and shades give other bytes."""
    codec = "libvpx" if path.suffix == ".webm" else "libx264"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        grey = sum(path.name.encode()) % 200 if shade is None else shade
        picture = Image.new("RGB", (width, height), (grey, grey, grey))
        for _ in range(FPS * seconds):
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        tone = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        container.mux(stream.encode(None))
        if tone is not None:
            write_tone(container, tone, 8000 * seconds)
    return path


def make_sound(path: Path, *, seconds: float = 4.2) -> Path:
    """A tone as WAV or MP3, by the suffix of the path."""
    codec, form = ("mp3", "s16p") if path.suffix == ".mp3" else ("pcm_s16le", "s16")
    wave = struct.pack("<1152h", *([8000] * 16 + [-8000] * 16) * 36)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=44_100, layout="mono")
        left = round(44_100 * seconds)
        while left > 0:
            frame = av.AudioFrame(format=form, layout="mono", samples=min(1152, left))
            frame.planes[0].update(wave[: 2 * frame.samples].ljust(frame.planes[0].buffer_size))
            frame.sample_rate = 44_100
            left -= frame.samples
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_tone(container: Any, stream: Any, samples: int) -> None:
    """A square wave of 250 Hz."""
    wave = struct.pack("<1024h", *([8000] * 16 + [-8000] * 16) * 32)
    for begin in range(0, samples, 1024):
        frame = av.AudioFrame(format="s16", layout="mono", samples=1024)
        frame.planes[0].update(wave)
        frame.sample_rate, frame.pts, frame.time_base = 8000, begin, Fraction(1, 8000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _sound_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        write_tone(container, stream, 1024)


def _sparse(path: Path, good: Path, size_bytes: int) -> None:
    """A good file followed by a hole: too large, and takes no room on the disk."""
    path.write_bytes(good.read_bytes())
    with path.open("r+b") as file:
        file.truncate(size_bytes)

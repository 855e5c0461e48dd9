"""Downloads and uploads stream: memory does not grow with the size of a video."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path
from typing import Any

from mockserver import MockServer, VirtualClock
from tests.e2e.bench import Bench, SmallFilms, Ticking, write_video

MIB = 1 << 20


def pad(path: Path, size_bytes: int) -> None:
    """Make an MP4 larger by a box that players skip."""
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", size_bytes, b"free"))
        file.truncate(file.tell() + size_bytes - 8)


class HeavyFilms(SmallFilms):
    """Films padded to a size."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes

    def render(self, plan: Any, medium: Any, target: Path) -> None:
        part = target.with_suffix(".heavy")
        super().render(plan, medium, part)
        pad(part, self.size_bytes)
        part.replace(target)


async def peak_bytes(root: Path, size_bytes: int) -> int:
    """The most memory Python held while a video of that size went up and another came down."""
    root.mkdir()
    virtual = VirtualClock()
    async with MockServer(clock=virtual, renderer=HeavyFilms(size_bytes)) as server:
        bench = Bench(root, server, Ticking(virtual), virtual)
        (root / "specs").mkdir()
        pad(write_video(root / "specs/clip.mp4", 2.0), size_bytes)
        bench.edit("rain", url="clip.mp4")
        tracemalloc.start()
        report = await bench.apply()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        await bench.network.aclose()
    assert report.exit_code == 0
    assert bench.output("rain").stat().st_size > size_bytes
    return peak


async def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    """Ten times the video, the same memory, in client and server together."""
    small = await peak_bytes(tmp_path / "small", 6 * MIB)
    large = await peak_bytes(tmp_path / "large", 60 * MIB)
    assert large - small < 6 * MIB

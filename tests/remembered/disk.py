"""A disk whose times stand still until a test moves them, as those of a disk with long ticks do."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.system import files
from reconciler.system.files import Stamp
from tests.clock import FakeClock
from tests.everywhere import replace_everywhere


class TickingDisk:
    """All that is written between two ticks has one time: that of the `clock`. What follows a tick
    is later on the disk, whatever the clock says; nobody can set `ctime` back.

    `scrap` is a file that tells the kernel's own time.
    """

    def __init__(self, clock: FakeClock, scrap: Path) -> None:
        self.clock = clock
        self._scrap = scrap
        self._begins_ns = [0]  # by the kernel's time
        self._times = [clock.now()]

    def tick(self, seconds: float) -> None:
        """Let time pass, or set it back."""
        before = self._read_kernel_time()
        while (begin := self._read_kernel_time()) == before:
            pass  # the kernel's own ticks take some milliseconds
        self.clock.advance(seconds)
        self._begins_ns.append(begin)
        self._times.append(self.clock.now())

    def _read_kernel_time(self) -> int:
        self._scrap.write_bytes(b"")
        return self._scrap.stat().st_mtime_ns

    def make_stamp(self, info: os.stat_result) -> Stamp | None:
        """As `files.make_stamp`, by this disk's times."""
        stamp = _make_stamp(info)
        if stamp is None:
            return None
        size_bytes, mtime, ctime, inode = files.unpack_stamp(stamp)
        return files.pack_stamp(size_bytes, self._translate(mtime), self._translate(ctime), inode)

    def _translate(self, time_ns: int) -> int:
        return int(self._times[bisect_right(self._begins_ns, time_ns) - 1] * 1e9)


_make_stamp = files.make_stamp


@contextmanager
def mount(disk: TickingDisk) -> Iterator[None]:
    """All stamps of a block are by the times of `disk`."""
    with pytest.MonkeyPatch.context() as patch:
        replace_everywhere(patch, "make_stamp", disk.make_stamp)
        yield

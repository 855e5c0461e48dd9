"""What tells that a file is no longer the one that was there, without reading it."""

from __future__ import annotations

import os

# A file that changed less than this ago may change once more within one tick of the clock of its
# file system, and then look the same.
YOUNG_NS = 40_000_000

# (size, mtime, ctime, inode, whether it was young), times in nanoseconds; None: nothing is there
Stamp = tuple[int, int, int, int, bool] | None


def take_stamp(path: str, *, now_ns: int = 0) -> Stamp:
    """The stamp of what lies at `path`, links followed.

    `now_ns` is the wall time: a file that is young then has a stamp that it will not have again.
    """
    try:
        info = os.stat(path)  # noqa: PTH116  (thousands of them: making a Path costs more)
    except OSError:  # not there, not to be reached, or a link that leads nowhere
        return None
    young = 0 <= now_ns - info.st_ctime_ns < YOUNG_NS
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino, young

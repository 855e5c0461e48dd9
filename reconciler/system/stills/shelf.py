"""Keeps what was made of media, by digest, within bounds. Losing it costs computing time.

FOLDER/ab/abcd….poster.webp
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

from reconciler.system.files import write_atomic
from reconciler.system.stills.kinds import StillKind


class StillShelf:
    """A folder of at most `most_bytes`; what was asked for the longest ago goes first."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._size_bytes: int | None = None  # of all that is there, once it was counted

    def read(self, digest: str, kind: StillKind) -> bytes | None:
        """The bytes that were made; None where there are none."""
        path = self._path(digest, kind)
        try:
            made = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)
        return made or None

    def has(self, digest: str, kind: StillKind) -> bool:
        """Whether it was made."""
        return self._path(digest, kind).is_file()

    def put(self, digest: str, kind: StillKind, made: bytes, *, tmp_name: str) -> None:
        """Keep what was made. Raises DiskFull, OSError."""
        write_atomic(self._path(digest, kind), made, tmp_name=tmp_name)
        with self._lock:
            self._make_room(len(made))

    def _path(self, digest: str, kind: StillKind) -> Path:
        return self.folder / digest[:2] / f"{digest}.{kind.value}"

    def _make_room(self, added_bytes: int) -> None:
        if self._size_bytes is not None:
            self._size_bytes += added_bytes
            if self._size_bytes <= self._most_bytes:
                return
        there = sorted(self._list())
        size_bytes = sum(size for _, size, _ in there)
        for _, size, path in there:
            if size_bytes <= self._most_bytes:
                break
            with suppress(OSError):
                path.unlink()
                size_bytes -= size
        self._size_bytes = size_bytes

    def _list(self) -> Iterator[tuple[int, int, Path]]:
        """What is there: when it was asked for last, its size, and where."""
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for path in folder.iterdir() if not folder.is_symlink() else ():
                with suppress(OSError):
                    info = path.lstat()
                    yield info.st_mtime_ns, info.st_size, path

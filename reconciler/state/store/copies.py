"""Copies of a bucket's objects on this machine, named by their digest. Losing them costs traffic.

FOLDER/ab/abcd…      the bytes, named by their SHA-256
FOLDER/tmp/NAME      what is being written
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Lock
from typing import IO

from reconciler.formats.digest import DIGEST
from reconciler.state.store.incoming import IncomingFolder
from reconciler.system.clock import Clock
from reconciler.system.files import hash_file, make_dirs, measure_free_bytes

_LATELY = 64  # copies that are not removed, since somebody here may be reading them


class Copies:
    """A folder of at most `most_bytes`, beside what was used just now; oldest use goes first."""

    def __init__(self, folder: Path, most_bytes: int, clock: Clock) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._incoming = IncomingFolder(folder / "tmp", clock)
        self._used: deque[str] = deque(maxlen=_LATELY)  # by this process: they stay
        self._lock = Lock()
        self._size_bytes: int | None = None  # of all that is there, once it was counted

    def has(self, digest: str) -> bool:
        """Whether a copy is there. Its bytes are hashed by `find`, which may drop it."""
        return self._path(digest).is_file()

    def find(self, digest: str) -> Path | None:
        """The file with these bytes, hashed again; None where there is none. A copy that went bad
        is dropped.
        """
        path = self._path(digest)
        with self._lock:
            self._used.append(digest)
        try:
            if hash_file(path) == digest:
                os.utime(path)
                return path
        except OSError:
            return None
        path.unlink(missing_ok=True)
        return None

    def create(self) -> AbstractContextManager[tuple[Path, IO[bytes]]]:
        """A temporary file, which `keep` makes a copy; without that nothing remains. Raises
        DiskFull.
        """
        return self._incoming.create()

    def keep(self, path: Path, digest: str) -> Path:
        """Make a file, whose bytes are known to be of that digest, the copy of it."""
        target = self._path(digest)
        make_dirs(target.parent)
        size_bytes = path.stat().st_size
        path.chmod(0o444)
        path.rename(target)
        with self._lock:
            self._used.append(digest)
            self._make_room(size_bytes)
        return target

    def fill(self, digest: str, chunks: Iterable[bytes]) -> Path | None:
        """Take bytes that came from elsewhere; None where they are not those of the digest, and
        then nothing of them is kept.
        """
        with self.create() as (path, file):
            hasher = hashlib.sha256()
            for chunk in chunks:
                file.write(chunk)
                hasher.update(chunk)
            file.flush()
            return self.keep(path, digest) if hasher.hexdigest() == digest else None

    def measure_free_bytes(self) -> int:
        """How much can still be written on the file system of the copies."""
        make_dirs(self.folder)
        return measure_free_bytes(self.folder)

    def sweep(self) -> None:
        """Remove what killed runs left half written over a day ago."""
        self._incoming.sweep()

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest

    def _make_room(self, added_bytes: int) -> None:
        """Remove the copies that were not used for the longest time, until the rest fits."""
        if self._size_bytes is not None:
            self._size_bytes += added_bytes
            if self._size_bytes <= self._most_bytes:
                return
        there = sorted(self._list(), key=lambda each: (each[1].st_mtime_ns, each[0].name))
        size_bytes = sum(info.st_size for _, info in there)
        for path, info in there:
            if size_bytes <= self._most_bytes:
                break
            if path.name not in self._used:
                path.unlink(missing_ok=True)
                size_bytes -= info.st_size
        self._size_bytes = size_bytes

    def _list(self) -> Iterator[tuple[Path, os.stat_result]]:
        """The copies that are there. Whoever made a link of a folder here has nothing removed
        behind it.
        """
        if self.folder.is_symlink():
            return
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for path in folder.iterdir() if not folder.is_symlink() else ():
                with suppress(FileNotFoundError):
                    info = path.lstat()
                    if stat.S_ISREG(info.st_mode) and DIGEST.fullmatch(path.name):
                        yield path, info

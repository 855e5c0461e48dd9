"""What is on its way into a store: files of this machine, until they are whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from reconciler.state.store.base import T
from reconciler.system.clock import Clock
from reconciler.system.files import create_file, make_dirs

_LEFTOVER_S = 24 * 3600


class IncomingFolder:
    """A folder of files that are being written; of killed runs some stay there."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._is_durable = False  # its name, made so by this process: it is empty time and again

    @contextmanager
    def create(self) -> Iterator[tuple[Path, IO[bytes]]]:
        """A new file, removed again unless the body renames it away. Raises DiskFull."""
        if not self._is_durable or not self._folder.is_dir():
            make_dirs(self._folder)
            self._is_durable = True
        with create_file(self._folder, f"{self._clock.new_id()}.part") as (path, file):
            yield path, file

    def sweep(self) -> None:
        """Remove what killed runs left half written over a day ago."""
        for path in self._folder.glob("*.part"):
            with suppress(FileNotFoundError):  # its writer has just finished
                if self._clock.now() - path.stat().st_mtime > _LEFTOVER_S:
                    path.unlink()


class FileBlobWriter:
    """A blob on its way in, in a file of this machine: bytes are hashed as they pass, and `settle`
    makes it visible once they are durable.

    What each method promises stands in `BlobWriter`.
    """

    def __init__(
        self, path: Path, file: IO[bytes], settle: Callable[[FileBlobWriter], None]
    ) -> None:
        self.path = path
        self.size_bytes = 0
        self._file = file
        self._hash = hashlib.sha256()
        self._settle = settle

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def inspect(self, look: Callable[[Path, int], T]) -> T:
        self._file.flush()
        return look(self.path, self.size_bytes)

    def commit(self) -> str:
        self._file.flush()
        os.fchmod(self._file.fileno(), 0o444)
        os.fsync(self._file.fileno())
        self._settle(self)
        return self.digest

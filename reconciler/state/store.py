"""Blobs by digest, results by key. Written once, verified at the write and at the read;
immutable until gc.

blobs/ab/abcd…            the bytes, named by their SHA-256
results/ab/KEY.DIGEST.json  the record that a job (KEY) had this outcome (DIGEST)
tmp/                      what is being written
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from reconciler.errors import StoreDamaged
from reconciler.formats.digest import canonical_json
from reconciler.formats.records import loads, record
from reconciler.state.observed import Result
from reconciler.system.clock import Clock
from reconciler.system.files import copy_atomic, fsync_dir, make_dirs, new_file, sha256_file

_LEFTOVER_S = 24 * 3600


class BlobWriter:
    """A blob on its way in: bytes are hashed as they pass; it becomes visible only by `commit`."""

    def __init__(self, store: Store, path: Path, file: IO[bytes]) -> None:
        self._store = store
        self._file = file
        self._hash = hashlib.sha256()
        self.path = path
        self.size_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def flush(self) -> None:
        """Make what was written readable at `path`, so that it can be checked before it is
        committed.
        """
        self._file.flush()

    @property
    def digest(self) -> str:
        """Of what was written so far."""
        return self._hash.hexdigest()

    def commit(self) -> str:
        """Make the blob durable and visible under its digest, which is returned."""
        digest = self.digest
        self._file.flush()
        os.fchmod(self._file.fileno(), 0o444)
        os.fsync(self._file.fileno())
        self._store._settle_blob(self.path, digest)
        return digest


class Store:
    """The store of one realm. Any number of readers; writers hold the project's lock."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self._clock = clock

    # -------------------------------------------------------------- blobs

    def blob_path(self, digest: str) -> Path:
        """Where the blob of that digest lies, or would lie."""
        return self.folder / "blobs" / digest[:2] / digest

    def has(self, digest: str, size_bytes: int) -> bool:
        """Whether a blob of that digest and size is there. The bytes are verified when they are
        read.
        """
        try:
            return self.blob_path(digest).stat().st_size == size_bytes
        except (FileNotFoundError, NotADirectoryError):
            return False

    @contextmanager
    def new_blob(self) -> Iterator[BlobWriter]:
        """A writer for one blob; without `commit` nothing remains of it."""
        make_dirs(self.folder / "tmp")
        with new_file(self.folder / "tmp", f"{self._clock.new_id()}.part") as (path, file):
            yield BlobWriter(self, path, file)

    def _settle_blob(self, tmp: Path, digest: str) -> None:
        target = self.blob_path(digest)
        make_dirs(target.parent)
        # hashed again before it is trusted
        if not target.exists() or sha256_file(target) != digest:
            tmp.rename(target)
        fsync_dir(target.parent)  # also where it is there: a kill may have come before this

    def checked(self, digest: str) -> Path:
        """Where the blob of that digest lies, its bytes hashed again. Raises StoreDamaged."""
        source = self.blob_path(digest)
        if not source.is_file():
            raise StoreDamaged(
                f"the blob {digest[:12]}… is not in the store.",
                hint="Run plan: it says what is left to do.",
            )
        if sha256_file(source) != digest:
            raise StoreDamaged(
                f"the blob {digest[:12]}… no longer has the bytes it is named for.",
                hint=f"Nothing was overwritten. Remove {source} and run apply again.",
            )
        return source

    def copy_out(self, digest: str, target: Path) -> None:
        """Put a blob's bytes at `target`, by rename of a complete copy. Raises StoreDamaged,
        leaving `target` alone.
        """
        copy_atomic(self.checked(digest), target, tmp_name=self._clock.new_id())

    # -------------------------------------------------------------- results

    def put_result(self, result: Result) -> None:
        """Record an outcome whose blob is already committed. The same outcome twice is no change."""
        folder = self._record(result).parent
        make_dirs(folder)
        with new_file(folder, f".{self._clock.new_id()}.tmp") as (tmp, file):
            file.write(canonical_json(asdict(result)) + b"\n")
            file.flush()
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
            target = self._record(result)
            if _read(target) is None:  # none yet, or one that went bad
                tmp.rename(target)
        fsync_dir(folder)

    def confirm(self, result: Result) -> None:
        """Make durable a record that is there: who wrote it may have been killed before that."""
        fsync_dir(self._record(result).parent)

    def results(
        self, *, read_data: bool = False
    ) -> tuple[Mapping[str, Sequence[Result]], Sequence[str]]:
        """All results whose blob is there, by key, oldest first; and in words what could not be
        trusted.

        `read_data` hashes every blob; otherwise its size is compared.
        """
        found: dict[str, list[Result]] = {}
        damaged: list[str] = []
        for path in self._records():
            result = _read(path)
            if result is None:
                damaged.append(f"the result record {path.name[:12]}… cannot be read")
            elif not self.has(result.digest, result.size_bytes):
                damaged.append(
                    f"the blob {result.digest[:12]}… of {result.edit} is missing or cut short"
                )
            elif read_data and sha256_file(self.blob_path(result.digest)) != result.digest:
                damaged.append(
                    f"the blob {result.digest[:12]}… of {result.edit} does not have the bytes it is"
                    " named for"
                )
            else:
                found.setdefault(result.key, []).append(result)
        for results in found.values():
            results.sort(key=lambda each: (each.stored_at, each.digest))
        return found, sorted(damaged)

    def stored(self, key: str) -> Result | None:
        """The first result of a job, as it is in the store at this moment, its bytes hashed; None
        when there is none that can be trusted.
        """
        folder = self.folder / "results" / key[:2]
        there = (_read(path) for path in sorted(folder.glob(f"{key}.*.json")))
        sound = [
            each
            for each in there
            if each is not None
            and self.has(each.digest, each.size_bytes)
            and sha256_file(self.blob_path(each.digest)) == each.digest
        ]
        return min(sound, key=lambda each: (each.stored_at, each.digest), default=None)

    # -------------------------------------------------------------- housekeeping

    def damages(self, *, read_data: bool) -> Iterator[tuple[Path, str]]:
        """(file, what is wrong) for every record and blob that cannot be trusted; `read_data`
        hashes every blob.
        """
        for path in self._records():
            result = _read(path)
            if result is None:
                yield path, f"the record {path.name[:12]}… cannot be read"
            elif not self.has(result.digest, result.size_bytes):
                yield (
                    path,
                    f"the blob {result.digest[:12]}… of {result.edit} is missing or cut short",
                )
        for path in self._blobs() if read_data else ():
            if sha256_file(path) != path.name:
                yield path, f"the blob {path.name[:12]}… does not have the bytes it is named for"

    def sweep(self) -> None:
        """Remove what killed runs left half written over a day ago; in a shared store younger ones
        may be in use.
        """
        for path in (self.folder / "tmp").glob("*.part"):
            if self._clock.now() - path.stat().st_mtime > _LEFTOVER_S:
                path.unlink(missing_ok=True)

    def quarantine(self, path: Path) -> Path:
        """Move a record or a blob out of sight, keeping its bytes. Returns where it went."""
        target = self.folder / "quarantine" / f"{path.name}.{self._clock.new_id()}"
        make_dirs(target.parent)
        path.rename(target)
        fsync_dir(path.parent)
        fsync_dir(target.parent)
        return target

    def remove(self, results: Sequence[Result]) -> None:
        """Delete results for good, records first, and the blobs that no other record names."""
        for result in results:
            path = self._record(result)
            path.unlink(missing_ok=True)
            fsync_dir(path.parent)
        named = {result.digest for each in self.results()[0].values() for result in each}
        for digest in {result.digest for result in results} - named:
            self.blob_path(digest).unlink(missing_ok=True)

    def _record(self, result: Result) -> Path:
        return self.folder / "results" / result.key[:2] / f"{result.key}.{result.digest}.json"

    def _blobs(self) -> Iterator[Path]:
        top = self.folder / "blobs"
        for folder in sorted(top.iterdir()) if top.is_dir() else ():
            yield from sorted(folder.iterdir())

    def _records(self) -> Iterator[Path]:
        top = self.folder / "results"
        for folder in sorted(top.iterdir()) if top.is_dir() else ():
            yield from sorted(
                each
                for each in folder.iterdir()
                if each.suffix == ".json" and not each.name.startswith(".")
            )


def _read(path: Path) -> Result | None:
    """The record at `path`; None when there is none that can be trusted."""
    try:
        result = record(Result, loads(path.read_bytes()))
        return result if path.name == f"{result.key}.{result.digest}.json" else None
    except (OSError, ValueError):
        return None

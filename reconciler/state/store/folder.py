"""A store in a folder: blobs by digest, results by key.

blobs/ab/abcd…              the bytes, named by their SHA-256
results/ab/KEY.DIGEST.json  the record that a job (KEY) had this outcome (DIGEST)
quarantine/NAME.ID          what was damaged, once somebody moved it out of sight
tmp/                        what is being written
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, KeysView, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO

from reconciler.errors import StoreDamaged, UsageError
from reconciler.formats.digest import encode_canonical
from reconciler.state.observed import Result
from reconciler.state.store.base import (
    Contents,
    Damage,
    Inputs,
    Room,
    describe_cut_short,
    describe_missing,
    describe_other_bytes,
    sort_key,
)
from reconciler.state.store.incoming import FileBlobWriter, IncomingFolder
from reconciler.state.store.notes import FolderNotes
from reconciler.state.store.records import Records, name_result, read_record
from reconciler.state.store.tally import RecordTally
from reconciler.system.cache import Cache, is_settled
from reconciler.system.clock import Clock
from reconciler.system.files import (
    copy_atomic,
    create_file,
    fsync_dir,
    hash_file,
    list_names,
    make_dirs,
    measure_free_bytes,
    read_folder_stamp,
)

Place = tuple[str, str]  # the folder of a record, and its name


class FolderStore:
    """A store in a folder: of this machine, or of one that several share.

    What each method promises stands in `Store`.
    """

    def __init__(self, folder: Path, clock: Clock, cache: Cache | None = None) -> None:
        self.folder = folder
        self._blobs_folder = f"{folder}/blobs"
        self._clock = clock
        self._incoming = IncomingFolder(folder / "tmp", clock)
        self._cache = cache or Cache(folder, None)
        self._records = Records(self._cache, clock)

    # -------------------------------------------------------------- blobs

    def blob_path(self, digest: str) -> Path:
        """Where the blob of that digest lies, or would lie."""
        return self.folder / "blobs" / digest[:2] / digest

    def has(self, digest: str, size_bytes: int) -> bool:
        """Whether a blob of that digest and size is there. The bytes are verified when they are
        read.
        """
        try:
            # as text: making a Path costs more than the look
            path = f"{self._blobs_folder}/{digest[:2]}/{digest}"
            return os.stat(path).st_size == size_bytes  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return False

    @contextmanager
    def new_blob(self) -> Iterator[FileBlobWriter]:
        with self._incoming.create() as (path, file):
            yield FileBlobWriter(path, file, self._settle_blob)

    def _settle_blob(self, blob: FileBlobWriter) -> None:
        target = self.blob_path(blob.digest)
        make_dirs(target.parent)
        # hashed again before it is trusted
        if not target.exists() or hash_file(target) != blob.digest:
            blob.path.rename(target)
        fsync_dir(target.parent)  # also where it is there: a kill may have come before this

    def check_blob(self, digest: str) -> None:
        self._check(digest)

    def _check(self, digest: str) -> Path:
        """Where the blob of that digest lies, its bytes hashed again. Raises StoreDamaged."""
        source = self.blob_path(digest)
        if not source.is_file():
            raise describe_missing(digest)
        if hash_file(source) != digest:
            raise StoreDamaged(
                f"the blob {digest[:12]}… no longer has the bytes it is named for.",
                hint=f"Nothing was overwritten. Remove {source} and run apply again.",
            )
        return source

    @contextmanager
    def open_blob(self, digest: str) -> Iterator[IO[bytes]]:
        try:
            file = self.blob_path(digest).open("rb")
        except OSError as error:
            raise describe_missing(digest) from error
        with file:
            yield file

    def copy_out(self, digest: str, target: Path) -> None:
        copy_atomic(self._check(digest), target, tmp_name=self._clock.new_id())

    def measure_room(self) -> Room:
        """How much can still be written on the folder's file system."""
        make_dirs(self.folder)
        return Room(measure_free_bytes(self.folder), str(self.folder))

    def link(self, digest: str, *, for_s: float) -> str:  # noqa: ARG002  (there are none)
        raise UsageError(
            f"the store is a folder ({self.folder}), and nobody can be given a link into it.",
            hint="A store in a bucket (`store: s3://…`) has links. `cutlist bundle` packs videos.",
        )

    # -------------------------------------------------------------- results

    def put_result(self, result: Result) -> None:
        folder = self._record(result).parent
        make_dirs(folder)
        with create_file(folder, f".{self._clock.new_id()}.tmp") as (tmp, file):
            file.write(encode_canonical(asdict(result)) + b"\n")
            file.flush()
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
            target = self._record(result)
            # none yet, or one that went bad
            if read_record(str(target), target.name) is None:
                tmp.rename(target)
        fsync_dir(folder)

    def confirm(self, result: Result) -> None:
        fsync_dir(self._record(result).parent)

    def remember(self) -> None:
        self._records.save()

    def find_results(self, keys: Collection[str], *, read_data: bool = False) -> Contents:
        """The results of these keys whose blob is there, oldest first; and in words what could not
        be trusted.

        `read_data` hashes their blobs; otherwise a blob's size is compared. Only the records of
        `keys` are read, however many there are.
        """
        return self._contents(self._list_records_of(keys), read_data=read_data)

    def read_all_results(self, *, read_data: bool = False) -> Contents:
        """All that was ever stored, for those who ask about the whole store. It costs what the
        store holds.
        """
        return self._contents(self._list_records(), read_data=read_data)

    def find_stored(self, digests: Collection[str]) -> frozenset[str]:
        named = (place for place in self._list_records() if place[1].split(".")[1] in digests)
        results = self._contents(named).results.values()
        return frozenset(result.digest for several in results for result in several)

    def find_rendered_for(self, edits: Collection[str]) -> Mapping[str, Sequence[Result]]:
        rendered: dict[str, list[Result]] = {}
        for _, results in sorted(self._contents(self._list_records_for(edits)).results.items()):
            for result in results:
                rendered.setdefault(result.edit, []).append(result)
        return rendered

    def count_recorded(self, edits: Collection[str]) -> Mapping[str, int]:
        tally = RecordTally(self._cache)
        for _ in self._count_folders(tally):
            pass
        return tally.read(edits)

    def _count_folders(self, tally: RecordTally) -> Iterator[tuple[str, KeysView[str]]]:
        """Each folder of records, counted, with the edits that it has records of."""
        for name in list_names(f"{self.folder}/results"):
            folder = f"{self.folder}/results/{name}"
            stamp = read_folder_stamp(folder)  # before what is in it is read
            mark = stamp if is_settled(stamp, self._clock.now()) else None
            yield folder, tally.add(folder, mark, partial(self._list_edits, folder))

    def _list_edits(self, folder: str) -> Iterator[str]:
        """The edits of the records in a folder, each as often as it has one."""
        for place in _list_in(folder):
            result = self._records.read(*place)
            if result is not None:
                yield result.edit

    def find_recorded(self, edits: Collection[str], keys: Collection[str]) -> Sequence[Result]:
        found = [
            result
            for place in self._list_records()
            if (result := self._records.read(*place)) is not None
            and (result.edit in edits or result.key in keys)
        ]
        return sorted(found, key=sort_key)

    def _list_records_for(self, edits: Collection[str]) -> Iterator[Place]:
        """The records of some edits; folders that have none of theirs are passed over."""
        for folder, there in self._count_folders(RecordTally(self._cache)):
            if there.isdisjoint(edits):
                continue
            for place in _list_in(folder):
                result = self._records.read(*place)
                if result is not None and result.edit in edits:
                    yield place

    def _contents(self, places: Iterable[Place], *, read_data: bool = False) -> Contents:
        by_key: dict[str, list[Result]] = {}
        damaged: list[str] = []
        read = _read_anew if read_data else self._records.read
        for folder, name in places:
            result = read(folder, name)
            if result is None:
                damaged.append(f"the result record {name[:12]}… cannot be read")
            elif not self.has(result.digest, result.size_bytes):
                damaged.append(describe_cut_short(result.digest, result.edit))
            elif read_data and hash_file(self.blob_path(result.digest)) != result.digest:
                damaged.append(describe_other_bytes(result.digest, result.edit))
            else:
                known = by_key.get(result.key)
                if known is None:
                    by_key[result.key] = [result]
                else:
                    known.append(result)
        for results in by_key.values():
            if len(results) > 1:
                results.sort(key=sort_key)
        return Contents(by_key, sorted(damaged))

    def find_first(self, key: str) -> Result | None:
        results = self.find_results([key], read_data=True).results.get(key, ())
        return next(iter(results), None)

    # -------------------------------------------------------------- housekeeping

    def verify(self, *, read_data: bool) -> Iterator[Damage]:
        for folder, name in self._list_records():
            place = f"{folder}/{name}"
            result = read_record(place, name)
            if result is None:
                yield self._damage(Path(place), f"the record {name[:12]}… cannot be read")
            elif not self.has(result.digest, result.size_bytes):
                words = describe_cut_short(result.digest, result.edit)
                yield self._damage(Path(place), words)
        for path in self._blobs() if read_data else ():
            if hash_file(path) != path.name:
                yield self._damage(path, describe_other_bytes(path.name))

    def _damage(self, path: Path, words: str) -> Damage:
        return Damage(words, str(path), path.relative_to(self.folder).as_posix())

    def open_inputs(self) -> Inputs:
        raise UsageError("the store is a folder of this machine: no worker reads inputs from it.")

    def open_notes(self, kind: str) -> FolderNotes:
        return FolderNotes(self.folder / kind)

    def sweep(self) -> None:
        self._incoming.sweep()

    def quarantine(self, damage: Damage) -> None:
        """Move a record or a blob out of sight, keeping its bytes."""
        path = self.folder / damage.name
        target = self.folder / "quarantine" / f"{path.name}.{self._clock.new_id()}"
        make_dirs(target.parent)
        path.rename(target)
        fsync_dir(path.parent)
        fsync_dir(target.parent)

    def remove(self, results: Sequence[Result]) -> None:
        for result in results:
            path = self._record(result)
            path.unlink(missing_ok=True)
            fsync_dir(path.parent)
        still_named = self.find_stored({result.digest for result in results})
        for digest in {result.digest for result in results} - still_named:
            self.blob_path(digest).unlink(missing_ok=True)

    def _record(self, result: Result) -> Path:
        return self.folder / "results" / result.key[:2] / f"{name_result(result)}.json"

    def _blobs(self) -> Iterator[Path]:
        top = self.folder / "blobs"
        for folder in sorted(top.iterdir()) if top.is_dir() else ():
            yield from sorted(folder.iterdir())

    def _list_records(self) -> Iterator[Place]:
        """All records, sorted."""
        folders = list_names(f"{self.folder}/results")
        for folder in folders:
            yield from _list_in(f"{self.folder}/results/{folder}")

    def _list_records_of(self, keys: Collection[str]) -> Iterator[Place]:
        """The records of some keys; a folder that several of them share is listed once."""
        wanted = set(keys)
        for prefix in sorted({key[:2] for key in wanted}):
            for place in _list_in(f"{self.folder}/results/{prefix}"):
                if place[1].partition(".")[0] in wanted:
                    yield place


def _read_anew(folder: str, name: str) -> Result | None:
    return read_record(f"{folder}/{name}", name)


def _list_in(folder: str) -> Iterator[Place]:
    """The records in one folder, sorted; what is still being written is none of them."""
    for name in list_names(folder):
        if name.endswith(".json") and not name.startswith("."):
            yield folder, name

"""A store in a bucket, with copies of what it reads on this machine.

blobs/ab/abcd…              the bytes, named by their SHA-256
results/ab/KEY.DIGEST.json  the record that a job (KEY) had this outcome (DIGEST)
index/…                     what the records say, to be asked in few requests: `index.py`
inputs/ab/abcd…             what workers upload: `inputs.py`
quarantine/NAME.ID          what was damaged, once somebody moved it out of sight
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from reconciler.errors import StoreDamaged, StoreUnavailable
from reconciler.formats.bucket_address import BucketAddress
from reconciler.formats.digest import encode_canonical
from reconciler.state.observed import Result
from reconciler.state.store.base import (
    Contents,
    Damage,
    Room,
    describe_cut_short,
    describe_missing,
    describe_other_bytes,
    sort_key,
)
from reconciler.state.store.bucket import StorageBucket
from reconciler.state.store.copies import Copies
from reconciler.state.store.incoming import FileBlobWriter
from reconciler.state.store.index import ObjectIndex, name_record
from reconciler.state.store.inputs import BucketInputs
from reconciler.state.store.notes import BucketNotes
from reconciler.state.store.records import name_result, parse_record
from reconciler.system.cache import Cache
from reconciler.system.clock import Clock
from reconciler.system.files import copy_atomic


class ObjectStore:
    """A store in a bucket that several machines may share.

    What each method promises stands in `Store`. "Durable" means here that the service has
    acknowledged it. Which results there are is told by the index, and that their blobs are there is
    believed until one is read: a blob is put before its record, and removed after it.
    """

    def __init__(self, address: BucketAddress, copies: Copies, clock: Clock, cache: Cache) -> None:
        self.bucket = StorageBucket(address)
        self._copies = copies
        self._clock = clock
        self._cache = cache
        self._index = ObjectIndex(self.bucket, copies, cache)

    # -------------------------------------------------------------- blobs

    def has(self, digest: str, size_bytes: int) -> bool:
        return self.bucket.measure(_name_blob(digest)) == size_bytes

    @contextmanager
    def new_blob(self) -> Iterator[FileBlobWriter]:
        with self._copies.create() as (path, file):
            yield FileBlobWriter(path, file, self._settle_blob)

    def _settle_blob(self, blob: FileBlobWriter) -> None:
        name = _name_blob(blob.digest)
        self.bucket.put(name, blob.path)
        arrived = self.bucket.measure(name)
        if arrived != blob.size_bytes:
            raise StoreUnavailable(
                f"{arrived or 0} of {blob.size_bytes} bytes of the blob {blob.digest[:12]}… are in"
                f" {self.bucket.address}, although the service took all of them.",
                hint="Run it again: nothing is recorded before the blob is whole.",
            )
        self._copies.keep(blob.path, blob.digest)

    def check_blob(self, digest: str) -> None:
        self._fetch(digest)

    def _fetch(self, digest: str) -> Path:
        """A file on this machine with the bytes of a blob, hashed. Raises StoreDamaged."""
        copy = self._copies.find(digest)
        if copy is None:
            try:
                copy = self._copies.fill(digest, self.bucket.stream(_name_blob(digest)))
            except KeyError:
                raise describe_missing(digest) from None
        if copy is None:
            raise StoreDamaged(
                f"the blob {digest[:12]}… in {self.bucket.address} no longer has the bytes it is"
                " named for.",
                hint="Nothing was overwritten. `cutlist verify --read-data --repair` moves it.",
            )
        return copy

    @contextmanager
    def open_blob(self, digest: str) -> Iterator[IO[bytes]]:
        with self._fetch(digest).open("rb") as file:
            yield file

    def copy_out(self, digest: str, target: Path) -> None:
        copy_atomic(self._fetch(digest), target, tmp_name=self._clock.new_id())

    def measure_room(self) -> Room:
        """How much can still be written on this machine, which a blob passes on its way."""
        return Room(self._copies.measure_free_bytes(), str(self._copies.folder))

    def link(self, digest: str, *, for_s: float) -> str:
        return self.bucket.sign(_name_blob(digest), for_s=for_s)

    # -------------------------------------------------------------- results

    def put_result(self, result: Result) -> None:
        name = name_result(result)
        place, record = name_record(name), encode_canonical(asdict(result)) + b"\n"
        there = self._read_record(name)
        if there is None and not self.bucket.put_new(place, record):
            there = self._read_record(name)
            if there is None:  # one that went bad
                self.bucket.put(place, record)
        self._index.note(there or result)

    def confirm(self, result: Result) -> None:
        self._index.note(result)

    def remember(self) -> None:
        self._index.remember()
        self._cache.save()

    def find_results(self, keys: Collection[str], *, read_data: bool = False) -> Contents:
        return self._contents(self._index.find(keys), read_data=read_data)

    def read_all_results(self, *, read_data: bool = False) -> Contents:
        return self._contents(self._index.read_all(), read_data=read_data)

    def find_first(self, key: str) -> Result | None:
        """The first result of a job, by the records themselves; one that the index does not name is
        put into it.
        """
        names = self._list_names_of(key)
        results = [result for name in names if (result := self._read_record(name)) is not None]
        for result in sorted(results, key=sort_key):
            try:
                self.check_blob(result.digest)
            except StoreDamaged:
                continue
            self._index.note(result)
            return result
        return None

    def find_stored(self, digests: Collection[str]) -> frozenset[str]:
        return self._index.find_stored(digests)

    def find_rendered_for(self, edits: Collection[str]) -> Mapping[str, Sequence[Result]]:
        rendered: dict[str, list[Result]] = {}
        found = self._index.find_rendered_for(edits)
        for result in sorted(found, key=lambda each: (each.key, sort_key(each))):
            rendered.setdefault(result.edit, []).append(result)
        return rendered

    def count_recorded(self, edits: Collection[str]) -> Mapping[str, int]:
        return self._index.count_recorded(edits)

    def find_recorded(self, edits: Collection[str], keys: Collection[str]) -> Sequence[Result]:
        found = [*self._index.find_rendered_for(edits), *self._index.find(keys)]
        return sorted({name_result(each): each for each in found}.values(), key=sort_key)

    def _contents(self, results: Iterable[Result], *, read_data: bool) -> Contents:
        by_key: dict[str, list[Result]] = {}
        damaged: list[str] = []
        for result in results:
            words = self._find_fault(result) if read_data else ""
            if words:
                damaged.append(words)
            else:
                by_key.setdefault(result.key, []).append(result)
        for several in by_key.values():
            several.sort(key=sort_key)
        return Contents(by_key, sorted(damaged))

    def _find_fault(self, result: Result) -> str:
        """What is wrong with a result's record or blob, in words; empty for nothing."""
        if self._read_record(name_result(result)) is None:
            return f"the result record {result.key[:12]}… cannot be read"
        return self._find_blob_fault(result.digest, result.edit)

    def _find_blob_fault(self, digest: str, edit: str = "") -> str:
        hasher = hashlib.sha256()
        try:
            for chunk in self.bucket.stream(_name_blob(digest)):
                hasher.update(chunk)
        except KeyError:
            return describe_cut_short(digest, edit)
        if hasher.hexdigest() != digest:
            return describe_other_bytes(digest, edit)
        return ""

    def _read_record(self, name: str) -> Result | None:
        raw = self.bucket.get(name_record(name))
        return parse_record(raw, f"{name}.json") if raw is not None else None

    def _list_names_of(self, key: str) -> Iterator[str]:
        """KEY.DIGEST of all records of one key."""
        for each in self.bucket.list(f"results/{key[:2]}", after=key):
            if not each.name.startswith(f"results/{key[:2]}/{key}."):
                return
            if each.name.endswith(".json"):
                yield _find_name(each.name)

    # -------------------------------------------------------------- housekeeping

    def verify(self, *, read_data: bool) -> Iterator[Damage]:
        """Listings of blobs, records and index are compared; `read_data` reads all of them."""
        sizes = {each.name.rpartition("/")[2]: each for each in self.bucket.list("blobs")}
        records = {_find_name(each.name): each.name for each in self.bucket.list("results")}
        indexed, known, bad_packs = self._index.survey()
        for pack in bad_packs:
            yield self._damage(pack, f"the pack {pack[-64:-52]}… of the index has other bytes")
        for name, place in sorted(records.items()):
            result = known.get(name) if not read_data else None
            result = result or self._read_record(name)
            if result is None:
                yield self._damage(place, f"the record {name[:12]}… cannot be read")
                continue
            there = sizes.get(result.digest)
            if there is None or there.size_bytes != result.size_bytes:
                yield self._damage(place, describe_cut_short(result.digest, result.edit))
            if name not in indexed:
                yield Damage(
                    f"the record {name[:12]}… of {result.edit} is not in the index; an apply that"
                    " asks for it puts it there"
                )
        for name in sorted(indexed - records.keys()):
            words = f"the index names the record {name[:12]}…, which is not there"
            yield self._damage(name_record(name), words)
        for digest, each in sorted(sizes.items()) if read_data else ():
            if words := self._find_blob_fault(digest):
                yield self._damage(each.name, words)

    def _damage(self, name: str, words: str) -> Damage:
        return Damage(words, f"{self.bucket.address}/{name}", name)

    def open_inputs(self) -> BucketInputs:
        return BucketInputs(self.bucket, self._copies)

    def open_notes(self, kind: str) -> BucketNotes:
        return BucketNotes(self.bucket, kind)

    def sweep(self) -> None:
        self._copies.sweep()
        self._index.fold()

    def quarantine(self, damage: Damage) -> None:
        """Copy an object out of sight, and remove it from its place and from the index."""
        name = damage.name
        base = name.rpartition("/")[2]
        if self.bucket.copy(name, f"quarantine/{base}.{self._clock.new_id()}"):
            self.bucket.remove([name])
        if name.startswith("results/"):
            self._index.drop([_find_name(name)])
        if name.startswith("index/packs/"):
            shard = name.split("/")[2]
            self._index.rebuild(shard, self._list_names(shard), name)

    def _list_names(self, shard: str) -> list[str]:
        """KEY.DIGEST of all records whose keys begin with a digit."""
        return [
            _find_name(each.name)
            for second in "0123456789abcdef"
            for each in self.bucket.list(f"results/{shard}{second}")
        ]

    def remove(self, results: Sequence[Result]) -> None:
        names = [name_result(result) for result in results]
        self.bucket.remove([name_record(name) for name in names])
        self._index.drop(names)
        digests = {result.digest for result in results}
        gone = digests - self.find_stored(digests)
        self.bucket.remove([_name_blob(digest) for digest in sorted(gone)])


def _find_name(place: str) -> str:
    """KEY.DIGEST of the record that lies at a place."""
    return place.rpartition("/")[2].removesuffix(".json")


def _name_blob(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest}"

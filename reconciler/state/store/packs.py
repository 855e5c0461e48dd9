"""Packs of the index: the records of many results in one object, which is never changed."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from reconciler.errors import DiskFull, StoreDamaged
from reconciler.formats.digest import hash_bytes
from reconciler.state.observed import Result
from reconciler.state.store.bucket import StorageBucket
from reconciler.state.store.copies import Copies
from reconciler.state.store.records import parse_record

_MOST_BYTES = 1 << 30  # of an unpacked pack


class PackGone(Exception):
    """A pack that was listed is not there any more: somebody has folded it into another."""


class Packs:
    """The lines of packs: sorted bytes, each `KEY.DIGEST RECORD`."""

    def __init__(self, bucket: StorageBucket, copies: Copies) -> None:
        self._bucket = bucket
        self._copies = copies
        self._lines: dict[str, Sequence[bytes]] = {}

    def read(self, name: str) -> Sequence[bytes]:
        """The lines of a pack. Raises PackGone, and StoreDamaged where it has other bytes."""
        lines = self._lines.get(name)
        if lines is None:
            lines = self._lines[name] = self._unpack(name).split(b"\n")[:-1]
        return lines

    def fetch(self, names: Collection[str]) -> None:
        """Bring packs to this machine, several at once, for those who read them after that."""
        wanted = [
            name
            for name in names
            if name not in self._lines and not self._copies.has(_digest(name))
        ]
        for name, raw in self._bucket.get_many(wanted).items() if len(wanted) > 1 else ():
            if raw is not None and hash_bytes(raw) == _digest(name):
                self._keep(name, raw)

    def forget(self) -> None:
        """Hold no lines any more: they are as large as the index."""
        self._lines.clear()

    def write(self, shard: str, lines: Collection[bytes]) -> str:
        """A pack of these lines. Returns its name."""
        raw = zlib.compress(b"".join(line + b"\n" for line in sorted(lines)))
        name = f"index/packs/{shard}/{hash_bytes(raw)}"
        self._bucket.put(name, raw)
        return name

    def _unpack(self, name: str) -> bytes:
        digest = _digest(name)
        copy = self._copies.find(digest)
        raw = copy.read_bytes() if copy is not None else self._bucket.get(name)
        if raw is None:
            raise PackGone(name)
        if copy is None:
            if hash_bytes(raw) != digest:
                raise _damaged(name)
            self._keep(name, raw)
        unpacker = zlib.decompressobj()
        try:
            lines = unpacker.decompress(raw, _MOST_BYTES)
        except zlib.error:
            raise _damaged(name) from None
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise _damaged(name)
        return lines

    def _keep(self, name: str, raw: bytes) -> None:
        """Keep a copy, where that can be: who cannot write here may still look."""
        with suppress(OSError, DiskFull):
            self._copies.fill(_digest(name), [raw])

    def find(self, name: str, key: str) -> Iterator[bytes]:
        """The lines of one key."""
        lines, start = self.read(name), key.encode()
        for line in lines[bisect_left(lines, start) :]:
            if not line.startswith(start):
                break
            yield line


def _digest(name: str) -> str:
    return name.rpartition("/")[2]


def _damaged(name: str) -> StoreDamaged:
    return StoreDamaged(
        f"the object {name[:24]}… of the index does not have the bytes it is named for.",
        hint="`cutlist verify --repair` makes it anew from the records.",
    )


def make_line(name: str, record: bytes) -> bytes:
    """The line of a result (KEY.DIGEST) whose record has these bytes."""
    return name.encode() + b" " + record.replace(b"\n", b" ").strip()


def parse_line(line: bytes) -> list[Result]:
    """The result of a line; none where nobody can trust it."""
    result = parse_record(line[130:], f"{line[:129].decode('ascii', 'replace')}.json")
    return [result] if result is not None else []

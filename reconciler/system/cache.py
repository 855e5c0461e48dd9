"""Remembers what was looked at before: digests by file stamp, and facts by digest.

Losing the cache costs time, never truth. What is remembered is believed only as this user wrote it
on this machine; anything else is as if it were not there.
"""

from __future__ import annotations

import marshal
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from reconciler.errors import DiskFull
from reconciler.system.clock import Clock
from reconciler.system.files import (
    Stamp,
    hash_file,
    list_names,
    make_dirs,
    read_stamp,
    unpack_stamp,
)
from reconciler.system.machine_key import read_machine_key

if TYPE_CHECKING:  # SQLite is loaded where there is something to remember
    from reconciler.system.cache_file import CacheFile, Entry, Row

Blocks = dict[str, dict[bytes, dict[str, Any]]]  # by table, by name: entries by key
_FILE = "cache.db"
_BLOCKS = 256  # of a table that is read whole
_MARSHAL = 4  # what every Python writes alike that we run on
# a file changed less than this ago may change again without its times telling
_RACY_NS = 2_000_000_000
_MOST_WAITING = 5_000  # large entries that are held until they are written


def open_cache(folder: Path) -> Cache:
    """The cache in `folder`, as this user of this machine has it. Where the user can keep no key,
    it forgets everything at its end.
    """
    return Cache(folder, read_machine_key())


class Cache:
    """Named tables of plain values in one file, written by `save`, or as a `with` ends.

    A table that is asked by `get` is read whole at the first question; its entries lie together in
    blocks, of which those are written in which something is new. Entries that a run did not ask for
    are dropped once they outnumber those that it asked for: so the cache does not grow for ever,
    and two runs that ask for different things leave each other's alone.

    What is too large to be read every time goes into a table TABLE/NAME, which is asked by `fetch`:
    an entry of it is dropped with the entry of the same key of TABLE.
    """

    def __init__(self, folder: Path, machine_key: bytes | None) -> None:
        self._folder = folder
        self._machine_key = machine_key
        self._opened: CacheFile | None = None
        # of tables that were read whole: what nobody has asked for
        self._unasked: dict[str, dict[str, Any]] = {}
        self._known: dict[str, dict[str, Any]] = {}  # what was asked for, or put
        self._put: dict[str, set[str]] = {}  # keys of what is not written yet

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.save()

    def get(self, table: str, key: str) -> Any:
        """The value remembered under `key`; None when there is none."""
        known, unasked = self._known.get(table), self._unasked.get(table)
        if known is None:
            known = self._known[table] = {}
        value = known.get(key)
        if value is None:
            if unasked is None:
                unasked = self._read_whole(table)
            value = unasked.pop(key, None)
            if value is not None:
                known[key] = value
        return value

    def _read_whole(self, table: str) -> dict[str, Any]:
        """The entries of a table that nobody has asked for."""
        unasked = self._unasked.get(table)
        if unasked is None:
            unasked = self._unasked[table] = {}
            blocks = self._file.read_section(table) if self._file is not None else {}
            for name, row in blocks.items():
                unasked |= self._believe(table, name, row) or {}
            for key in self._known.get(table, ()):  # put before anybody asked
                unasked.pop(key, None)
        return unasked

    def fetch(self, table: str, key: str) -> Any:
        """The same, without reading what else is in the table."""
        known = self._known.setdefault(table, {})
        value = known.get(key)
        if value is None and self._file is not None:
            name = _encode(key)
            row = self._file.read_row(table, name)
            if row is not None:
                value = known[key] = self._believe(table, name, row)
        return value

    def put(self, table: str, key: str, value: Any) -> None:
        """Remember `value`, of plain lists, dicts, texts and numbers, under `key`."""
        before = self._known.setdefault(table, {}).get(key)
        if before is not value and before == value:
            return
        self._known[table][key] = value
        waiting = self._put.setdefault(table, set())
        waiting.add(key)
        if "/" in table and len(waiting) >= _MOST_WAITING and self._write():
            self._known[table].clear()  # it is fetched again

    def hold(self, name: str) -> dict[Any, Any] | None:  # noqa: ARG002  (of those who hold any)
        """Objects of that name that live as long as the cache and are never written; None where it
        is for one pass alone.
        """
        return None

    def save(self) -> None:
        """Write what is new or different. A folder that cannot be written is no error."""
        self._write()
        if self._file is not None:
            self._file.close()

    def _write(self) -> bool:
        """Write what is new or different; whether it is written now."""
        if self._file is None:
            return False
        gone = {table: keys for table in self._unasked if (keys := self._find_unasked(table))}
        if not gone and not any(self._put.values()):
            return True
        blocks = self._sort_into_blocks(gone)
        with suppress(OSError, DiskFull):
            make_dirs(self._folder)  # durable: the ledger's folder may come to lie beside it
            below = {table: list(map(_encode, keys)) for table, keys in gone.items()}
            if self._file.write(lambda: self._list_new(blocks, gone), below, self._list_known):
                self._put = {}
                for table in gone:
                    self._unasked[table] = {}
                return True
        return False

    def _sort_into_blocks(self, gone: Mapping[str, Collection[str]]) -> Blocks:
        """The blocks in which something is new, or of which something is gone, with all of them
        that stays.
        """
        blocks: Blocks = {}
        for table in {*self._put, *gone}:
            if "/" in table:
                continue
            dropped = gone.get(table, frozenset())
            touched = map(_number_block, (*self._put.get(table, ()), *dropped))
            new: dict[int, dict[str, Any]] = {number: {} for number in touched}
            for entries in (self._read_whole(table), self._known.get(table, {})):
                for key, value in entries.items():
                    block = new.get(_number_block(key))
                    if block is not None and value is not None and key not in dropped:
                        block[key] = value
            blocks[table] = {_name(number): entries for number, entries in new.items()}
        return blocks

    def _list_new(self, blocks: Blocks, gone: Mapping[str, Collection[str]]) -> Iterator[Entry]:
        """What is to be written, with what another run has put into the same blocks meanwhile."""
        assert self._file is not None
        for table, new in blocks.items():
            dropped = gone.get(table, frozenset())
            for name, entries in new.items():
                row = self._file.read_row(table, name)
                there = (self._believe(table, name, row) if row is not None else None) or {}
                kept = {key: value for key, value in there.items() if key not in dropped}
                yield table, name, _dump(kept | entries)
        for table, keys in self._put.items():
            if "/" in table:
                for key in keys:
                    yield table, _encode(key), _dump(self._known[table][key])

    def _list_known(self) -> Iterator[Entry]:
        """All that was asked for or put in this run."""
        for table, entries in self._known.items():
            there = {key: value for key, value in entries.items() if value is not None}
            if "/" in table:
                for key, value in there.items():
                    yield table, _encode(key), _dump(value)
                continue
            blocks: dict[bytes, dict[str, Any]] = {}
            for key, value in there.items():
                blocks.setdefault(name_block(key), {})[key] = value
            for name, block in blocks.items():
                yield table, name, _dump(block)

    def _find_unasked(self, table: str) -> frozenset[str]:
        """The keys of a table to be dropped."""
        unasked = self._unasked[table].keys()
        return frozenset(unasked if len(unasked) > len(self._known[table]) else ())

    @property
    def _file(self) -> CacheFile | None:
        """None where nothing can be kept."""
        if self._opened is None and self._machine_key is not None:
            from reconciler.system.cache_file import CacheFile  # lazy: start-up time

            self._opened = CacheFile(self._folder / _FILE, self._machine_key)
        return self._opened

    def _believe(self, table: str, name: bytes, row: Row) -> Any:
        """The value of a row as we wrote it; None for any other."""
        assert self._opened is not None
        value, mac = row
        if not isinstance(value, bytes) or mac != self._opened.sign(table, name, value):
            self._opened.give_up()
            return None
        return marshal.loads(value)


class HeldCache(Cache):
    """A cache that many passes of one process share: what it has read once it has at hand, and
    objects that were made of that with it. Saving is put off until `write`, so that nobody waits
    for it.

    What is at hand is believed only by what tells that it is the same still, as in every cache.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, read_machine_key())
        self._objects: dict[str, dict[Any, Any]] = {}

    def save(self) -> None:
        """Put off."""

    def write(self) -> None:
        """Write what is new or different, as `Cache.save` does."""
        super().save()

    def hold(self, name: str) -> dict[Any, Any]:
        return self._objects.setdefault(name, {})


def _encode(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")  # a path may have bytes that are no text


def name_block(key: str) -> bytes:
    """The block of a table in which an entry lies."""
    return _name(_number_block(key))


def _number_block(key: str) -> int:
    return crc32(_encode(key)) % _BLOCKS


def _name(number: int) -> bytes:
    return b"%02x" % number


def _dump(value: Any) -> bytes:
    return marshal.dumps(value, _MARSHAL)


class FileFacts:
    """What is known of files as long as their stamps stay: one row of a table for each folder.

    `verify` forgets everything first: for file systems whose times cannot be trusted.
    """

    def __init__(self, cache: Cache, clock: Clock, table: str, *, verify: bool = False) -> None:
        self._cache = cache
        self._clock = clock
        self._table = table
        self._verify = verify
        self._rows: dict[str, dict[str, tuple[Stamp, Any]]] = {}  # by folder, by name
        self._noted: set[str] = set()  # folders of which something new is known

    def find(self, folder: str, name: str, stamp: Stamp) -> Any:
        """The facts of a file of this stamp; None where they are not known."""
        row = self._rows.get(folder)
        if row is None:
            row = self._rows[folder] = self._read(folder)
        known = row.get(name)
        return known[1] if known is not None and known[0] == stamp else None

    def _read(self, folder: str) -> dict[str, tuple[Stamp, Any]]:
        known: dict[str, tuple[Stamp, Any]] | None = (
            None if self._verify else self._cache.get(self._table, folder)
        )
        return known if known is not None else {}

    def note(self, folder: str, name: str, stamp: Stamp, facts: Any) -> None:
        """Remember the facts, a plain value, of a file that had this stamp before and after they
        were learnt; nothing where it may change yet without another stamp.
        """
        if not is_settled(stamp, self._clock.now()):
            return
        if folder not in self._noted:
            self._noted.add(folder)
            there = set(list_names(folder))  # what has gone is forgotten
            known = self._rows.get(folder, {})
            self._rows[folder] = {name: facts for name, facts in known.items() if name in there}
        row = self._rows[folder]
        row[name] = stamp, facts
        self._cache.put(self._table, folder, row)


class Digests:
    """SHA-256 of files, read again only when size, times or inode say that they may have changed.

    With `verify` every file is read again: for file systems whose times cannot be trusted.
    """

    def __init__(self, cache: Cache, clock: Clock, table: str, *, verify: bool = False) -> None:
        self._facts = FileFacts(cache, clock, table, verify=verify)
        self._clock = clock

    def of(self, path: Path | str) -> str | None:
        """The digest of a regular file; None where there is none. Raises OSError when it cannot be
        read.
        """
        folder, _, name = str(path).rpartition("/")
        return self.of_stamp(folder, name, read_stamp(path))

    def of_stamp(self, folder: str, name: str, stamp: Stamp | None) -> str | None:
        """The same for a file whose stamp was read already."""
        if stamp is None:
            return None
        digest: str | None = self._facts.find(folder, name, stamp)
        if digest is None:
            path = f"{folder}/{name}"
            digest = hash_file(path)
            if read_stamp(path) == stamp:
                self._facts.note(folder, name, stamp, digest)
        return digest

    def read_stamp(self, path: str) -> Stamp | None:
        """The stamp of a regular file that cannot change any more without another stamp; None for
        any other. Raises OSError.
        """
        stamp = read_stamp(path)
        return stamp if stamp is not None and is_settled(stamp, self._clock.now()) else None


def is_settled(stamp: Stamp, now: float) -> bool:
    """Whether a file of that stamp cannot change any more without another stamp."""
    _, mtime_ns, ctime_ns, _ = unpack_stamp(stamp)
    return int(now * 1e9) - max(mtime_ns, ctime_ns) > _RACY_NS

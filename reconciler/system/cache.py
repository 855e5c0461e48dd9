"""Remembers what was looked at before: digests by file stamp, and facts by digest.

Losing the cache costs time, never truth. Each table is a file of its own, which holds a SHA-256 and
the JSON that it is of. A table that does not fit its digest was not written by us and is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from reconciler.errors import DiskFull
from reconciler.formats.digest import hash_bytes
from reconciler.system.clock import Clock
from reconciler.system.files import Stamp, hash_file, make_dirs, read_stamp

# a file changed less than this ago may change again without its times telling
_RACY_NS = 2_000_000_000


class Cache:
    """Named tables of JSON values, one file each, read at the first question and written by
    `save`, or as a block ends.

    Entries that a run did not ask for are dropped when it saves, so that the cache does not grow
    for ever.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._old: dict[str, Mapping[str, Any]] = {}
        self._new: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self.save()

    def get(self, table: str, key: str) -> Any:
        """The value remembered under `key`; None when there is none."""
        value = self._new.get(table, {}).get(key)
        if value is None:
            value = self._table(table).get(key)
            if value is not None:
                self._new.setdefault(table, {})[key] = value
        return value

    def put(self, table: str, key: str, value: Any) -> None:
        """Remember `value` (JSON) under `key`."""
        self._new.setdefault(table, {})[key] = value

    def save(self) -> None:
        """Write what is new. A folder that cannot be written is no error."""
        for table, entries in self._new.items():
            if entries == self._table(table):
                continue
            with suppress(OSError, DiskFull):
                make_dirs(self._folder)  # durable: the ledger's folder may come to lie beside it
                path = self._folder / table
                text = json.dumps(entries, separators=(",", ":")).encode()
                with NamedTemporaryFile(dir=self._folder, delete=False) as tmp:
                    tmp.write(hash_bytes(text).encode() + b"\n" + text)
                Path(tmp.name).replace(path)
                self._old[table] = dict(entries)

    def _table(self, table: str) -> Mapping[str, Any]:
        if table not in self._old:
            self._old[table] = {}
            with suppress(OSError):
                digest, _, text = (self._folder / table).read_bytes().partition(b"\n")
                # as we wrote it; anything else is forgotten
                if digest == hash_bytes(text).encode():
                    self._old[table] = json.loads(text)
        return self._old[table]


class Digests:
    """SHA-256 of files, read again only when size, times or inode say that they may have changed.

    With `verify` every file is read again: for file systems whose times cannot be trusted.
    """

    def __init__(self, cache: Cache, clock: Clock, table: str, *, verify: bool = False) -> None:
        self._verify = verify
        self._cache = cache
        self._clock = clock
        self._table = table

    def of(self, path: Path | str) -> str | None:
        """The digest of a regular file; None where there is none. Raises OSError when it cannot be
        read.
        """
        return self.of_stamp(str(path), read_stamp(path))

    def of_stamp(self, path: str, stamp: Stamp | None) -> str | None:
        """The same for a file whose stamp was read already."""
        if stamp is None:
            return None
        known = self._cache.get(self._table, path)
        if not self._verify and isinstance(known, list) and tuple(known[:4]) == stamp:
            return str(known[4])
        digest = hash_file(path)
        settled = int(self._clock.now() * 1e9) - max(stamp[1], stamp[2]) > _RACY_NS
        if settled and read_stamp(path) == stamp:
            self._cache.put(self._table, path, [*stamp, digest])
        return digest

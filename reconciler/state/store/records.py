"""Reads the records of a store, and those that cannot have changed not again.

What a record says in short is remembered beside the stamp of its file; the rest is read from the
record when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from sys import intern
from typing import Any

from reconciler.errors import StoreDamaged
from reconciler.formats.records import build_record, parse_json
from reconciler.state.observed import Recorded, Result
from reconciler.system.cache import Cache, FileFacts
from reconciler.system.clock import Clock
from reconciler.system.files import Stamp, read_stamp

Row = Sequence[Any]  # what is remembered of a record
ReadRecord = Callable[[str, Row], Result | None]  # reads all of a record, by its name and row
_ROW_FIELDS = (
    "size_bytes",
    "duration_s",
    "width",
    "height",
    "stored_at",
    "edit",
    "endpoint",
    "account",
    "adopted",
    "commit",
    "author",
    "approved_by",
)
_read_row = attrgetter(*_ROW_FIELDS)
_TABLE = "results 2"  # another number where a row says other things


class Records:
    """The records of one store. `cache` has what an earlier run saw."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._facts = FileFacts(cache, clock, _TABLE)
        self._readers: dict[str, ReadRecord] = {}  # by folder
        # by path: the stamp and what was read then, where the cache holds objects
        self._held: dict[str, tuple[Stamp, Result]] | None = cache.hold("records")

    def read(self, folder: str, name: str) -> Result | None:
        """The record `name` of a folder; None when there is none that can be trusted."""
        path = f"{folder}/{name}"
        try:
            stamp = read_stamp(path)
        except OSError:
            return None
        if self._held is not None and path in self._held and self._held[path][0] == stamp:
            return self._held[path][1]
        # a link to a record is one: a store may be made of links
        row = self._facts.find(folder, name, stamp) if stamp is not None else None
        if row is not None and stamp is not None:
            known = build_result(name, row, self._get_reader(folder))
            if self._held is not None:
                self._held[path] = stamp, known
            return known
        result = read_record(path, name)
        if result is not None and stamp is not None and read_stamp(path) == stamp:
            self._facts.note(folder, name, stamp, shorten_result(result))
        return result

    def _get_reader(self, folder: str) -> ReadRecord:
        reader = self._readers.get(folder)
        if reader is None:
            reader = self._readers[folder] = partial(_read_record_of, folder)
        return reader

    def save(self) -> None:
        """Keep what was read for later runs."""
        self._cache.save()


class _Record:
    """A record of which only the row is known yet; `read` reads all of it, by name and row."""

    __slots__ = ("_digest", "_key", "_read", "_row", "_whole")

    def __init__(self, key: str, digest: str, row: Row, read: ReadRecord) -> None:
        self._key = key
        self._digest = digest
        self._row = row
        self._read = read
        self._whole: Result | None = None

    def read_part(self, name: str) -> Mapping[str, Any]:
        if self._whole is None:
            result = self._read(f"{self._key}.{self._digest}.json", self._row)
            if result is None or shorten_result(result) != tuple(self._row):
                raise StoreDamaged(
                    f"the result record {self._key[:12]}… cannot be read.",
                    hint="Run plan: it says what is left to do.",
                )
            self._whole = result
        part: Mapping[str, Any] = getattr(self._whole, name)
        return part


def build_result(name: str, row: Row, read: ReadRecord) -> Result:
    """The result that the record `name` tells of, by its row; `read` is asked for the rest."""
    key, digest, _ = name.split(".")
    record = _Record(key, digest, row, read)
    return Result(
        key,
        digest,
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        Recorded(record, "job", may_be_former=row[12]),
        Recorded(record, "task"),
        Recorded(record, "usage"),
        row[6],
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
    )


def name_result(result: Result) -> str:
    """What a result is called in a store: KEY.DIGEST."""
    return f"{result.key}.{result.digest}"


def apply_row(result: Result, row: Row) -> Result:
    """The same result, with what its row says of it."""
    values = zip(_ROW_FIELDS, row, strict=False)  # the last is made of the job
    return replace(result, **dict(values))


def shorten_result(result: Result) -> tuple[Any, ...]:
    """What is remembered of a record."""
    row = (*_read_row(result), result.may_be_former)
    # what many say alike is written, and held, once
    return tuple(intern(value) if type(value) is str else value for value in row)


def _read_record_of(folder: str, name: str, _row: Row) -> Result | None:
    return read_record(f"{folder}/{name}", name)


def read_record(path: str, name: str) -> Result | None:
    """The whole record; None when there is none that can be trusted."""
    try:
        return parse_record(Path(path).read_bytes(), name)
    except OSError:
        return None


def parse_record(raw: bytes, name: str) -> Result | None:
    """What the bytes of the record `name` tell; None where they cannot be trusted."""
    try:
        result = check_result(parse_json(raw))
    except ValueError:
        return None
    return result if name == f"{name_result(result)}.json" else None


def check_result(data: object) -> Result:
    """The result that plain data tells of. Raises ValueError where it cannot be trusted."""
    result = build_record(Result, data)
    try:
        _ = result.may_be_former
    except RecursionError:  # of a job that is nested too deep, nobody can tell
        raise ValueError("its job is nested too deep") from None
    return result

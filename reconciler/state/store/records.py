"""Reads the records of a store, and those that cannot have changed not again.

What a record says in short is remembered beside the stamp of its file; the rest is read from the
record when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.errors import StoreDamaged
from reconciler.formats.records import build_record, parse_json
from reconciler.state.observed import Recorded, Result
from reconciler.system.cache import Cache, FileFacts
from reconciler.system.clock import Clock
from reconciler.system.files import read_stamp

_TABLE = "results 2"  # another number where a row says other things


class Records:
    """The records of one store. `cache` has what an earlier run saw."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._facts = FileFacts(cache, clock, _TABLE)

    def read(self, folder: str, name: str) -> Result | None:
        """The record `name` of a folder; None when there is none that can be trusted."""
        path = f"{folder}/{name}"
        try:
            stamp = read_stamp(path)
        except OSError:
            return None
        # a link to a record is one: a store may be made of links
        row = self._facts.find(folder, name, stamp) if stamp is not None else None
        if row is not None:
            return _Record(path, name, row).build_result()
        result = read_record(path, name)
        if result is not None and stamp is not None and read_stamp(path) == stamp:
            self._facts.note(folder, name, stamp, _shorten(result))
        return result

    def save(self) -> None:
        """Keep what was read for later runs."""
        self._cache.save()


class _Record:
    """A record of which only the row is known yet."""

    __slots__ = ("_name", "_path", "_row", "_whole")

    def __init__(self, path: str, name: str, row: Sequence[Any]) -> None:
        self._path = path
        self._name = name
        self._row = row
        self._whole: Result | None = None

    def build_result(self) -> Result:
        """The result that it tells of."""
        key, digest, _ = self._name.split(".")
        row = self._row
        return Result(
            key,
            digest,
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            row[5],
            Recorded(self, "job", may_be_former=row[12]),
            Recorded(self, "task"),
            Recorded(self, "usage"),
            row[6],
            row[7],
            row[8],
            row[9],
            row[10],
            row[11],
        )

    def read_part(self, name: str) -> Mapping[str, Any]:
        if self._whole is None:
            result = read_record(self._path, self._name)
            if result is None or _shorten(result) != list(self._row):
                raise StoreDamaged(
                    f"the result record {self._name[:12]}… cannot be read.",
                    hint="Run plan: it says what is left to do.",
                )
            self._whole = result
        part: Mapping[str, Any] = getattr(self._whole, name)
        return part


def _shorten(result: Result) -> list[Any]:
    """What is remembered of a record."""
    return [
        result.size_bytes,
        result.duration_s,
        result.width,
        result.height,
        result.stored_at,
        result.edit,
        result.endpoint,
        result.account,
        result.adopted,
        result.commit,
        result.author,
        result.approved_by,
        result.may_be_former,
    ]


def read_record(path: str, name: str) -> Result | None:
    """The whole record; None when there is none that can be trusted."""
    try:
        result = build_record(Result, parse_json(Path(path).read_bytes()))
        _ = result.may_be_former  # of a job that is nested too deep, nobody can tell
        return result if name == f"{result.key}.{result.digest}.json" else None
    except (OSError, ValueError, RecursionError):
        return None

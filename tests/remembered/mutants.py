"""Caches that believe too much, put in place by the tests alone: each must be caught."""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.desired.source import readings
from reconciler.state.observed import Result
from reconciler.state.store import records
from reconciler.system import cache, files
from reconciler.system.files import Stamp
from tests.everywhere import replace_everywhere

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Mutant:
    """A bad cache, what has to happen for it to be caught, and a seed at which it was."""

    spoil: Callable[[Patch], None]
    disturbances: tuple[str, ...]
    seed: int = 0


def _keyed_without_context(patch: Patch) -> None:
    patch.setattr(readings.ManifestReader, "_compute_context", lambda self: "same")


def _keyed_by_name(patch: Patch) -> None:
    patch.setattr(readings, "hash_bytes", lambda content: "same")


def _keys_without_sources(patch: Patch) -> None:
    def name(self: Any, sources: Sequence[str]) -> str:
        return f"{self._row_key}:{self._number}"

    patch.setattr(readings._RememberedKeys, "_name", name)


def _keys_without_number(patch: Patch) -> None:
    def name(self: Any, sources: Sequence[str]) -> str:
        return "\n".join((self._row_key, *sources))

    patch.setattr(readings._RememberedKeys, "_name", name)


def _no_racy_window(patch: Patch) -> None:
    replace_everywhere(patch, "is_settled", lambda stamp, now: True)


def _times_by_mtime(patch: Patch) -> None:
    known = files.make_stamp

    def make_stamp(info: os.stat_result) -> Stamp | None:
        stamp = known(info)
        return None if stamp is None else stamp[:16] + bytes(8) + stamp[24:]

    replace_everywhere(patch, "make_stamp", make_stamp)


def _index_trusts_names(patch: Patch) -> None:
    patch.setattr(records, "read_stamp", lambda path: bytes(32))


def _index_in_memory(patch: Patch) -> None:
    known: dict[tuple[records.Records, str], Result] = {}
    read = records.Records.read

    def read_once(self: records.Records, folder: str, name: str) -> Result | None:
        result = known.get((self, name)) or read(self, folder, name)
        if result is not None:
            known[self, name] = result
        return result

    patch.setattr(records.Records, "read", read_once)


def _believed_without_signature(patch: Patch) -> None:
    def believe(self: Any, table: str, name: bytes, row: tuple[bytes, bytes]) -> Any:
        return marshal.loads(row[0])

    patch.setattr(cache.Cache, "_believe", believe)


def _signed_without_key(patch: Patch) -> None:
    from reconciler.system import cache_file

    def sign(self: Any, section: str, key: bytes, value: bytes) -> bytes:
        digest = self._digest.copy()
        digest.update(value)
        made: bytes = digest.digest()
        return made

    patch.setattr(cache_file.CacheFile, "sign", sign)


MANIFESTS = ("change_words", "change_fields", "exchange_manifests", "move_manifest")
OUTPUTS = ("touch_output", "exchange_outputs", "exchange_media", "touch_media")
RECORDS = ("edit_record", "touch_record", "exchange_records")
MUTANTS = {
    "keyed without the context": Mutant(_keyed_without_context, ("change_project",), seed=1),
    "keyed by name and not by bytes": Mutant(_keyed_by_name, MANIFESTS, seed=1),
    "keys without their sources": Mutant(_keys_without_sources, ("exchange_media",), seed=1),
    "keys without the edit's number": Mutant(_keys_without_number, ("lose_cache",)),
    "no racy window": Mutant(_no_racy_window, ("touch_output",), seed=4),
    "times by mtime alone": Mutant(_times_by_mtime, ("touch_output", "edit_record"), seed=2),
    "an index that trusts names": Mutant(_index_trusts_names, RECORDS),
    "an index held in memory": Mutant(_index_in_memory, RECORDS),
    "rows believed without signature": Mutant(_believed_without_signature, ("forge_rows",)),
    "values signed without their keys": Mutant(_signed_without_key, ("swap_rows",), seed=3),
}

"""The file of the cache, damaged in every kind of place: no plan is another one, and what was lost
is made again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.system.cache import Cache, open_cache
from tests.remembered.playing import leave_as_it_is
from tests.remembered.stage import Answer, Stage, bind, set_stage

SECTIONS = {"manifests", "manifests/texts", "keys", "outputs", "media", "facts", "results"}
PAGE_BYTES = 4096
Rows = dict[tuple[str, bytes], tuple[bytes, bytes]]
Values = dict[tuple[str, str], Any]


def read_rows(path: Path) -> Rows:
    """All that the file says, by section and key."""
    with closing(sqlite3.connect(path)) as connection:
        question = "select section, key, value, mac from entries"
        return {
            (section, key): (value, mac)
            for section, key, value, mac in connection.execute(question)
        }


def name_sections(rows: Iterable[tuple[str, object]]) -> set[str]:
    """The sections of some rows, without the number of what stands in them."""
    return {section.split(" ")[0] for section, _ in rows}


@pytest.fixture
def stage(pool: Path, tmp_path: Path) -> Iterator[Stage]:
    """A project of which everything is remembered that can be."""
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with set_stage(Random(seed), folder, pool, leave_as_it_is) as stage:
            path = stage.cache / "cache.db"
            if path.exists() and name_sections(read_rows(path)) >= SECTIONS:
                yield stage
                return
    raise AssertionError("no project has everything")


def find_places(raw: bytes, rows: Rows, chance: Random) -> Iterator[tuple[str, int]]:
    """Where to damage the file, each with what stands there: every field of its head, the head of
    each page with its pointers and its free room, and each column of rows of each section.
    """
    yield from (("head", place) for place in (0, 15, *range(16, 100, 6)))
    for page in range(0, len(raw), PAGE_BYTES):
        begin = page + (100 if page == 0 else 0)
        yield from (("page", begin + offset) for offset in (0, 3, 6, 9, 13))
        yield "middle of a page", page + chance.randrange(PAGE_BYTES)
    for section in sorted({section for section, _ in rows}):
        several = [key for name, key in rows if name == section]
        for key in chance.sample(several, min(len(several), 2 if section == "keys" else 1)):
            value, mac = rows[section, key]
            at = raw.find(section.encode() + key)
            for name, place, column in (
                ("section", at, section.encode()),
                ("key", at + len(section.encode()), key),
                ("value", raw.find(value[:40]), value[:40]),
                ("mac", raw.find(mac), mac),
            ):
                if place >= 0 and column:
                    yield f"{name} of {section}", place + chance.randrange(len(column))
            yield f"head of a row of {section}", max(at - chance.randint(1, 6), 0)


def flip(raw: bytes, place: int, chance: Random) -> bytes:
    """With one bit or one whole byte that is another one."""
    mask = 1 << chance.randrange(8) if chance.random() < 0.8 else 0xFF
    return raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :]


def test_a_flipped_byte_changes_no_plan(stage: Stage) -> None:
    """In every kind of place. The next plan finds again what was lost, as it was."""
    path = stage.cache / "cache.db"
    whole, chance = path.read_bytes(), Random(0)
    expected = stage.look_without_cache()
    rows = find_asked_rows(stage, expected)
    assert stage.look() == expected
    for what, place in find_places(whole, read_rows(path), chance):
        path.write_bytes(flip(whole, place, chance))
        assert bind(stage.open) == expected.saved, (what, place)
        assert bind(stage.open) == expected.saved, (what, place)
        assert ask_for(stage, rows) == rows, (what, place)


def find_asked_rows(stage: Stage, expected: Answer) -> Values:
    """What one plan asks for of all that is remembered."""
    asked: set[tuple[str, str]] = set()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("get", "fetch"):
            ask = getattr(Cache, name)

            def note(self: Cache, table: str, key: str, ask: Any = ask) -> Any:
                asked.add((table, key))
                return ask(self, table, key)

            patch.setattr(Cache, name, note)
        assert bind(stage.open) == expected.saved
    values = ask_for(stage, asked)
    assert None not in values.values()
    assert name_sections(asked) >= SECTIONS
    return values


def ask_for(stage: Stage, names: Iterable[tuple[str, str]]) -> Values:
    """What a run finds, by section and key."""
    cache = open_cache(stage.cache)
    values = {
        (section, key): (cache.fetch if "/" in section else cache.get)(section, key)
        for section, key in names
    }
    cache.save()
    return values


def test_a_file_cut_short_changes_no_plan(stage: Stage) -> None:
    """At the borders of its pages and elsewhere, for people and for programs."""
    path = stage.cache / "cache.db"
    whole, expected = path.read_bytes(), stage.look_without_cache()
    for at in (0, 16, 99, 100, 4095, 4096, 5000, -4096, -1):
        path.write_bytes(whole[:at])
        assert stage.look() == expected, at

"""The index of records: what it saves, and that it says nothing that the records do not say."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import StoreDamaged
from reconciler.state.observed import Recorded, Result
from reconciler.state.store import FolderStore
from reconciler.state.store.base import Contents
from reconciler.system.cache import Cache
from reconciler.system.files import read_stamp
from tests.clock import FakeClock
from tests.state.stores import put

KEY = b"k" * 32
TABLE = "results 2"
LINK = {"v": 2, "model": "m", "take": 1, "input": {"video_url": "https://a.example/v.mp4?id=1"}}
FIRST = {"v": 1, "model": "m", "take": 1, "input": {}}


class Shelf:
    """A store with an index, looked at as each run of the program does: with what the last one
    remembered.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.cache = folder / "cache"
        self.results = [
            put(self.plain(), f"video {n}", key=f"{n:02x}" * 32, edit=f"edit {n}") for n in range(4)
        ]
        self.results.append(put(self.plain(), "link", key="aa" * 32, job=LINK))
        self.results.append(put(self.plain(), "first", key="bb" * 32, job=FIRST))

    def plain(self) -> FolderStore:
        """The store as it is, without an index."""
        return FolderStore(self.folder / "store", self.clock)

    def indexed(self) -> FolderStore:
        """The store by the index of the last run."""
        return FolderStore(self.folder / "store", self.clock, Cache(self.cache, KEY))

    def look(self) -> Contents:
        """What a run finds, which then remembers it."""
        store = self.indexed()
        contents = store.read_all_results()
        store.remember()
        return contents

    def record(self, number: int) -> Path:
        """Where the record of a result lies."""
        result = self.results[number]
        name = f"{result.key}.{result.digest}.json"
        return self.folder / "store/results" / result.key[:2] / name

    def read_row(self, cache: Cache, number: int) -> tuple[Any, Any] | None:
        """What is remembered of a record: its stamp and its facts."""
        path = self.record(number)
        rows = cache.get(TABLE, str(path.parent))
        return None if rows is None else rows.get(path.name)

    def write_row(self, cache: Cache, number: int, row: tuple[Any, Any]) -> None:
        """Remember something else of a record."""
        path = self.record(number)
        cache.put(TABLE, str(path.parent), {path.name: row})


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A store that was looked at before."""
    shelf = Shelf(tmp_path)
    assert shelf.look() == shelf.plain().read_all_results()
    return shelf


def test_what_has_not_changed_is_not_read(shelf: Shelf, opened: list[Path]) -> None:
    """No question opens a record again, and the answers are those of the records."""
    store, plain = shelf.indexed(), shelf.plain()
    keys = {result.key for result in shelf.results}
    answers = (
        store.read_all_results(),
        store.find_results(keys),
        store.find_stored({shelf.results[2].digest}),
        store.find_rendered_for({"edit 3", "never"}),
    )
    for (result,) in answers[0].results.values():
        assert result.may_be_former == (result.key in ("aa" * 32, "bb" * 32))
        assert (result.stored, result.identity) != (0.0, "")
    assert opened == []
    assert answers == (
        plain.read_all_results(),
        plain.find_results(keys),
        plain.find_stored({shelf.results[2].digest}),
        plain.find_rendered_for({"edit 3", "never"}),
    )


def test_the_rest_is_read_when_it_is_asked_for(shelf: Shelf, opened: list[Path]) -> None:
    """Job, task and usage are read together, once, and are what was put."""
    ((result,),) = shelf.indexed().find_results([shelf.results[1].key]).results.values()
    assert isinstance(result.job, Recorded)
    assert (result.job["model"], result.task.get("task_id"), dict(result.usage)) == (
        shelf.results[1].job["model"],
        "task-0",
        {},
    )
    assert opened == [shelf.record(1)]
    assert result == shelf.results[1]
    assert shelf.results[1] == result
    assert replace(result, edit="b") == replace(shelf.results[1], edit="b") != result
    assert json.loads(json.dumps(asdict(result))) == asdict(shelf.results[1])
    assert opened == [shelf.record(1)]


def test_a_record_of_just_now_is_read_again(tmp_path: Path, opened: list[Path]) -> None:
    """A file may change twice within one tick of its times."""
    shelf = Shelf(tmp_path)
    newest = max(shelf.record(n).stat().st_mtime for n in range(6))
    shelf.clock.advance(newest - shelf.clock.now() + 1)
    shelf.look()
    opened.clear()
    shelf.look()
    assert sorted(opened) == sorted(map(shelf.record, range(6)))
    shelf.clock.advance(5)
    shelf.look()
    opened.clear()
    shelf.look()
    assert opened == []


# ------------------------------------------------------------------ what has changed


def write_over(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a file in place, so that its times tell."""
    content = change(path.read_bytes())
    path.chmod(0o644)
    before = read_stamp(path)
    while read_stamp(path) == before:
        path.write_bytes(content)


def _edit_in_place(path: Path) -> None:
    write_over(path, lambda content: content.replace(b'"edit 1"', b'"edit x"'))


def _edit_the_job(path: Path) -> None:
    write_over(path, lambda content: content.replace(b'"model":"w', b'"model":"v'))


def _set_times_back(path: Path) -> None:
    info = path.stat()
    _edit_in_place(path)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes().replace(b'"edit 1"', b'"edit x"'))
    info = path.stat()
    os.utime(other, ns=(info.st_atime_ns, info.st_mtime_ns))
    other.rename(path)


def _damage(path: Path) -> None:
    write_over(path, lambda content: content[:-30])


def _link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def _make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _copy_another(path: Path) -> None:
    other = next(path.parent.parent.glob("02/*.json"))
    write_over(path, lambda _: other.read_bytes())


def test_a_link_to_a_record_is_one(shelf: Shelf) -> None:
    """A store may be made of links, as tools for large files make them: nothing is paid again."""
    _link(shelf.record(1))
    for _ in range(2):
        assert shelf.look() == ({result.key: [result] for result in shelf.results}, [])


CHANGES = [
    _edit_in_place,
    _edit_the_job,
    _set_times_back,
    _replace,
    _damage,
    _link,
    _make_a_folder,
    _copy_another,
    Path.unlink,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_record_that_changed_is_found_out(shelf: Shelf, change: Callable[[Path], None]) -> None:
    """Whatever happened to a record: the answer is that of the records, now and later."""
    change(shelf.record(1))
    for _ in range(2):
        plain = shelf.plain()
        assert shelf.look() == plain.read_all_results()
        keys = [shelf.results[1].key]
        assert shelf.indexed().find_results(keys) == plain.find_results(keys)


@pytest.mark.parametrize("change", [_edit_in_place, _damage, _make_a_folder, Path.unlink])
def test_a_record_that_changes_before_it_is_read(
    shelf: Shelf, change: Callable[[Path], None]
) -> None:
    """What goes between the look and the question is told in the words of a damaged record."""
    (result,) = shelf.indexed().find_results([shelf.results[1].key]).results[shelf.results[1].key]
    change(shelf.record(1))
    assert result.edit == "edit 1"
    with pytest.raises(StoreDamaged, match=r"the result record .* cannot be read"):
        result.task.get("task_id")


def test_a_blob_is_looked_at_each_time(shelf: Shelf) -> None:
    """A blob that is missing or cut short is told, however well its record is known."""
    digest = shelf.results[1].digest
    blob = shelf.plain().blob_path(digest)
    write_over(blob, lambda content: content[:-1])
    assert shelf.look() == shelf.plain().read_all_results()
    assert len(shelf.look().damaged) == 1
    blob.unlink()
    assert shelf.look() == shelf.plain().read_all_results()
    assert len(shelf.look().damaged) == 1


def test_verify_reads_what_times_hide(shelf: Shelf) -> None:
    """Where the times of a file lie, only reading finds what changed, and `verify` reads."""
    path = shelf.record(1)
    with Cache(shelf.cache, KEY) as cache:
        row = shelf.read_row(cache, 1)
        assert row is not None
        _damage(path)
        shelf.write_row(cache, 1, (read_stamp(path), row[1]))
        for number in (0, 2, 3, 4, 5):
            shelf.read_row(cache, number)
    store = shelf.indexed()
    assert store.read_all_results().damaged == []
    assert len(store.read_all_results(read_data=True).damaged) == 1
    assert len(list(store.verify(read_data=False))) == 1
    assert store.find_first(shelf.results[1].key) is None


# ------------------------------------------------------------------ an index that is wrong


@pytest.mark.parametrize("kind", ["flip", "cut", "zero"])
def test_a_damaged_index_changes_nothing(shelf: Shelf, kind: str) -> None:
    """Each kind of byte of its file, changed: every answer is that of the records."""
    path = shelf.cache / "cache.db"
    whole, chance = path.read_bytes(), random.Random(kind)
    right = shelf.plain().read_all_results()
    places = [*range(0, 100, 7), *(chance.randrange(len(whole)) for _ in range(40))]
    places += [whole.index(word) + 1 for word in (TABLE.encode(), b"edit 1", b"CREATE", b"STRICT")]
    for place in places:
        raw = bytearray(whole)
        if kind == "flip":
            raw[place] ^= 1 << chance.randrange(8)
        elif kind == "cut":
            del raw[place:]
        else:
            raw[place : place + 40] = bytes(len(raw[place : place + 40]))
        path.write_bytes(raw)
        assert shelf.look() == right, place


def test_an_index_of_strangers_changes_nothing(shelf: Shelf, opened: list[Path]) -> None:
    """Rows that look right and were made with another key: the records are read."""
    rows = Cache(shelf.cache, KEY)
    for number in range(6):
        row = shelf.read_row(rows, number)
        assert row is not None
        with Cache(shelf.folder / "strange", b"s" * 32) as strange:
            stamp, facts = row
            shelf.write_row(strange, number, (stamp, (*facts[:5], "stranger", *facts[6:])))
    (shelf.folder / "strange/cache.db").rename(shelf.cache / "cache.db")
    assert shelf.look() == shelf.plain().read_all_results()
    opened.clear()
    assert shelf.look().damaged == []
    assert opened == []  # and the index was made anew


def test_a_row_of_another_record_is_not_believed(shelf: Shelf) -> None:
    """Our own row under another name: its stamp is not that of the file."""
    with Cache(shelf.cache, KEY) as cache:
        rows = [shelf.read_row(cache, number) or [] for number in range(6)]
        for number in range(6):
            shelf.write_row(cache, number, rows[number - 1])
    assert shelf.look() == shelf.plain().read_all_results()


def test_results_that_are_gone_leave_the_index(shelf: Shelf) -> None:
    """Rows of records that were removed go, once they are more than those that are there."""
    results: list[Result] = shelf.results[:4]
    shelf.plain().remove(results)
    assert shelf.look() == shelf.plain().read_all_results()
    cache = Cache(shelf.cache, KEY)
    assert shelf.read_row(cache, 0) is None
    assert shelf.read_row(cache, 5) is not None

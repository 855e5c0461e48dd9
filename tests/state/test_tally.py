"""Counting what is recorded: a look costs what has changed, and not what the store holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.state.observed import Result
from reconciler.state.store import FolderStore
from reconciler.state.store.records import Records
from reconciler.system.cache import Cache
from tests.clock import FakeClock
from tests.state.stores import put

RESULTS = 40
LATER_S = 60.0


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the records that are asked about."""
    names: list[str] = []
    look = Records.read

    def note(records: Records, folder: str, name: str) -> Result | None:
        names.append(name)
        return look(records, folder, name)

    monkeypatch.setattr(Records, "read", note)
    return names


def open_shelf(folder: Path) -> FolderStore:
    """A store as one look has it: of what was seen before it knows what is kept on the disk."""
    later = max(path.stat().st_ctime for path in [folder, *folder.rglob("*")]) + LATER_S
    return FolderStore(folder / "store", FakeClock(later), Cache(folder / "cache", b"k" * 32))


def count(store: FolderStore) -> int:
    """The results of the edit `film`."""
    found = store.count_recorded({"film"})
    store.remember()
    return found.get("film", 0)


def test_only_what_changed_is_counted_again(tmp_path: Path, read: list[str]) -> None:
    """After a new result its folder alone is read; with nothing new, nothing."""
    for number in range(RESULTS):
        put(open_shelf(tmp_path), f"film {number}", key=f"{number:02x}" + "0" * 62)
    read.clear()
    assert count(open_shelf(tmp_path)) == RESULTS
    assert len(read) == RESULTS
    read.clear()
    assert count(open_shelf(tmp_path)) == RESULTS
    assert read == []
    put(open_shelf(tmp_path), "one more", key="07" + "1" * 62)
    read.clear()
    assert count(open_shelf(tmp_path)) == RESULTS + 1
    assert {name[:2] for name in read} == {"07"}


def test_what_was_just_written_is_counted_again(tmp_path: Path, read: list[str]) -> None:
    """A folder that may change yet without another stamp is not believed."""
    put(open_shelf(tmp_path), "film", key="a" * 64)
    clock = FakeClock((tmp_path / "store/results/aa").stat().st_mtime)
    for _ in range(2):
        read.clear()
        store = FolderStore(tmp_path / "store", clock, Cache(tmp_path / "cache", b"k" * 32))
        assert count(store) == 1
        assert len(read) == 1


def test_removed_result_is_not_counted(tmp_path: Path) -> None:
    """As when somebody moves a damaged record out of sight."""
    put(open_shelf(tmp_path), "film", key="a" * 64)
    put(open_shelf(tmp_path), "other", key="b" * 64)
    assert count(open_shelf(tmp_path)) == 2
    (record,) = (tmp_path / "store/results/aa").iterdir()
    record.unlink()
    assert count(open_shelf(tmp_path)) == 1


def test_edits_without_a_result_are_searched_in_no_record(tmp_path: Path, read: list[str]) -> None:
    """A plan asks at each pass what its new edits were before: that costs what they have had."""
    for number in range(RESULTS):
        put(open_shelf(tmp_path), f"film {number}", key=f"{number:02x}" + "0" * 62)
    put(open_shelf(tmp_path), "other", key="07" + "1" * 62, edit="other")
    assert count(open_shelf(tmp_path)) == RESULTS
    read.clear()
    store = open_shelf(tmp_path)
    assert store.find_rendered_for({"never"}) == {}
    assert read == []
    (found,) = store.find_rendered_for({"never", "other"})["other"]
    assert found.key == "07" + "1" * 62
    assert {name[:2] for name in read} == {"07"}

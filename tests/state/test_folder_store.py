"""What a store in a folder does beside its promises, and with bytes that went bad."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reconciler.errors import StoreDamaged
from reconciler.state.store import FolderStore
from tests.clock import FakeClock
from tests.making import make_digest
from tests.state.stores import put


def test_what_was_stored_comes_back(store: FolderStore, tmp_path: Path) -> None:
    """Bytes and record come back as they were, also to a store opened anew."""
    result = put(store)
    again = FolderStore(store.folder, FakeClock())
    assert again.read_all_results() == ({result.key: [result]}, [])
    again.copy_out(result.digest, tmp_path / "out" / "film.mp4")
    assert (tmp_path / "out" / "film.mp4").read_bytes() == b"video"


def test_without_commit_nothing_remains(store: FolderStore) -> None:
    """A download that ends early, or raises, leaves no blob and no leftovers."""
    with store.new_blob() as blob:
        blob.write(b"half")
    with pytest.raises(OSError, match="lost"), store.new_blob() as blob:
        blob.write(b"half")
        raise OSError("lost")
    assert not store.has(make_digest("half"), 4)
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []


def test_asked_by_keys_it_reads_no_other_record(store: FolderStore, opened: list[Path]) -> None:
    """The records of other keys are not even opened."""
    film = put(store)
    for number in range(20):
        put(store, str(number), key=film.key[:2] + f"{number:062}")
    opened.clear()
    store.find_results([film.key])
    assert [path.name for path in opened] == [f"{film.key}.{film.digest}.json"]


def test_read_only(store: FolderStore) -> None:
    """Blobs and records are not writable: an editor that opens one cannot change it by mistake."""
    result = put(store)
    record = next((store.folder / "results").rglob("*.json"))
    assert [path.stat().st_mode & 0o777 for path in (store.blob_path(result.digest), record)] == [
        0o444,
        0o444,
    ]


def test_leftovers_of_a_crash_are_invisible(store: FolderStore) -> None:
    """Half a blob and half a record, as a kill leaves them, are neither results nor damage."""
    result = put(store)
    folder = store.folder / "results" / result.key[:2]
    (folder / ".0123.tmp").write_bytes(b'{"key"')
    (store.folder / "tmp" / "0123.part").write_bytes(b"vid")
    assert store.read_all_results() == ({result.key: [result]}, [])


def test_a_blob_without_a_record_is_no_result(store: FolderStore) -> None:
    """A kill between blob and record leaves bytes that nobody trusts yet; storing again completes
    them.
    """
    with store.new_blob() as blob:
        blob.write(b"video")
        blob.commit()
    assert store.read_all_results() == ({}, [])
    result = put(store)
    assert store.read_all_results() == ({result.key: [result]}, [])


def damage(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_changed_blob_is_never_handed_out(store: FolderStore, tmp_path: Path) -> None:
    """Bytes that no longer match their name are refused at the read, and what is at the target
    stays.
    """
    result = put(store)
    damage(store.blob_path(result.digest), b"vidEo")
    (tmp_path / "film.mp4").write_bytes(b"precious")
    with pytest.raises(StoreDamaged, match=result.digest[:12]) as told:
        store.copy_out(result.digest, tmp_path / "film.mp4")
    assert "run apply again" in told.value.hint
    assert (tmp_path / "film.mp4").read_bytes() == b"precious"


def test_a_missing_blob_is_told(store: FolderStore, tmp_path: Path) -> None:
    """A blob that is gone when it is wanted is damage in words, not a traceback."""
    result = put(store)
    store.blob_path(result.digest).unlink()
    with pytest.raises(StoreDamaged, match=result.digest[:12]):
        store.copy_out(result.digest, tmp_path / "film.mp4")


def test_a_changed_blob_is_replaced_by_the_next_write(store: FolderStore, tmp_path: Path) -> None:
    """A blob that is there already is hashed again before it is trusted; a bad one is replaced."""
    result = put(store)
    damage(store.blob_path(result.digest), b"vidEo")
    put(store)
    store.copy_out(result.digest, tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == b"video"


@pytest.mark.parametrize("content", [None, b"vid"], ids=["missing", "cut short"])
def test_a_result_without_its_blob_is_told(store: FolderStore, content: bytes | None) -> None:
    """A record whose blob is missing or cut short is no result, and is told."""
    result = put(store)
    if content is None:
        store.blob_path(result.digest).unlink()
    else:
        damage(store.blob_path(result.digest), content)
    assert store.read_all_results() == (
        {},
        [f"the blob {result.digest[:12]}… of film is missing or cut short"],
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"key": 1}', b"\xff", b"[" * 100_000],
    ids=lambda content: content[:12],
)
def test_a_damaged_record_is_told(store: FolderStore, content: bytes) -> None:
    """A record that cannot be read is no result, and is told; the others are read."""
    bad, good = put(store, "bad"), put(store, "good")
    path = store.folder / "results" / bad.key[:2] / f"{bad.key}.{bad.digest}.json"
    damage(path, content)
    results, damaged = store.read_all_results()
    assert results == {good.key: [good]}
    assert len(damaged) == 1
    assert damaged[0].startswith(f"the result record {bad.key[:12]}… cannot be read")


@pytest.mark.parametrize(
    "name", ["size_bytes", "duration_s", "stored_at", "edit", "job", "task", "adopted"]
)
def test_a_record_with_a_field_of_another_kind_is_told(store: FolderStore, name: str) -> None:
    """A record that names its result and says nonsense of it is not trusted: nobody has to check it
    again.
    """
    result = put(store)
    path = store.folder / "results" / result.key[:2] / f"{result.key}.{result.digest}.json"
    damage(path, json.dumps({**json.loads(path.read_bytes()), name: ["nonsense"]}).encode())
    assert store.read_all_results() == (
        {},
        [f"the result record {result.key[:12]}… cannot be read"],
    )


def test_a_damaged_record_is_replaced_by_the_next_write(store: FolderStore) -> None:
    """Collecting a result again heals a record that went bad, as it heals a blob."""
    result = put(store)
    damage(store.folder / "results" / result.key[:2] / f"{result.key}.{result.digest}.json", b"{")
    put(store)
    assert store.read_all_results() == ({result.key: [result]}, [])


def test_a_record_under_another_name_is_told(store: FolderStore) -> None:
    """A record whose name and content disagree is not trusted."""
    result = put(store)
    path = store.folder / "results" / result.key[:2] / f"{result.key}.{result.digest}.json"
    path.rename(path.with_name(f"{'0' * 64}.{result.digest}.json"))
    assert store.read_all_results()[0] == {}
    assert "cannot be read" in store.read_all_results()[1][0]


def test_copies_of_a_blob_do_not_share_its_fate(store: FolderStore, tmp_path: Path) -> None:
    """An output is a copy: writing into it leaves the store alone."""
    result = put(store)
    store.copy_out(result.digest, tmp_path / "film.mp4")
    (tmp_path / "film.mp4").write_bytes(b"cut")
    store.copy_out(result.digest, tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == b"video"
    assert os.access(tmp_path / "again.mp4", os.W_OK)


def test_records_are_for_others_to_read(store: FolderStore) -> None:
    """A record is one line of canonical JSON with the vendor's own words in it."""
    result = put(
        store,
        usage={"duration": 10.04},
        task={"task_id": "t", "submit_time": "2027-01-15 16:00:00.000"},
    )
    line = next((store.folder / "results").rglob("*.json")).read_bytes()
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    data = json.loads(line)
    assert (data["usage"], data["task"]["submit_time"]) == (
        {"duration": 10.04},
        "2027-01-15 16:00:00.000",
    )
    assert data["key"] == result.key

"""What every store promises, wherever its bytes lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import StoreDamaged
from reconciler.state.store import Store
from tests.making import make_digest
from tests.state.stores import put


def test_the_name_is_computed(store: Store) -> None:
    """A blob is named by the bytes that were written, over any number of chunks; nobody passes a
    name in.
    """
    with store.new_blob() as blob:
        for chunk in (b"vi", b"", b"deo"):
            blob.write(chunk)
        assert (blob.commit(), blob.size_bytes) == (make_digest("video"), 5)
    assert store.has(make_digest("video"), 5)
    assert not store.has(make_digest("video"), 4)
    assert not store.has(make_digest("other"), 5)


def test_storing_twice_is_no_change(store: Store) -> None:
    """The same outcome again, even with other words in its record, leaves the first record as it
    is.
    """
    first = put(store)
    put(store, stored_at="2030-01-01T00:00:00Z")
    assert store.read_all_results() == ({first.key: [first]}, [])


def test_two_outcomes_of_one_job(store: Store) -> None:
    """A job rendered twice has two results, the older first; neither overwrites the other."""
    second = put(store, "second", stored_at="2027-01-16T00:00:00Z")
    first = put(store, "first", stored_at="2027-01-15T00:00:00Z")
    assert store.read_all_results()[0] == {first.key: [first, second]}


def test_an_empty_store(store: Store) -> None:
    """A store that was never written to has no results and is no error."""
    assert store.read_all_results() == ({}, [])


def test_asked_by_keys(store: Store) -> None:
    """Only what is asked for is in the answer, whatever else lies in the store."""
    film, other = put(store), put(store, "other", key="f" * 64, edit="other")
    assert store.find_results([film.key]) == ({film.key: [film]}, [])
    assert store.find_results([other.key, "e" * 64]) == ({other.key: [other]}, [])
    assert store.find_results([]) == ({}, [])


def test_which_bytes_are_stored(store: Store) -> None:
    """Of some digests those of a result whose bytes are there; a blob without a record is none."""
    film = put(store)
    with store.new_blob() as blob:
        blob.write(b"loose")
        blob.commit()
    assert store.find_stored({film.digest, make_digest("loose"), make_digest("never")}) == {
        film.digest
    }


def test_results_of_an_edit(store: Store) -> None:
    """Results are found by the name of the edit that they were rendered for, whatever their key."""
    film = put(store)
    assert store.find_rendered_for(["film", "other"]) == {"film": [film]}


def test_how_much_is_recorded_of_an_edit(store: Store) -> None:
    """The count is that of the store as it is, however often it is asked."""
    names = ["film", "other"]
    assert store.count_recorded(names) == {}
    put(store)
    assert store.count_recorded(names) == {"film": 1}
    put(store, "second", key="e" * 64)
    put(store, "shared", key="f" * 64, edit="other")
    put(store, "strange", key="d" * 64, edit="strange")
    for _ in range(2):
        store.remember()
        assert store.count_recorded(names) == {"film": 2, "other": 1}


def test_what_is_recorded_of_an_edit(store: Store) -> None:
    """By the name of the edit or by a key, the oldest first, each once."""
    second = put(store, "second", key="e" * 64, stored_at="2027-01-16T00:00:00Z")
    first = put(store, "first")
    shared = put(store, "shared", key="f" * 64, edit="other", stored_at="2027-01-14T00:00:00Z")
    put(store, "strange", key="d" * 64, edit="strange")
    assert store.find_recorded(["film"], [first.key]) == [first, second]
    assert store.find_recorded(["film"], ["f" * 64]) == [shared, first, second]
    assert store.find_recorded([], []) == []


def test_what_was_stored_comes_out(store: Store, tmp_path: Path) -> None:
    """Bytes come back as they were: copied out, opened, and checked."""
    film = put(store)
    store.copy_out(film.digest, tmp_path / "out" / "film.mp4")
    assert (tmp_path / "out" / "film.mp4").read_bytes() == b"video"
    with store.open_blob(film.digest) as blob:
        assert blob.read() == b"video"
    store.check_blob(film.digest)
    with pytest.raises(StoreDamaged, match="is not in the store"):
        store.check_blob(make_digest("never"))


def test_all_that_a_record_says(store: Store) -> None:
    """A result that is found is the one that was put, also what is read only when asked for."""
    film = put(store, usage={"duration": 5}, task={"task_id": "t", "orig_prompt": "a ❤\n"})
    (found,) = store.find_results([film.key]).results[film.key]
    assert (found, dict(found.task), dict(found.job)) == (film, film.task, film.job)
    store.remember()
    (again,) = store.find_results([film.key]).results[film.key]
    assert (again, dict(again.usage)) == (film, film.usage)


def test_the_first_result_of_a_job(store: Store) -> None:
    """Asked at this moment, and whole: the oldest one whose bytes are right."""
    put(store, "second", stored_at="2027-01-16T00:00:00Z")
    first = put(store, "first", stored_at="2027-01-15T00:00:00Z")
    assert store.find_first(first.key) == first
    assert store.find_first("e" * 64) is None


def test_what_is_removed_is_gone(store: Store) -> None:
    """A removed result is in no answer; a video that another result shares stays."""
    film, twin, other = put(store), put(store, key="f" * 64), put(store, "other", key="e" * 64)
    store.remove([film, other])
    store.remember()
    assert store.read_all_results()[0] == {twin.key: [twin]}
    assert store.find_results([film.key, other.key]) == ({}, [])
    assert store.find_first(film.key) is None
    assert store.has(film.digest, film.size_bytes)
    assert not store.has(other.digest, other.size_bytes)
    assert list(store.verify(read_data=True)) == []


def test_without_commit_nothing_is_there(store: Store) -> None:
    """A download that ends early leaves no blob."""
    with store.new_blob() as blob:
        blob.write(b"half")
    assert not store.has(make_digest("half"), 4)

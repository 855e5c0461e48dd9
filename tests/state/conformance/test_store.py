"""What every store promises, wherever its bytes lie."""

from __future__ import annotations

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

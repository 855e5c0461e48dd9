"""Ledger and store are asked by keys, each key once, and the ledger before the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.state.ledger import SqliteLedger
from reconciler.state.lookup import Lookup
from reconciler.state.observed import Attempt, Result, State
from reconciler.state.store import FolderStore
from tests import making
from tests.clock import FakeClock

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> FolderStore:
    return FolderStore(tmp_path / "store", clock)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger.open(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


def put(store: FolderStore, name: str, content: str = "video") -> Result:
    """FolderStore a result of an edit."""
    with store.new_blob() as blob:
        blob.write(content.encode())
        blob.commit()
    result = making.make_result(making.make_edit(name), content)
    store.put_result(result)
    return result


def intend(ledger: SqliteLedger, key: str) -> None:
    """Write down that a request is about to be sent."""
    attempt = Attempt(key, key, key, "film", State.INTENT, "mock", NOW)
    job = {"model": "m", "take": 1}
    ledger.intend(attempt, request_sha256="", prompt=None, job=job, server_time=None)


def test_it_grows_with_every_question(store: FolderStore, ledger: SqliteLedger) -> None:
    """Only what was asked for is known, and stays known; the same key is not asked about again."""
    film = put(store, "film")
    intend(ledger, "k")
    lookup = Lookup(store, ledger, now=NOW)
    results, history = lookup.results, lookup.history
    assert lookup.find({film.key}).results == {film.key: [film]}
    assert lookup.find({"k"}).results == {}
    assert (results.keys(), history.keys()) == ({film.key}, {"k"})
    assert lookup.find({film.key, "k"}).results == {}


def test_the_ledger_is_asked_first(
    store: FolderStore, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stores writes the result before the ledger. Were the store read first, a result that
    comes between the two looks would be taken for paid and lost.
    """
    asked: list[str] = []

    def note(name: str, real: Any) -> Any:
        def call(*values: Any, **options: Any) -> Any:
            asked.append(name)
            return real(*values, **options)

        return call

    for owner, name, method in (
        (ledger, "ledger", "find_history"),
        (ledger, "ledger", "read_whole_history"),
        (store, "store", "find_results"),
        (store, "store", "read_all_results"),
    ):
        monkeypatch.setattr(owner, method, note(name, getattr(owner, method)))
    lookup = Lookup(store, ledger, now=NOW)
    lookup.find({"k"})
    lookup.read_everything()
    assert asked == ["ledger", "store", "ledger", "store"]


def test_without_a_ledger(store: FolderStore) -> None:
    """Where nothing was ever sent there is no ledger, and there may be a store."""
    film = put(store, "film")
    lookup = Lookup(store, None, now=NOW)
    assert lookup.find_open_keys() == ()
    lookup.find({film.key})
    assert (lookup.results, lookup.history) == ({film.key: [film]}, {})


@pytest.mark.parametrize("is_whole", [False, True])
def test_the_same_answers_by_keys_and_of_the_whole(
    store: FolderStore, ledger: SqliteLedger, is_whole: bool
) -> None:
    """What is found by edit or by digest is the same, whether everything was read or nothing."""
    film, other = put(store, "film"), put(store, "other", "another video")
    lookup = Lookup(store, ledger, now=NOW)
    if is_whole:
        lookup.read_everything()
    assert lookup.find_rendered_for({"film", "never"}) == {"film": [film]}
    assert lookup.find_rendered_for(set()) == {}
    digests: Collection[str] = {other.digest, making.make_digest("never")}
    assert lookup.find_stored(digests) == {other.digest}

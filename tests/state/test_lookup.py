"""Store and ledger are asked by keys, and the ledger only for those that are not done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.state.ledger import SqliteLedger
from reconciler.state.lookup import Lookup
from reconciler.state.observed import Attempt, Pin, Result, State
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


def put(store: FolderStore, name: str, content: str = "video", **fields: Any) -> Result:
    """FolderStore a result of an edit."""
    with store.new_blob() as blob:
        blob.write(content.encode())
        blob.commit()
    result = replace(making.make_result(making.make_edit(name), content), **fields)
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


class Asked:
    """Which keys were asked of whom, in order; and what happens just after a question."""

    def __init__(
        self, store: FolderStore, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.questions: list[tuple[str, set[str]]] = []
        self.then: dict[int, Callable[[], object]] = {}  # by the number of a question, from 1
        for owner, name, method in (
            (ledger, "ledger", "find_history"),
            (ledger, "ledger", "read_whole_history"),
            (store, "store", "find_results"),
            (store, "store", "read_all_results"),
        ):
            monkeypatch.setattr(owner, method, self._note(name, getattr(owner, method)))

    def _note(self, name: str, real: Any) -> Any:
        def call(keys: Collection[str] = (), **options: Any) -> Any:
            self.questions.append((name, set(keys)))
            answer = real(keys, **options) if keys else real(**options)
            self.then.get(len(self.questions), lambda: None)()
            return answer

        return call


@pytest.fixture
def asked(store: FolderStore, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(store, ledger, monkeypatch)


def succeed(ledger: SqliteLedger, key: str) -> None:
    """The service has rendered what was sent for a key."""
    ledger.submitted(key, f"task {key}", at=NOW)
    ledger.end(key, State.SUCCEEDED, at=NOW)


def test_the_ledger_is_asked_for_what_is_not_done(
    store: FolderStore, ledger: SqliteLedger, asked: Asked
) -> None:
    """Of a key with its result nobody asks what was tried for it."""
    film = put(store, "film")
    intend(ledger, film.key)
    succeed(ledger, film.key)
    lookup = Lookup(store, ledger, now=NOW)
    lookup.find({film.key, "k"})
    assert asked.questions == [("store", {film.key, "k"}), ("ledger", {"k"})]
    assert (lookup.results.keys(), lookup.history.keys()) == ({film.key}, set())
    lookup.read_everything()
    assert [name for name, _ in asked.questions[2:]] == ["ledger", "store"]
    assert lookup.history.keys() == {film.key}


def test_what_is_under_way_is_asked_though_there_is_a_result(
    store: FolderStore, ledger: SqliteLedger
) -> None:
    """An open attempt is known with every key, whatever lies in the store."""
    film = put(store, "film")
    intend(ledger, film.key)
    lookup = Lookup(store, ledger, now=NOW)
    lookup.find(lookup.find_open_keys())
    assert (lookup.results.keys(), lookup.history.keys()) == ({film.key}, {film.key})


@pytest.mark.parametrize("state", [State.SUBMITTED, State.SUCCEEDED])
def test_a_result_that_comes_between_two_looks(
    store: FolderStore, ledger: SqliteLedger, asked: Asked, state: State
) -> None:
    """Another process stores a result and then writes SUCCEEDED, after the store was asked and
    before the ledger: it is not taken for paid and lost.
    """
    key = making.make_result(making.make_edit("film")).key
    intend(ledger, key)
    if state is State.SUBMITTED:
        ledger.submitted(key, f"task {key}", at=NOW)

    def come() -> None:
        put(store, "film")
        if state is State.SUCCEEDED:
            succeed(ledger, key)

    asked.then[1] = come
    lookup = Lookup(store, ledger, now=NOW)
    found = lookup.find({key})
    assert [name for name, _ in asked.questions] == ["store", "ledger", "store"]
    assert lookup.history[key].last.state is state
    assert found.results.keys() == lookup.results.keys() == {key}


def test_a_pinned_result_that_comes_between_two_looks(
    store: FolderStore, ledger: SqliteLedger, asked: Asked
) -> None:
    """The same where another result of the job was there before, and the lock file names this
    one.
    """
    film = put(store, "film", "old")
    intend(ledger, film.key)

    def come() -> None:
        put(store, "film", "new")
        succeed(ledger, film.key)

    asked.then[1] = come
    pin = Pin(film.key, making.make_digest("new"))
    lookup = Lookup(store, ledger, now=NOW, pins=[pin])
    lookup.find({film.key})
    assert lookup.history[film.key].last.state is State.SUCCEEDED
    assert {result.digest for result in lookup.results[film.key]} == {film.digest, pin.digest}


@pytest.mark.parametrize("state", [State.SUBMITTED, State.SUCCEEDED])
def test_a_result_that_comes_while_everything_is_read(
    store: FolderStore, ledger: SqliteLedger, asked: Asked, state: State
) -> None:
    """Whatever the ledger says of an attempt then, its result is known if that is SUCCEEDED."""
    key = making.make_result(making.make_edit("film")).key
    intend(ledger, key)
    ledger.submitted(key, f"task {key}", at=NOW)
    if state is State.SUCCEEDED:
        put(store, "film")
        ledger.end(key, State.SUCCEEDED, at=NOW)
    else:
        asked.then[1] = lambda: (put(store, "film"), ledger.end(key, State.SUCCEEDED, at=NOW))
    lookup = Lookup(store, ledger, now=NOW)
    lookup.read_everything()
    assert lookup.history[key].last.state is state
    assert lookup.results.keys() == {key}


@pytest.mark.parametrize("is_whole", [False, True])
def test_an_output_that_comes_after_the_store_was_read(
    store: FolderStore, ledger: SqliteLedger, is_whole: bool
) -> None:
    """Another process stores a result and writes its output before the outputs are looked at: the
    file is known to be ours.
    """
    lookup = Lookup(store, ledger, now=NOW)
    if is_whole:
        lookup.read_everything()
    film = put(store, "film")
    assert lookup.find_stored({film.digest}) == {film.digest}


@pytest.mark.parametrize("state", [State.SUBMITTED, State.UNDECIDED, State.SUCCEEDED])
def test_what_moves_between_all_three_looks(
    store: FolderStore, ledger: SqliteLedger, asked: Asked, state: State
) -> None:
    """A key that is being worked on throughout: what is told of it is never a success without its
    result.
    """
    key = making.make_result(making.make_edit("film")).key
    intend(ledger, key)
    ledger.submitted(key, f"task {key}", at=NOW)
    if state is State.UNDECIDED:
        ledger.end(key, State.UNDECIDED, at=NOW)
    asked.then[1 if state is State.SUCCEEDED else 2] = lambda: (
        put(store, "film"),
        ledger.end(key, State.SUCCEEDED, at=NOW),
    )
    lookup = Lookup(store, ledger, now=NOW)
    lookup.find(lookup.find_open_keys())
    assert lookup.history[key].last.state is state
    assert lookup.results.keys() == {key}


def test_what_an_earlier_rule_may_have_named_is_asked_of_both(
    store: FolderStore, ledger: SqliteLedger
) -> None:
    """The ledger may know of more edits that had the key than the store does."""
    film = put(store, "film", job={"v": 1, "model": "m", "take": 1, "input": {}})
    job = {"model": "m", "take": 1, "input": {}, "v": 1}
    attempt = Attempt("a", film.key, "lane", "old", State.INTENT, "mock", NOW)
    ledger.intend(attempt, request_sha256="", prompt=None, job=job, server_time=None)
    lookup = Lookup(store, ledger, now=NOW)
    found = lookup.find({film.key})
    assert [(key, edit) for key, edit, _ in found.requests] == [(film.key, "old")]
    assert lookup.history.keys() == {film.key}


def test_without_a_ledger(store: FolderStore) -> None:
    """Where nothing was ever sent there is no ledger, and there may be a store."""
    film = put(store, "film")
    lookup = Lookup(store, None, now=NOW)
    assert not lookup.find_open_keys()
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

"""What store and ledger know of some keys, asked as the keys become known, and each key once.

The store is asked first, and the ledger for the keys that are not done: of a key with its result
nobody asks what was tried. Who writes goes blob, result, ledger; so where the ledger knows of
attempts of a key whose result was not there, the store is asked again: an attempt that is seen as
SUCCEEDED has its result in the store, also while another process is at work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter

from reconciler.state.ledger import Ledger
from reconciler.state.observed import Findings, History, Pin, Request, Result
from reconciler.state.store import Store
from reconciler.system.stages import time_stage

_may_be_former = attrgetter("may_be_former")  # of a result


class Lookup:
    """Results and attempts by key, as far as somebody asked. They grow with every question, in
    place, so that who holds them sees what is learnt later.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger | None,
        *,
        now: float,
        pins: Iterable[Pin] = (),
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._now = now
        self._pinned: dict[str, set[str]] = {}  # by key: the digests that the lock file names
        for pin in pins:
            self._pinned.setdefault(pin.made_by or pin.key, set()).add(pin.digest)
        self._asked: set[str] = set()
        self._open: frozenset[str] = frozenset()
        self._is_whole = False
        self.results: dict[str, Sequence[Result]] = {}
        self.history: dict[str, History] = {}
        self.damaged: set[str] = set()

    def find(self, keys: Collection[str]) -> Findings:
        """Ask about keys. The answer tells what is new by it."""
        new = set() if self._is_whole else set(keys) - self._asked
        if not new:
            return Findings()
        self._asked |= new
        results = dict(self._ask_store(new))
        requests: Sequence[Request] = ()
        if self._ledger is not None:
            due = {key for key in new if not self._is_over(key, results.get(key, ()))}
            with time_stage("ledger", len(due)):
                history = self._ledger.find_history(due, now=self._now) if due else {}
                requests = self._ledger.find_requests(history) if history else ()
            self.history.update(history)
            late = {key for key in history if not self._is_here(key, results.get(key, ()))}
            if late:
                results.update(self._ask_store(late))
        self.results.update(results)
        return Findings(results, requests)

    def _ask_store(self, keys: Collection[str]) -> Mapping[str, Sequence[Result]]:
        with time_stage("store", len(keys)):
            results, damaged = self._store.find_results(keys)
        self.damaged.update(damaged)
        return results

    def _is_here(self, key: str, results: Sequence[Result]) -> bool:
        """Whether a key has its result: any, and all that the lock file names."""
        pinned = self._pinned.get(key)
        if not results or pinned is None:
            return bool(results)
        return pinned <= {result.digest for result in results}

    def _is_over(self, key: str, results: Sequence[Result]) -> bool:
        """Whether nobody asks what was tried for a key: its result is here, nothing of it is under
        way, and no earlier rule of keys has to do with it.
        """
        return (
            self._is_here(key, results)
            and key not in self._open
            and not any(map(_may_be_former, results))
        )

    def find_open_keys(self) -> Collection[str]:
        """The keys of attempts that are not over, whoever asks for them now. What was tried for
        them is asked from now on, also where a result is here.
        """
        if self._ledger is not None:
            with time_stage("ledger"):
                attempts = self._ledger.find_open_attempts(now=self._now)
            self._open = frozenset(attempt.key for attempt in attempts)
        return self._open

    def read_everything(self, *, read_data: bool = False) -> Findings:
        """Read all that ever was. The answer tells all of it, also what was known before.
        `read_data` hashes every stored video.
        """
        requests: Sequence[Request] = ()
        if self._ledger is not None:
            with time_stage("ledger"):
                self.history.update(self._ledger.read_whole_history(now=self._now))
                requests = self._ledger.read_all_requests()
        with time_stage("store"):
            results, damaged = self._store.read_all_results(read_data=read_data)
        self.results.update(results)
        self.damaged.update(damaged)
        self._is_whole = True
        return Findings(results, requests)

    def find_rendered_for(self, edits: Collection[str]) -> Mapping[str, Sequence[Result]]:
        """By edit: the results that were rendered for it, by key, and of one key the
        oldest first.
        """
        if not edits:
            return {}
        if not self._is_whole:
            return self._store.find_rendered_for(edits)
        rendered: dict[str, list[Result]] = {}
        for _, results in sorted(self.results.items()):
            for result in results:
                if result.edit in edits:
                    rendered.setdefault(result.edit, []).append(result)
        return rendered

    def find_stored(self, digests: Collection[str]) -> Collection[str]:
        """Those of `digests` that are the outcome of a stored result. The store is asked anew about
        others than those that are known, also where all of it was read: what is seen of outputs is
        younger, and another process may have stored a result and written its output meanwhile.
        """
        known = {result.digest for results in self.results.values() for result in results}
        return look_up_stored(self._store, digests, known)


def look_up_stored(
    store: Store, digests: Collection[str], known: Collection[str]
) -> Collection[str]:
    """Those of `digests` that are the outcome of a stored result; the store is asked only about
    those that are not `known` to be.
    """
    unknown = set(digests).difference(known)
    return (set(digests) - unknown) | set(store.find_stored(unknown) if unknown else ())

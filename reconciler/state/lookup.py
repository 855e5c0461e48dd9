"""What ledger and store know of some keys, asked as the keys become known, and each key once.

The ledger is asked before the store. Who writes goes the other way (blob, result, ledger), so an
attempt that is seen as SUCCEEDED has its result in the store, also while another process is at
work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from reconciler.state.ledger import Ledger
from reconciler.state.observed import Findings, History, Request, Result
from reconciler.state.store import Store
from reconciler.system.stages import time_stage


class Lookup:
    """Results and attempts by key, as far as somebody asked. They grow with every question, in
    place, so that who holds them sees what is learnt later.
    """

    def __init__(self, store: Store, ledger: Ledger | None, *, now: float) -> None:
        self._store = store
        self._ledger = ledger
        self._now = now
        self._asked: set[str] = set()
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
        requests: Sequence[Request] = ()
        if self._ledger is not None:
            with time_stage("ledger", len(new)):
                self.history.update(self._ledger.find_history(new, now=self._now))
                if any(key in self.history for key in new):
                    requests = self._ledger.find_requests(new)
        with time_stage("store", len(new)):
            results, damaged = self._store.find_results(new)
        self.results.update(results)
        self.damaged.update(damaged)
        return Findings(results, requests)

    def find_open_keys(self) -> Collection[str]:
        """The keys of attempts that are not over, whoever asks for them now."""
        if self._ledger is None:
            return ()
        with time_stage("ledger"):
            return {attempt.key for attempt in self._ledger.find_open_attempts(now=self._now)}

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
        """Those of `digests` that are the outcome of a stored result."""
        known = {result.digest for results in self.results.values() for result in results}
        if self._is_whole:
            return known & set(digests)
        return look_up_stored(self._store, digests, known)


def look_up_stored(
    store: Store, digests: Collection[str], known: Collection[str]
) -> Collection[str]:
    """Those of `digests` that are the outcome of a stored result; the store is asked only about
    those that are not `known` to be.
    """
    unknown = set(digests).difference(known)
    return (set(digests) - unknown) | set(store.find_stored(unknown) if unknown else ())

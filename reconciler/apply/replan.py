"""The plan while an apply runs: looked at anew where something ended, and whole when nothing runs.

What ends touches its key, the edits that share it and those that build on it; so much is read and
decided again. Whatever is not certain to stay within these is read whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO

from reconciler.config import Config
from reconciler.desired.job import Desired
from reconciler.plan.decide import PlanOptions
from reconciler.plan.earlier_keys import Former
from reconciler.plan.excerpts import find_excerpts
from reconciler.plan.jobs import Resolved, keep_excerpts, resolve_edit
from reconciler.plan.step import Step
from reconciler.planner import Pass, begin_draft, conclude_pass
from reconciler.state.excerpts import ExcerptFinder
from reconciler.state.ledger import Ledger
from reconciler.state.lookup import look_up_stored
from reconciler.state.observed import History, Output, Result, State, Stray
from reconciler.state.outputs import Outputs
from reconciler.state.store import Store
from reconciler.system.cache import Cache, Digests
from reconciler.system.clock import Clock


class Replanner:
    """Keeps the plan of one apply up to date."""

    def __init__(
        self,
        config: Config,
        store: Store,
        ledger: Ledger,
        clock: Clock,
        outputs: Outputs,
        options: PlanOptions,
        first: Pass,
        cache: Cache,
        excerpts: ExcerptFinder,
    ) -> None:
        self._config = config
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._outputs = outputs
        self._options = replace(options, verify=False)  # bytes are read once, at the beginning
        self._cache = cache
        self._excerpts = excerpts
        self._desired: Desired = first.desired
        self._is_whole = False  # whether whole passes read all that ever was
        self._first: Pass | None = first  # until something is asked: the first request waits less

    @property
    def resolved(self) -> Mapping[str, Resolved]:
        """The edits as they are resolved now, by name."""
        self._begin_at_first()
        return self._draft.resolved

    @property
    def history(self) -> Mapping[str, History]:
        """The attempts of their keys, as they were seen last."""
        self._begin_at_first()
        return self._history

    def write_pass(self) -> Pass:
        """What is known now, as a whole pass would have it."""
        self._begin_at_first()
        return Pass(
            self._desired, self._draft.observed, self._draft.resolved, self._draft.write_plan()
        )

    def look_at_everything(self) -> list[Step]:
        """A whole pass; the steps of all edits that are not settled."""
        current = conclude_pass(
            self._config,
            self._desired,
            self._store,
            self._ledger,
            self._clock,
            self._options,
            whole=self._is_whole,
            cache=self._cache,
        )
        self._begin(current)
        return list(self._draft.steps.values())

    def look_at(self, keys: Collection[str]) -> list[Step]:
        """Look at what is known of keys, once something happened to them; the steps of the edits
        that this touches.
        """
        self._begin_at_first()
        touched: set[str] = set()
        looked_at: set[str] = set()
        waiting = set(keys)
        while waiting:
            names = self._look_up(waiting)
            if names is None:
                return self.look_at_everything()
            looked_at |= waiting
            touched |= self._draft.update(names, self._draft.observed, self._resolve)
            # what builds on a new result has got its key by it
            waiting = self._note_new_keys(touched) - looked_at
            if waiting and self._was_known_otherwise(touched, waiting):
                self._is_whole = True
                return self.look_at_everything()
        return [self._draft.steps[name] for name in touched if name in self._draft.steps]

    # -------------------------------------------------------------- what is

    def _begin_at_first(self) -> None:
        """Start from the pass that was shown, where no later one was seen."""
        if self._first is not None:
            self._begin(self._first)

    def _begin(self, current: Pass) -> None:
        """Take over what a whole pass saw; the mappings become our own, since they are changed.
        Where the ledger is away nothing has changed, and it may be repeated.
        """
        observed = current.observed
        requests = self._ledger.find_requests(observed.history.keys())
        published = self._outputs.published()
        self._first = None
        self._results: dict[str, Sequence[Result]] = dict(observed.results)
        self._history: dict[str, History] = dict(observed.history)
        self._files: dict[str, Output] = dict(observed.outputs)
        self._before = dict(observed.before)
        observed = replace(
            observed,
            results=self._results,
            history=self._history,
            outputs=self._files,
            before=self._before,
        )
        files = (*self._files.values(), *observed.left_over.values())
        self._former = Former.of(
            self._config.signatures,
            observed,
            [file.published for file in files if file.published is not None],
            requests,
        )
        self._digests = {result.digest for several in self._results.values() for result in several}
        # of files at outputs that are not ours
        self._strange = {file.digest for file in self._files.values() if not file.ours}
        self._notes: dict[str, set[str]] = {}  # by edit: the paths that it was noted for
        for path, note in published.items():
            self._notes.setdefault(note.edit, set()).add(path)
        self._draft = begin_draft(
            self._config, self._desired, current.resolved, observed, self._options
        )
        for edit in current.resolved.values():
            keep_excerpts(edit, current.resolved, self._excerpts)
        self._keys: dict[str, str] = {}  # by edit: the key that it was last looked up by
        self._note_new_keys(current.resolved)

    def _note_new_keys(self, names: Collection[str]) -> set[str]:
        """The keys of those of some edits that have another one than before."""
        new = set()
        for name in names:
            job = self._draft.resolved[name].job
            if job is not None and self._keys.get(name) != job.key:
                self._keys[name] = job.key
                new.add(job.key)
        return new

    def _look_up(self, keys: Collection[str]) -> set[str] | None:
        """Read what ledger, store and work tree know of keys. The edits that they are of; None
        where a whole pass must look, since more may have changed. Where ledger or store are away
        nothing has changed, and it may be repeated.
        """
        if self._options.repay:  # then results decide which pins hold
            return None
        edits = self._desired.edits
        history = self._ledger.find_history(keys, now=self._clock.now())
        results, damaged = self._store.find_results(keys)
        new = [
            result
            for key, several in results.items()
            for result in several
            if result not in self._results.get(key, ())
        ]
        rendered = {result.edit for result in new if result.edit in edits}
        names = {name for key in keys for name in self._draft.edits_of(key)}
        jobs = self._ledger.find_jobs(names | rendered)
        strays = self._find_strays(history)
        self._history.update(history)
        if damaged or self._draft.observed.damaged or any(map(self._former.has_stake_in, keys)):
            return None
        for key in keys:
            self._results.pop(key, None)
        self._results.update(results)
        fresh = {result.digest for result in new} - self._digests
        self._digests |= fresh
        if fresh & self._strange:
            return None
        if not self._look_at_outputs({edits[name].edit.output for name in names}):
            return None
        for name in names | rendered:
            noted = self._find_noted_job(name)
            if name not in jobs and noted is None and name in rendered:
                return None
            if name in jobs or noted is not None:
                self._before[name] = jobs.get(name) or noted or {}
        self._draft.observed = replace(self._draft.observed, strays=strays)
        return names | rendered

    def _find_noted_job(self, name: str) -> Mapping[str, object] | None:
        """The job that an edit stood for as we last wrote an output of it, where its result is
        stored.
        """
        published = self._outputs.published()
        for path in sorted(self._notes.get(name, ()), reverse=True):
            note = published.get(path)
            if note is not None and note.edit == name and self._results.get(note.key):
                return self._results[note.key][0].job
        return None

    def _find_strays(self, history: Mapping[str, History]) -> Sequence[Stray]:
        """The tasks that nobody waits for: one becomes a stray, or is none any more, only as an
        attempt loses or adopts it.
        """
        attempts = (attempt for each in history.values() for attempt in each.attempts)
        if any(attempt.adopted or attempt.state is State.UNDECIDED for attempt in attempts):
            return self._ledger.strays.unanswered()
        return self._draft.observed.strays

    def _look_at_outputs(self, paths: Collection[str]) -> bool:
        """Whether all that lies there is ours, or known not to be: a file that may be the beginning
        of one of ours is for a whole pass.
        """
        strange: list[str] = []

        def note_strange(path: str) -> Iterator[IO[bytes]]:
            strange.append(path)
            return iter(())

        digests = Digests(self._cache, self._clock, "outputs")
        files = self._outputs.observe(
            paths,
            digests,
            lambda wanted: look_up_stored(self._store, wanted, self._digests),
            note_strange,
        )
        if strange:
            return False
        self._files.update(files)
        self._strange |= {file.digest for file in files.values() if not file.ours}
        for path, file in files.items():
            if file.published is not None:
                self._notes.setdefault(file.published.edit, set()).add(path)
        return True

    def _was_known_otherwise(self, names: Collection[str], keys: Collection[str]) -> bool:
        """Whether an edit that has got one of these keys may be known by a key of an
        earlier rule.
        """
        if self._is_whole:
            return False
        earlier: set[str] = set()
        for name in names:
            edit = self._draft.resolved[name]
            if edit.job is None or edit.job.key not in keys:
                continue
            if self._former.is_settled(name, edit.job.key, self._draft.observed):
                continue
            if self._former.needs_everything(edit.wanted):
                return True
            earlier.update(self._former.find_keys(edit.wanted, edit.job))
        history = self._ledger.find_history(earlier, now=self._clock.now())
        return bool(history or self._store.find_results(earlier).results)

    def _resolve(self, name: str, resolved: Mapping[str, Resolved]) -> Resolved:
        return resolve_edit(
            self._desired,
            name,
            resolved,
            self._draft.observed,
            self._former,
            trust_pins=not self._options.repay,
            found=find_excerpts(self._desired.edits[name], resolved, self._excerpts),
        )

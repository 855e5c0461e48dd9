"""One pass: load → observe → resolve → diff → hand over.

Everything is read again each time; an event only says "look".
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

from reconciler.config import Config
from reconciler.desired.chains import check_chains
from reconciler.desired.job import Desired
from reconciler.desired.manifest import check_output_path
from reconciler.desired.source.opening import load_by
from reconciler.errors import InvalidInput, StoreDamaged
from reconciler.formats.names import fold_path
from reconciler.formats.values import value
from reconciler.plan.decide import PlanOptions, is_settled
from reconciler.plan.draft import Draft
from reconciler.plan.earlier_keys import Former
from reconciler.plan.jobs import Resolved, resolve_jobs
from reconciler.plan.prune import Pruning
from reconciler.plan.step import Action, Plan, Step
from reconciler.state import lockfile
from reconciler.state.excerpts import ExcerptFinder
from reconciler.state.ledger import Ledger
from reconciler.state.lookup import Lookup
from reconciler.state.observed import Findings, Observed, Output, Pin, Published
from reconciler.state.outputs import Outputs
from reconciler.state.store import Store
from reconciler.system.cache import Cache, Digests, open_cache
from reconciler.system.clock import JUMP_S, Clock
from reconciler.system.collector import pause_collector
from reconciler.system.files import Survey
from reconciler.system.stages import time_stage


@value(frozen=True, slots=True)
class Pass:
    """What one pass saw and concluded."""

    desired: Desired
    observed: Observed
    resolved: Mapping[str, Resolved]
    plan: Plan

    def measure_clock_lead(self, now: float) -> float:
        """By how many seconds the ledger's newest entry is ahead of this machine's clock; 0 where
        that is not worth a word.
        """
        lead_s = self.observed.newest - now
        return lead_s if lead_s > JUMP_S else 0.0

    def select_ready(
        self, *, leave: Collection[str] = (), given_up: Collection[str | None] = ()
    ) -> list[Step]:
        """Steps that can be carried out now: not those of edits in `leave`, nor of keys that
        were `given_up`.

        What is paid for is brought home first.
        """
        return select_ready(self.plan.unsettled, leave=leave, given_up=given_up)

    def collect_pins(self) -> Mapping[str, Pin]:
        """What the lock file should say: every edit's result. What is left out keeps the pin it
        has.
        """
        planned_names = self.plan.names
        kept = {
            name: self._find_pick(name, edit) or Pin(edit.job.key, edit.result.digest)
            for name, edit in self.resolved.items()
            if name in planned_names and edit.job is not None and edit.result is not None
        }
        waiting = {}
        for name, edit in self.resolved.items():
            pin = (
                self.observed.pin(name, edit.job.key) if edit.job else None
            ) or self.observed.pins.get(name)
            if name not in kept and pin is not None:
                waiting[name] = pin
        if any(edit.job is None and name not in waiting for name, edit in self.resolved.items()):
            waiting |= self._find_unclaimed_pins(
                {pin.key for pin in (*kept.values(), *waiting.values())}
            )
        return {**waiting, **kept}

    def _find_pick(self, name: str, edit: Resolved) -> Pin | None:
        """The entry of an edit whose result another request made: what somebody picked stays."""
        if not edit.is_picked:
            return None
        assert edit.job is not None
        return self.observed.pin(name, edit.job.key)

    def _find_unclaimed_pins(self, claimed: Collection[str]) -> Mapping[str, Pin]:
        """Pins of names that no edit has now; one whose key is not known yet may be such an edit,
        renamed.
        """
        return {
            name: pin for key, (name, pin) in self.observed.old_pins.items() if key not in claimed
        }

    def collect_notes(self, environment: str) -> tuple[Mapping[str, Published], Collection[str]]:
        """What is to be noted of outputs that we wrote, whoever asks for them now, and of which
        paths nothing more.
        """
        noted, planned_names = {}, self.plan.names
        for name, resolved in self.resolved.items():
            edit = resolved.wanted.edit
            published = self.observed.outputs[edit.output].published
            if published is None or published.realm != self.observed.realm:
                continue
            same = (
                name in planned_names
                and is_settled(resolved, self.observed.outputs)
                and resolved.digest == published.digest
            )
            noted[edit.output] = replace(
                published,
                edit=name if same else published.edit,
                environment=environment,
                protected=edit.protect,
            )
        return noted, [
            path for path, output in self.observed.left_over.items() if output.digest is None
        ]


def select_ready(
    steps: Iterable[Step],
    *,
    leave: Collection[str] = (),
    given_up: Collection[str | None] = (),
) -> list[Step]:
    """Those of `steps` that can be carried out now, as in Pass.select_ready."""
    order = {Action.RESUME: 0, Action.WRITE: 1, Action.RENDER: 2}
    ready = [
        step
        for step in steps
        if step.action in order and step.name not in leave and step.key not in given_up
    ]
    return sorted(ready, key=lambda step: (order[step.action], step.name))


@pause_collector()
def run_pass(
    config: Config,
    store: Store,
    ledger: Ledger | None,
    clock: Clock,
    options: PlanOptions,
    *,
    whole: bool = False,
    cache: Cache | None = None,
) -> Pass:
    """One pass over everything. Raises InvalidInput with every fault of the project.

    `whole`: what was observed has all results and attempts that ever were, also those that no edit
    asks for. `cache` is the one that other passes share, if any.
    """
    survey = Survey(config.root)
    with cache or open_cache(config.cache_dir) as cache:
        desired = load_by(config, clock, cache, survey, verify=options.verify)
        observer = _Observer(config, desired, store, ledger, clock, cache, survey)
        current = observer.conclude(options, whole=whole)
    known = {name for name, edit in current.resolved.items() if edit.digest is not None}
    if faults := list(check_chains(desired.edits, known)):
        raise InvalidInput(faults, files=desired.files)
    return current


def conclude_pass(
    config: Config,
    desired: Desired,
    store: Store,
    ledger: Ledger | None,
    clock: Clock,
    options: PlanOptions,
    pins: lockfile.Sections | None = None,
    *,
    whole: bool = False,
    cache: Cache | None = None,
) -> Pass:
    """The rest of a pass: what is, compared with what is already known to be asked for.

    `pins` are of the lock file that belongs to it; None: the one in the work tree.
    """
    survey = Survey(config.root)
    with cache or open_cache(config.cache_dir) as cache:
        observer = _Observer(config, desired, store, ledger, clock, cache, survey, pins)
        return observer.conclude(options, whole=whole)


def begin_draft(
    config: Config,
    desired: Desired,
    resolved: Mapping[str, Resolved],
    observed: Observed,
    options: PlanOptions,
) -> Draft:
    """The plan in the making, by what the project file says of prices and pruning."""
    return Draft(
        desired,
        resolved,
        observed,
        options=options,
        price_per_second=config.prices.per_second,
        account=config.account,
        currency=config.prices.currency,
        pruning=Pruning(config.prune, config.prune_most, config.document.place("/spec/prune")),
        environment=config.environment,
    )


class _Observer:
    """Takes one snapshot of ledger, store, outputs and lock file, and resolves the edits by it.

    Ledger and store are asked by the keys of edits, pins and outputs. The key of an edit that
    builds on another one is known only with that one's result, so both are asked level by level.
    """

    def __init__(
        self,
        config: Config,
        desired: Desired,
        store: Store,
        ledger: Ledger | None,
        clock: Clock,
        cache: Cache,
        survey: Survey,
        pins: lockfile.Sections | None = None,
    ) -> None:
        self._config = config
        self._desired = desired
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._cache = cache
        self._survey = survey
        self._outputs = Outputs.of(config.root, config.outputs_file, cache)
        sections = lockfile.read_for(config) if pins is None else pins
        self._pins = sections.get(config.environment, {})
        self._made_by = {pin.made_by for pin in self._pins.values() if pin.made_by}
        self._lookup = Lookup(store, ledger, now=clock.now(), pins=self._pins.values())
        with time_stage("outputs"):
            self._published = self._outputs.published()
        self._unasked = _find_left_over_paths(config, desired, self._published)

    def conclude(self, options: PlanOptions, *, whole: bool = False) -> Pass:
        """The pass: what is, and the plan from there to what is asked for."""
        observed, resolved = self._observe(options, whole=whole)
        with time_stage("decide", len(resolved)):
            draft = begin_draft(self._config, self._desired, resolved, observed, options)
            plan = draft.write_plan()
        return Pass(self._desired, observed, resolved, plan)

    def _observe(
        self, options: PlanOptions, *, whole: bool
    ) -> tuple[Observed, Mapping[str, Resolved]]:
        """What is, and the edits resolved by it. `whole` or `verify` read all that ever was."""
        if whole or options.verify:
            findings = self._lookup.read_everything(read_data=options.verify)
        else:
            noted = (note.key for note in self._published.values())
            pinned = (pin.key for pin in self._pins.values())
            keys = {*noted, *pinned, *self._made_by, *self._lookup.find_open_keys()}
            findings = self._lookup.find(keys)
        observed = self._begin()
        if options.repay:
            observed = observed.repaid()
        with time_stage("keys", len(self._desired.edits)):
            resolved = resolve_jobs(
                self._desired,
                observed,
                self._build_former(observed, findings),
                trust_pins=not options.repay,
                look_up=self._lookup,
                excerpts=ExcerptFinder(self._store, self._cache, self._clock, keeps=False),
            )
        files = self._observe_outputs(options)
        with time_stage("earlier jobs"):
            before = self._find_earlier_jobs(resolved, files)
        observed = replace(
            observed,
            outputs={path: files[path] for path in self._desired.outputs},
            left_over={path: files[path] for path in self._unasked},
            before=before,
            damaged=sorted(self._lookup.damaged),
        )
        with time_stage("store"):
            self._store.remember()
        return observed, resolved

    def _begin(self) -> Observed:
        """What is known before the edits are resolved; results and attempts grow with them."""
        config, ledger = self._config, self._ledger
        old = sorted(
            (name, pin) for name, pin in self._pins.items() if name not in self._desired.edits
        )
        return Observed(
            realm=config.realm,
            endpoint=config.endpoint.name,
            account=config.account,
            results=self._lookup.results,
            history=self._lookup.history,
            pins=self._pins,
            old_pins={pin.key: (name, pin) for name, pin in reversed(old)},
            strays=ledger.strays.unanswered() if ledger else (),
            newest=ledger.find_newest_moment() if ledger else 0.0,
        )

    def _build_former(self, observed: Observed, findings: Findings) -> Former:
        """The keys of earlier rules: of the lock file, the notes of outputs, and of what was found
        so far.
        """
        paths = [*self._desired.outputs, *self._unasked]
        notes = [self._published[path] for path in paths if path in self._published]
        return Former.of(self._config.signatures, observed, notes, findings.requests)

    def _observe_outputs(self, options: PlanOptions) -> Mapping[str, Output]:
        digests = Digests(self._cache, self._clock, "outputs", verify=options.verify)
        paths = [*self._desired.outputs, *self._unasked]
        with time_stage("outputs", len(paths)):
            return self._outputs.observe(
                paths, digests, self._lookup.find_stored, self._open_whole, survey=self._survey
            )

    def _open_whole(self, path: str) -> Iterator[IO[bytes]]:
        """What was made for an output: what we wrote there, and every result that its edit has had.

        The whole store is searched only after what is known already.
        """
        known = {self._published[path].digest} if path in self._published else set()
        names = [name for name, wanted in self._desired.edits.items() if wanted.edit.output == path]
        known |= {self._pins[name].digest for name in names if name in self._pins}
        for digest in sorted(known):
            yield from self._open(digest)
        rendered = self._lookup.find_rendered_for(names)
        digests = {result.digest for results in rendered.values() for result in results}
        for digest in sorted(digests - known):
            yield from self._open(digest)

    def _open(self, digest: str) -> Iterator[IO[bytes]]:
        """A blob for reading; nothing where it is not there."""
        with suppress(StoreDamaged), self._store.open_blob(digest) as blob:
            yield blob

    def _find_earlier_jobs(
        self, resolved: Mapping[str, Resolved], files: Mapping[str, Output]
    ) -> Mapping[str, Mapping[str, Any]]:
        """By edit: the job it stood for last time, as the ledger tells, else the note of an output,
        else any result that was rendered for it. Nobody asks that of an edit with nothing to do;
        and the store is searched only for edits of which the others know nothing, and whose plan
        has to tell what changed.
        """
        results = self._lookup.results
        unsettled = {name for name, edit in resolved.items() if not is_settled(edit, files)}
        if not unsettled:
            return {}
        jobs = {
            note.edit: results[note.key][0].job
            for note in self._published.values()
            if note.edit in unsettled and note.key in results
        }
        if self._ledger is not None:
            jobs |= self._ledger.find_jobs(unsettled)
        unknown = set()
        for name in unsettled - jobs.keys():
            edit = resolved[name]
            if edit.result is not None:
                if files[edit.wanted.edit.output].digest not in (None, edit.result.digest):
                    unknown.add(name)
            elif edit.job is not None:
                unknown.add(name)
        rendered = self._lookup.find_rendered_for(unknown)
        return {name: several[-1].job for name, several in rendered.items()} | jobs


def _find_left_over_paths(
    config: Config, desired: Desired, published: Mapping[str, Published]
) -> list[str]:
    """Paths that we wrote in this realm and environment, which no edit writes now, and none
    takes as its input.

    Anybody may have changed the notes: a path that no manifest could ask for is not looked at.
    """
    wanted_paths = set(desired.outputs)
    unasked = [
        path
        for path, note in published.items()
        if path not in wanted_paths
        and (note.realm, note.environment) == (config.realm, config.environment)
        and posixpath.normpath(path) == path
        and check_output_path(path) is None
    ]
    if not unasked:
        return []
    inputs = {
        fold_path(str(input_.path))
        for wanted in desired.edits.values()
        for input_ in wanted.sources
        if input_.path
    }
    return sorted(path for path in unasked if fold_path(str(config.root / path)) not in inputs)

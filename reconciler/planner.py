"""One pass: load → observe → resolve → diff → hand over.

Everything is read again each time; an event only says "look".
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.config import PROJECT_FILE, Config, replace_project_file
from reconciler.desired import source
from reconciler.desired.job import Desired
from reconciler.desired.manifest import output_fault
from reconciler.desired.source.folder import Folder
from reconciler.desired.source.revision import Committed
from reconciler.desired.tree import Unusable
from reconciler.errors import GitError, InvalidInput
from reconciler.formats.document import MAX_BYTES
from reconciler.formats.names import fold_path, make_plain
from reconciler.plan.decide import Options
from reconciler.plan.draft import Draft
from reconciler.plan.earlier_keys import Former
from reconciler.plan.jobs import Resolved, resolve
from reconciler.plan.prune import Pruning
from reconciler.plan.step import Action, Plan, Step
from reconciler.state import lockfile
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Observed, Pin, Published, Result
from reconciler.state.outputs import Outputs
from reconciler.state.store import Store
from reconciler.system.cache import Cache, Digests
from reconciler.system.clock import JUMP_S, Clock
from reconciler.system.git import Objects, Revision, prefix


@dataclass(frozen=True, slots=True)
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
        order = {Action.RESUME: 0, Action.WRITE: 1, Action.RENDER: 2}
        steps = [
            step
            for step in self.plan.by_action(*order)
            if step.name not in leave and step.key not in given_up
        ]
        return sorted(steps, key=lambda step: (order[step.action], step.name))

    def collect_pins(self) -> Mapping[str, Pin]:
        """What the lock file should say: every edit's result. What is left out keeps the pin it
        has.
        """
        asked = {step.name for step in self.plan.steps}
        kept = {
            name: Pin(each.job.key, each.result.digest)
            for name, each in self.resolved.items()
            if name in asked and each.job is not None and each.result is not None
        }
        waiting = {}
        for name, each in self.resolved.items():
            pin = (
                self.observed.pin(name, each.job.key) if each.job else None
            ) or self.observed.pins.get(name)
            if name not in kept and pin is not None:
                waiting[name] = pin
        if any(each.job is None and name not in waiting for name, each in self.resolved.items()):
            waiting |= self._find_unclaimed_pins(
                {pin.key for pin in (*kept.values(), *waiting.values())}
            )
        return {**waiting, **kept}

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
        noted = {}
        matching = {step.output: step.digest for step in self.plan.by_action(Action.KEEP)}
        for name, each in self.resolved.items():
            edit, published = (
                each.wanted.edit,
                self.observed.outputs[each.wanted.edit.output].published,
            )
            if published is None or published.realm != self.observed.realm:
                continue
            same = matching.get(edit.output) == published.digest
            noted[edit.output] = replace(
                published,
                edit=name if same else published.edit,
                environment=environment,
                protected=edit.protect,
            )
        return noted, [
            path for path, output in self.observed.left_over.items() if output.digest is None
        ]


def run_pass(
    config: Config, store: Store, ledger: Ledger | None, clock: Clock, options: Options
) -> Pass:
    """One pass over everything. Raises InvalidInput with every fault of the project."""
    with Cache(config.cache_dir) as cache:
        desired = source.load(
            config,
            Folder(config.root, Digests(cache, clock, "media", verify=options.verify)),
            cache,
        )
    return conclude_pass(config, desired, store, ledger, clock, options)


def conclude_pass(
    config: Config,
    desired: Desired,
    store: Store,
    ledger: Ledger | None,
    clock: Clock,
    options: Options,
    pins: lockfile.Sections | None = None,
) -> Pass:
    """The rest of a pass: what is, compared with what is already known to be asked for.

    `pins` are of the lock file that belongs to it; None: the one in the work tree.
    """
    cache = Cache(config.cache_dir)
    digests = Digests(cache, clock, "outputs", verify=options.verify)
    observed = observe(
        config, desired, store, ledger, digests, clock.now(), pins, verify=options.verify
    )
    cache.save()
    if options.repay:
        observed = observed.repaid()
    former = Former.of(config.signatures, observed, ledger.read_all_requests() if ledger else ())
    resolved = resolve(desired, observed, former, trust_pins=not options.repay)
    plan = Draft(
        desired,
        resolved,
        observed,
        options=options,
        price_per_second=config.prices.per_second,
        account=config.account,
        currency=config.prices.currency,
        pruning=Pruning(config.prune, config.prune_most, config.document.place("/spec/prune")),
        environment=config.environment,
    ).write_plan()
    return Pass(desired, observed, resolved, plan)


def observe(
    config: Config,
    desired: Desired,
    store: Store,
    ledger: Ledger | None,
    digests: Digests,
    now: float,
    pins: lockfile.Sections | None = None,
    *,
    verify: bool = False,
) -> Observed:
    """One snapshot of store, ledger, outputs and lock file; `verify` reads every stored video."""
    results, damaged = store.read_all_results(read_data=verify)
    sections = (
        (lockfile.read(config.root) if pins is None else pins) if config.realm == "live" else {}
    )
    pinned = sections.get(config.environment, {})
    outputs = Outputs(config.root, config.outputs_file)
    known = {result.digest for each in results.values() for result in each}
    published = outputs.published()
    unasked = _find_left_over_paths(config, desired, published)
    made = _find_own_digests(desired, results, published, pinned)

    def blobs_of(path: str) -> Iterator[Path]:
        return (store.blob_path(digest) for digest in made.get(path, ()))

    seen = outputs.observe([*desired.outputs, *unasked], digests, known, blobs_of)
    old = sorted((name, pin) for name, pin in pinned.items() if name not in desired.edits)
    stored = {result.edit: result.job for each in results.values() for result in each}
    by_key = {key: each[0].job for key, each in results.items()}
    written = {note.edit: by_key[note.key] for note in published.values() if note.key in by_key}
    return Observed(
        realm=config.realm,
        endpoint=config.endpoint.name,
        account=config.account,
        results=results,
        history=ledger.read_whole_history(now=now) if ledger else {},
        outputs={path: seen[path] for path in desired.outputs},
        left_over={path: seen[path] for path in unasked},
        pins=pinned,
        old_pins={pin.key: (name, pin) for name, pin in reversed(old)},
        before={**stored, **written, **(ledger.find_jobs(desired.edits) if ledger else {})},
        strays=ledger.strays.unanswered() if ledger else (),
        damaged=damaged,
    )


def _find_own_digests(
    desired: Desired,
    results: Mapping[str, Sequence[Result]],
    published: Mapping[str, Published],
    pins: Mapping[str, Pin],
) -> Mapping[str, set[str]]:
    """The digests of what was made for each output: of what we wrote there, and of every result
    that its edit has had.
    """
    made: dict[str, set[str]] = {path: {note.digest} for path, note in published.items()}
    outputs = {name: wanted.edit.output for name, wanted in desired.edits.items()}
    rendered = ((result.edit, result.digest) for each in results.values() for result in each)
    pinned = ((name, pin.digest) for name, pin in pins.items())
    for name, digest in (*rendered, *pinned):
        if name in outputs:
            made.setdefault(outputs[name], set()).add(digest)
    return made


def _find_left_over_paths(
    config: Config, desired: Desired, published: Mapping[str, Published]
) -> list[str]:
    """Paths that we wrote in this realm and environment, which no edit writes now, and none
    takes as its input.

    Anybody may have changed the notes: a path that no manifest could ask for is not looked at.
    """
    asked = set(desired.outputs)
    inputs = {
        fold_path(str(each.path))
        for wanted in desired.edits.values()
        for each in wanted.inputs
        if each.path
    }
    return [
        path
        for path, note in sorted(published.items())
        if (note.realm, note.environment) == (config.realm, config.environment)
        and path not in asked
        if posixpath.normpath(path) == path and output_fault(path) is None
        if fold_path(str(config.root / path)) not in inputs
    ]


# ------------------------------------------------------------------ what a commit asks for


@dataclass(frozen=True, slots=True)
class CommittedState:
    """What is asked for, and the pins that were committed with it."""

    desired: Desired
    pins: lockfile.Sections


def open_revision_cache(config: Config) -> Cache:
    """What is remembered of revisions; apart from the work tree's, since a cache forgets what it is
    not asked for.
    """
    return Cache(config.cache_dir / "revisions")


def read_revision(config: Config, revision: Revision, cache: Cache, clock: Clock) -> CommittedState:
    """What a commit asks for. Raises InvalidInput with every fault of it, GitError, UsageError."""
    with Objects(config.root) as objects:
        tree = Committed(config.root, revision.id, objects, cache, Digests(cache, clock, "lfs"))
        try:
            there = replace_project_file(
                config, _read_project_file(config.root, tree, revision), str(revision), cache
            )
            return CommittedState(source.load(there, tree, cache), _read_pins(tree, revision))
        except InvalidInput as error:
            raise InvalidInput(error.faults, files=error.files, revision=str(revision)) from error


def _read_project_file(root: Path, tree: Committed, revision: Revision) -> bytes:
    try:
        return tree.read(PROJECT_FILE, MAX_BYTES + 1)
    except Unusable as error:
        path = make_plain(f"{prefix(root)}{PROJECT_FILE}")
        raise GitError(
            f"there is no project at {revision}: {path} {error}.",
            hint="Name a revision in which the project lies in the same folder. Nothing was sent.",
        ) from error


def _read_pins(tree: Committed, revision: Revision) -> lockfile.Sections:
    if not tree.has(lockfile.LOCK_FILE):
        return {}
    try:
        return lockfile.parse_pins(tree.read(lockfile.LOCK_FILE, lockfile.MAX_BYTES + 1))
    except Unusable as error:
        raise GitError(
            f"{lockfile.LOCK_FILE} at {revision} {error}.", hint="Nothing was sent."
        ) from error

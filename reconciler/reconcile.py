"""One pass: load → observe → resolve → diff → hand over.

Everything is read again each time; an event only says "look".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.cache import Cache, Digests
from reconciler.clock import Clock
from reconciler.config import Config
from reconciler.desired import source
from reconciler.desired.job import Desired
from reconciler.desired.source.folder import Folder
from reconciler.plan.diff import Options, diff
from reconciler.plan.resolve import Resolved, resolve
from reconciler.plan.step import Action, Plan, Step
from reconciler.state import lockfile
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Observed, Pin
from reconciler.state.outputs import Outputs
from reconciler.state.store import Store


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass saw and concluded."""

    desired: Desired
    observed: Observed
    resolved: Mapping[str, Resolved]
    plan: Plan

    def ready(self, *, leave: Collection[str] = (), given_up: Collection[str | None] = ()) -> list[Step]:
        """Steps that can be carried out now: not those of edits in `leave`, nor of keys that were `given_up`.

        What is paid for is brought home first.
        """
        order = {Action.RESUME: 0, Action.WRITE: 1, Action.RENDER: 2}
        steps = [step for step in self.plan.by_action(*order) if step.name not in leave and step.key not in given_up]
        return sorted(steps, key=lambda step: (order[step.action], step.name))

    def pins(self) -> Mapping[str, Pin]:
        """What the lock file should say: every edit's result. What is left out keeps the pin it has."""
        asked = {step.name for step in self.plan.steps}
        kept = {
            name: Pin(each.job.key, each.result.digest)
            for name, each in self.resolved.items()
            if name in asked and each.job is not None and each.result is not None
        }
        waiting = {name: pin for name, pin in self.observed.pins.items() if name in self.resolved and name not in kept}
        return {**waiting, **kept}


def look(config: Config, store: Store, ledger: Ledger | None, clock: Clock, options: Options) -> Pass:
    """One pass over everything. Raises InvalidInput with every fault of the project."""
    with Cache(config.cache_dir) as cache:
        desired = source.load(config, Folder(config.root, Digests(cache, clock, "media")), cache)
    return conclude(config, desired, store, ledger, clock, options)


def conclude(
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
    observed = observe(config, desired, store, ledger, Digests(cache, clock, "outputs"), clock.now(), pins)
    cache.save()
    if options.repay:
        observed = observed.repaid()
    resolved = resolve(desired, observed)
    plan = diff(
        desired,
        resolved,
        observed,
        options=options,
        price_per_second=config.prices.per_second,
        account=config.account,
        currency=config.prices.currency,
    )
    return Pass(desired, observed, resolved, plan)


def observe(
    config: Config,
    desired: Desired,
    store: Store,
    ledger: Ledger | None,
    digests: Digests,
    now: float,
    pins: lockfile.Sections | None = None,
) -> Observed:
    """One snapshot of store, ledger, outputs and lock file."""
    results, damaged = store.results()
    if config.realm != "live":
        pins = {}
    elif pins is None:
        pins = lockfile.read(config.root)
    outputs = Outputs(config.root, config.outputs_file)
    known = {result.digest for each in results.values() for result in each}
    published = outputs.published()
    stored = {result.edit: result.job for each in results.values() for result in each}
    by_key = {key: each[0].job for key, each in results.items()}
    written = {note.edit: by_key[note.key] for note in published.values() if note.key in by_key}
    return Observed(
        realm=config.realm,
        endpoint=config.endpoint.name,
        results=results,
        history=ledger.history(now=now) if ledger else {},
        outputs=outputs.observe(desired.outputs, digests, known),
        pins=pins.get(config.environment, {}),
        before={**stored, **written, **(ledger.jobs_before() if ledger else {})},
        strays=ledger.strays() if ledger else (),
        damaged=damaged,
    )

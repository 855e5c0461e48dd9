"""`cutlist pick`: the lock file is made to name another take of an edit, and its output gets those
bytes. Spends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.apply.bookkeeping import note_holdings
from reconciler.apply.publish import Publisher
from reconciler.config import Config
from reconciler.errors import CutlistError, LockChanged, StoreDamaged, UsageError
from reconciler.operations.accounting import find_origin
from reconciler.operations.claims import find_named_keys, write_claim
from reconciler.operations.takes import build_damaged, list_takes
from reconciler.plan.decide import PlanOptions, describe_pick
from reconciler.plan.jobs import Resolved
from reconciler.plan.selection import add_downstreams
from reconciler.plan.step import Action, Step
from reconciler.plan.takes import Pick, Take, TakeList
from reconciler.planner import Pass, conclude_pass
from reconciler.state import lockfile
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Pin
from reconciler.state.outputs import Outputs
from reconciler.state.store import Store
from reconciler.system.cache import Cache, open_cache
from reconciler.system.clock import Clock
from reconciler.system.files import EscapesRoot

_UNCHANGED = "Nothing was changed."


@dataclass(frozen=True, slots=True)
class PickRequest:
    """Which take of which edit somebody wants; with the digest and the mark of the lock file that
    were shown, where the pick is to hold only as long as these are so.
    """

    name: str
    number: int
    digest: str | None = None
    mark: str | None = None


def pick_take(
    config: Config,
    store: Store,
    ledger: Ledger,
    clock: Clock,
    current: Pass,
    request: PickRequest,
    cache: Cache | None,
) -> Pick:
    """Pick a take, under the lock; `current` is a pass made under it.

    Raises UsageError for a take that is none and for an edit that cannot get one, StoreDamaged for
    a video that is not what it was, LockChanged where something else is so than was shown: then
    nothing was changed. CutlistError where the output could not be written.
    """
    takes = list_takes(config, store, ledger, current, request.name)
    take = takes.choose(request.number)
    _check_shown(takes, take, request)
    edit = current.resolved[takes.name]
    pin = _build_pin(edit, take)
    try:
        store.check_blob(take.result.digest)
    except StoreDamaged as error:
        raise build_damaged(takes, take) from error
    folder, section = lockfile.find_folder(config), config.environment
    sections = lockfile.read(folder)
    pins = {**sections.get(section, {}), takes.name: pin}
    supposed = conclude_pass(
        config,
        current.desired,
        store,
        ledger,
        clock,
        PlanOptions(),
        {**sections, section: pins},
        cache=cache,
    )
    steps = {step.name: step for step in supposed.plan.steps}
    step = steps[takes.name]
    if step.action is Action.BLOCKED:
        ways = " ".join(step.details)
        raise UsageError(f"{takes.name}: {step.reason}.", hint=f"{ways} {_UNCHANGED}".strip())
    is_new = lockfile.write(folder, section, pins, tmp_name=clock.new_id())
    if step.action is Action.WRITE:
        _write_output(config, store, clock, takes, take, step, cache)
    _note(config, store, ledger, clock, supposed, takes.name)
    return Pick(
        name=takes.name,
        take=take,
        output=takes.output,
        reason=describe_pick(supposed.resolved[takes.name], supposed.observed),
        is_new=is_new,
        is_written=step.action is Action.WRITE,
        realm=config.realm,
        lock=_name_lock(config),
        mark=lockfile.measure_mark(folder),
        currency=supposed.plan.currency,
        downstream=_find_downstream(supposed, steps, takes.name),
    )


def _check_shown(takes: TakeList, take: Take, request: PickRequest) -> None:
    """Raises LockChanged where something is not as it was shown to whoever picks."""
    hint = f"Look again, then pick. {_UNCHANGED}"
    if request.mark is not None and request.mark != takes.mark:
        raise LockChanged(
            f"{lockfile.LOCK_FILE} was changed since the takes of {takes.name} were shown: somebody"
            " else picked, or an apply ran.",
            hint=hint,
        )
    if request.digest is not None and request.digest != take.result.digest:
        raise LockChanged(
            f"take {take.number} of {takes.name} is another video than the one that was shown.",
            hint=hint,
        )


def _build_pin(edit: Resolved, take: Take) -> Pin:
    """The entry of the lock file. Raises UsageError for an edit that can have none."""
    name = edit.wanted.edit.name
    if edit.wanted.edit.suspend:
        raise UsageError(
            f"{name} is suspended: its output is left alone.",
            hint=f"Take `suspend` out of {edit.wanted.edit.place()} first. {_UNCHANGED}",
        )
    if edit.job is None:
        raise UsageError(
            f"{name} waits for {', '.join(edit.waits_for)}; its key is not known before that, and a"
            " pick holds for a key.",
            hint=f"Render or pick {edit.waits_for[0]} first. {_UNCHANGED}",
        )
    if take.is_of_present_request:
        return Pin(edit.job.key, take.result.digest)
    return Pin(edit.job.key, take.result.digest, take.result.key, take.number)


def _write_output(
    config: Config,
    store: Store,
    clock: Clock,
    takes: TakeList,
    take: Take,
    step: Step,
    cache: Cache | None,
) -> None:
    outputs = Outputs.of(config.root, config.outputs_file, cache or open_cache(config.cache_dir))
    try:
        Publisher(config, store, outputs, clock).write(step, take.result.digest)
    except (CutlistError, EscapesRoot, OSError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CutlistError(
            f"take {take.number} of {takes.name} is picked, and {takes.output} could not be"
            f" written: {words}",
            hint="`cutlist apply` writes it, free, once that is put right.",
        ) from error


def _note(
    config: Config, store: Store, ledger: Ledger, clock: Clock, supposed: Pass, name: str
) -> None:
    """Note which result the edit has now, and in a shared store what the project names."""
    origin = find_origin(config, supposed, f"{config.approver}, picked")
    only = replace(supposed, resolved={name: supposed.resolved[name]})
    note_holdings(config, ledger, only, origin, now=clock.now())
    keys = find_named_keys(supposed.observed, supposed.resolved.values())
    write_claim(config, store, keys, clock)


def _name_lock(config: Config) -> str:
    """The lock file, for people."""
    path = lockfile.find_folder(config) / lockfile.LOCK_FILE
    return str(path.relative_to(config.root)) if path.is_relative_to(config.root) else str(path)


def _find_downstream(supposed: Pass, steps: Mapping[str, Step], name: str) -> Sequence[Step]:
    """The steps of what builds on an edit, where they would pay."""
    upstreams = {other: wanted.upstreams for other, wanted in supposed.desired.edits.items()}
    below = sorted(add_downstreams({name}, upstreams) - {name})
    return [steps[other] for other in below if steps[other].cost.billable_s]

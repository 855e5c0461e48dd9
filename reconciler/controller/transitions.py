"""How the status of a sync becomes another: a pass begins, ends, fails, waits for a person. Pure.

Every function takes a status and the moment (seconds since 1970) and returns the next one. The
rules are Flux's: `Ready` is Unknown while a new commit is worked on, and False after a failure;
`Reconciling` stays while the next pass will try again; `Stalled` takes its place where a person is
needed, and goes when a new commit is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from reconciler.controller.conditions import (
    MOST_PASSES,
    Condition,
    ConditionType,
    EditStatus,
    Health,
    PassEnd,
    PassRecord,
    SyncState,
    SyncStatus,
    Truth,
    add_up_health,
    add_up_sync,
)
from reconciler.errors import (
    EXIT_NEEDS_PERSON,
    BadSavedPlan,
    BranchProtected,
    BudgetExceeded,
    CommitNotTrusted,
    CutlistError,
    InvalidInput,
    LedgerError,
    NotAllowed,
    NotThere,
    NotTheService,
    PlanRefused,
    ProjectNotFound,
    QuotaExhausted,
    RefMissing,
    RemoteRefused,
    StoreDamaged,
    Unauthorized,
    UsageError,
)
from reconciler.formats.names import make_plain
from reconciler.formats.words import format_count
from reconciler.state.ledger.errors import LedgerAway

# Errors that come again until a person has done something, in the repository or here.
NEEDS_PERSON = (
    BadSavedPlan,
    BranchProtected,
    BudgetExceeded,
    CommitNotTrusted,
    InvalidInput,
    LedgerError,
    NotAllowed,
    NotThere,
    NotTheService,
    PlanRefused,
    ProjectNotFound,
    QuotaExhausted,
    RefMissing,
    RemoteRefused,
    StoreDamaged,
    Unauthorized,
    UsageError,
)
STANDS_BY = "StandsBy"  # why a Sync is not ready that another controller leads
MOST_FAULTS = 3  # of a broken manifest that a message names
LONGEST_MESSAGE = 1000  # characters


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a pass that went to its end has found and done."""

    edits: tuple[EditStatus, ...] = ()
    synced: bool = True  # whether nothing is left to do, outputs to prune included
    counts: Mapping[str, int] = field(default_factory=dict)
    cost: float | None = 0.0  # in `currency`; None: a price is not known
    currency: str = ""
    needs_person: tuple[str, ...] = ()  # names of edits and ids of tasks: no pass changes these
    trouble: str = ""  # what the next pass tries again, in words
    planned_only: bool = False  # nothing was to be carried out


def begin_pass(
    status: SyncStatus, revision: str, now: float, *, asked: bool = False, agreed: bool = False
) -> SyncStatus:
    """A pass over `revision` begins. A person has `asked` for it, or `agreed` to a plan.

    Over the commit of the last pass it is a look for drift: what is ready stays so, and what waits
    for a person waits on until one has decided. A plan waits on while somebody only has it looked:
    who was shown it may say yes meanwhile. `pass_started` tells that it runs.
    """
    begun = replace(status, last_attempted_revision=revision, pass_started=_round(now))
    again = revision == status.last_attempted_revision and status.conditions
    ready = status.find(ConditionType.READY)
    if again and not (asked or agreed) and status.find(ConditionType.STALLED) is not None:
        return begun
    message = f"A pass over {_shorten(revision)} is at work."
    begun = _set(begun, ConditionType.RECONCILING, Truth.TRUE, "Progressing", message, now)
    waiting = begun.waiting_plan if again and not agreed else ""
    begun = replace(_drop(begun, ConditionType.STALLED), waiting_plan=waiting)
    if again and ready is not None:
        return begun
    return _set(begun, ConditionType.READY, Truth.UNKNOWN, "Progressing", message, now)


def end_pass(status: SyncStatus, result: PassResult, now: float) -> SyncStatus:
    """The pass went to its end, well or not; its result says how the edits are now."""
    known = _observe(status, result)
    end, reason, message = _judge(result, status.last_attempted_revision)
    if end is PassEnd.APPLIED:
        known = replace(known, last_applied_revision=known.last_attempted_revision)
    spent = replace(result, cost=0.0) if result.planned_only else result
    ended = _note_pass(known, end, message, now, spent)
    if end is PassEnd.STALLED:
        return _stall(ended, reason, message, now)
    if end is PassEnd.FAILED:
        return _retry(ended, reason, message, now)
    settled = _drop(ended, ConditionType.RECONCILING, ConditionType.STALLED)
    return _set(settled, ConditionType.READY, Truth.TRUE, reason, message, now)


def fail_pass(
    status: SyncStatus, error: CutlistError, now: float, *, needs_person: bool | None = None
) -> SyncStatus:
    """The pass broke off. Whether a person is needed is told by the kind of the error, where nobody
    says otherwise.

    What is asked for could not be compared with what is, so the sync is Unknown; the edits stay as
    they were last seen.
    """
    told = isinstance(error, NEEDS_PERSON) and not isinstance(error, LedgerAway)
    told = told or error.exit_code == EXIT_NEEDS_PERSON
    stalls = told if needs_person is None else needs_person
    reason, message = type(error).__name__, describe_error(error)
    end = PassEnd.STALLED if stalls else PassEnd.FAILED
    ended = _note_pass(replace(status, sync=SyncState.UNKNOWN), end, message, now)
    if not stalls:
        return _retry(ended, reason, message, now)
    health = Health.SUSPENDED if status.suspended else Health.DEGRADED
    return _stall(replace(ended, health=health), reason, message, now)


def confirm(status: SyncStatus, now: float) -> SyncStatus:
    """A look found the commit and the outputs as the last whole pass left them: what failed since,
    such as a remote that did not answer, is over. Nothing else changes, the history neither.
    """
    ready = status.find(ConditionType.READY)
    if ready is not None and ready.status is Truth.TRUE and len(status.conditions) == 1:
        return status
    known = _observe(status, PassResult(edits=status.edits))
    settled = _drop(known, ConditionType.RECONCILING, ConditionType.STALLED)
    message = f"All of {_shorten(status.last_attempted_revision)} is there."
    settled = _set(settled, ConditionType.READY, Truth.TRUE, "Applied", message, now)
    return replace(settled, pass_started=None)


def wait_for_approval(
    status: SyncStatus, plan_id: str, result: PassResult, now: float
) -> SyncStatus:
    """The pass has made a plan that would pay, and a person is asked. `result` is what the plan
    says, and its cost what it would.
    """
    price = "at a price that is not known" if result.cost is None else ""
    if result.cost is not None:
        price = f"for {result.cost:.2f} {result.currency}".rstrip()
    message = (
        f"The plan {plan_id} waits for a person, {price}: `cutlist sync plan {status.name}` shows"
        f" it, `cutlist sync approve {status.name} {plan_id}` carries it out."
    )
    known = replace(_observe(status, result), waiting_plan=plan_id)
    unpaid = replace(result, counts={}, cost=0.0)
    ended = _note_pass(known, PassEnd.WAITING, message, now, unpaid)
    return _stall(ended, "WaitsForApproval", message, now)


def stop_pass(
    status: SyncStatus, end: Literal[PassEnd.SUPERSEDED, PassEnd.INTERRUPTED], now: float
) -> SyncStatus:
    """The pass was given up, for a newer commit or because the controller ends; also what a
    controller finds begun when it starts. Another pass follows.
    """
    message = f"The pass was {end.value}; the next one goes on with what is paid."
    ended = _note_pass(status, end, message, now)
    if ended.find(ConditionType.STALLED) is not None:
        return ended
    return _set(ended, ConditionType.RECONCILING, Truth.TRUE, "Progressing", message, now)


def stand_by(status: SyncStatus, words: str, now: float) -> SyncStatus:
    """Another controller leads, or nobody knows who does: how the edits are is for it to say."""
    away = replace(
        _drop(status, ConditionType.RECONCILING, ConditionType.STALLED),
        sync=SyncState.UNKNOWN,
        health=Health.SUSPENDED,
        edits=(),
        waiting_plan="",
        pass_started=None,
    )
    message = _clip(words, LONGEST_MESSAGE)
    return _set(away, ConditionType.READY, Truth.UNKNOWN, STANDS_BY, message, now)


def suspend(status: SyncStatus) -> SyncStatus:
    """Nothing is begun from now on. What is known stays, and nothing is reconciling."""
    suspended = replace(status, suspended=True, health=Health.SUSPENDED)
    return _drop(suspended, ConditionType.RECONCILING)


def resume(status: SyncStatus) -> SyncStatus:
    """Passes begin again; until one has ended, its edits are as they were last seen."""
    health = add_up_health(status.edits) if status.edits else Health.MISSING
    if status.find(ConditionType.STALLED) is not None:
        health = Health.DEGRADED
    return replace(status, suspended=False, health=health)


def describe_error(error: CutlistError) -> str:
    """An error in one line, with what to do next; of many faults the first."""
    message = error.message
    if isinstance(error, InvalidInput):
        told = [str(fault) for fault in error.errors[:MOST_FAULTS]]
        more = len(error.errors) - len(told)
        message = "; ".join(told) + (f"; and {format_count(more, 'more fault')}" if more else "")
    line = " ".join(f"{message} {error.hint}".split())
    return _clip(line, LONGEST_MESSAGE)


# ------------------------------------------------------------------ what a result says


def _observe(status: SyncStatus, result: PassResult) -> SyncStatus:
    """The status with how the edits are now."""
    return replace(
        status,
        edits=result.edits,
        sync=add_up_sync(result.edits) if result.synced else SyncState.OUT_OF_SYNC,
        health=Health.SUSPENDED if status.suspended else add_up_health(result.edits),
        waiting_plan="",
    )


def _judge(result: PassResult, revision: str) -> tuple[PassEnd, str, str]:
    """How the pass ended, in a word for programs and in a message."""
    if result.needs_person:
        shown = ", ".join(result.needs_person[:MOST_FAULTS])
        more = len(result.needs_person) - MOST_FAULTS
        others = f" and {more} more" if more > 0 else ""
        trouble = f" {result.trouble}" if result.trouble else ""
        message = _clip(
            f"{shown}{others}: nothing goes on without a person.{trouble}", LONGEST_MESSAGE
        )
        return PassEnd.STALLED, "NeedsPerson", message
    if result.trouble:
        return PassEnd.FAILED, "EditsFailed", _clip(result.trouble, LONGEST_MESSAGE)
    if result.planned_only and not result.synced:
        return PassEnd.PLANNED, "Planned", f"What {_shorten(revision)} would change is planned."
    if not result.synced:
        message = f"Something of {_shorten(revision)} is left to the next pass."
        return PassEnd.FAILED, "Unfinished", message
    return PassEnd.APPLIED, "Applied", f"All of {_shorten(revision)} is there."


def _shorten(revision: str) -> str:
    """A commit as people say it."""
    return make_plain(revision[:12]) or "the project"


def _clip(text: str, most: int) -> str:
    plain = make_plain(text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


# ------------------------------------------------------------------ conditions and history


def _retry(status: SyncStatus, reason: str, message: str, now: float) -> SyncStatus:
    """Not ready, and the next pass tries again."""
    status = _drop(status, ConditionType.STALLED)
    status = _set(status, ConditionType.READY, Truth.FALSE, reason, message, now)
    if status.suspended:
        return status
    retry = "ProgressingWithRetry"
    return _set(status, ConditionType.RECONCILING, Truth.TRUE, retry, message, now)


def _stall(status: SyncStatus, reason: str, message: str, now: float) -> SyncStatus:
    """Not ready, and a person is needed."""
    status = _drop(status, ConditionType.RECONCILING)
    status = _set(status, ConditionType.READY, Truth.FALSE, reason, message, now)
    return _set(status, ConditionType.STALLED, Truth.TRUE, reason, message, now)


def _set(
    status: SyncStatus, kind: ConditionType, truth: Truth, reason: str, message: str, now: float
) -> SyncStatus:
    """The status with a condition; `since` stays where the condition was so before."""
    before = status.find(kind)
    since = before.since if before is not None and before.status is truth else _round(now)
    about = status.last_attempted_revision
    condition = Condition(kind, truth, reason, message, about, since)
    others = [other for other in status.conditions if other.type is not kind]
    order = list(ConditionType)
    conditions = sorted([*others, condition], key=lambda one: order.index(one.type))
    return replace(status, conditions=tuple(conditions))


def _drop(status: SyncStatus, *kinds: ConditionType) -> SyncStatus:
    return replace(
        status, conditions=tuple(one for one in status.conditions if one.type not in kinds)
    )


def _note_pass(
    status: SyncStatus,
    end: PassEnd,
    message: str,
    now: float,
    result: PassResult | None = None,
) -> SyncStatus:
    """The status with the pass that just ended in its history."""
    result = result or PassResult()
    record = PassRecord(
        started=_round(now) if status.pass_started is None else status.pass_started,
        ended=_round(now),
        revision=status.last_attempted_revision,
        end=end,
        counts={name: count for name, count in result.counts.items() if count},
        cost=result.cost,
        currency=result.currency,
        message=message,
    )
    return replace(status, pass_started=None, history=_append(status.history, record))


def _append(history: Sequence[PassRecord], record: PassRecord) -> tuple[PassRecord, ...]:
    """The history with one more pass. One that did nothing and ended like the last is counted
    there, so that 20 quiet minutes do not push out what happened before them.
    """
    last = history[-1] if history else None
    if last is not None and record.idle and _end_alike(last, record):
        same = replace(last, ended=record.ended, times=last.times + 1)
        return (*history[:-1], same)
    return (*history, record)[-MOST_PASSES:]


def _end_alike(last: PassRecord, record: PassRecord) -> bool:
    return last.idle and (last.revision, last.end, last.message) == (
        record.revision,
        record.end,
        record.message,
    )


def _round(now: float) -> float:
    """A moment to the millisecond, as it is kept."""
    return round(now, 3)

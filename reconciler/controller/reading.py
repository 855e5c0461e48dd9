"""What plans and reports of an apply say about a sync: each edit's state, and how the pass
went. Pure.
"""

from __future__ import annotations

from reconciler.apply.outcome import Report
from reconciler.controller.conditions import EditStatus, Health, SyncState
from reconciler.controller.transitions import PassResult
from reconciler.formats.names import make_plain
from reconciler.plan.decide import SUSPENDED
from reconciler.plan.status import Status, name_sync
from reconciler.plan.step import Action, Plan, Step


def classify_edits(plan: Plan, now: float) -> tuple[EditStatus, ...]:
    """Sync and health of every edit of a plan, in its order. `now` (seconds since 1970) tells
    whether a task is about to be forgotten.
    """
    status = Status(plan, "", now)
    return tuple(_classify(status, step) for step in status.edits)


def _classify(status: Status, step: Step) -> EditStatus:
    left_alone = step.action is Action.KEEP and step.reason == SUSPENDED
    health = Health.SUSPENDED if left_alone else Health(status.health(step))
    return EditStatus(step.name, SyncState(name_sync(step)), health, make_plain(step.reason))


def read_plan(plan: Plan, now: float) -> PassResult:
    """What a pass has found that carries nothing out; its cost is what the plan would pay."""
    total = plan.total(Action.RENDER, Action.WAIT)
    return PassResult(
        edits=classify_edits(plan, now),
        synced=not plan.changes,
        cost=total.price,
        currency=plan.currency,
        needs_person=_list_stuck(plan, now),
        trouble=_describe_blocked(plan),
        planned_only=True,
    )


def read_report(report: Report, now: float) -> PassResult:
    """What an apply has done, and what is left."""
    counts = {
        "rendered": report.done(Action.RENDER),
        "resumed": report.done(Action.RESUME),
        "written": report.done(Action.WRITE),
        "pruned": report.done(Action.PRUNE),
        "failed": len(report.failures),
        "blocked": len(report.blocked),
    }
    return PassResult(
        edits=classify_edits(report.left, now),
        synced=not report.left.changes,
        counts=counts,
        cost=report.price,
        currency=report.plan.currency,
        needs_person=_list_stuck(report.left, now),
        trouble=_describe_failures(report) or _describe_blocked(report.left),
    )


def _list_stuck(plan: Plan, now: float) -> tuple[str, ...]:
    """What waits for a person's decision, and what no further pass will change."""
    blocked = [step.name for step in plan.by_action(Action.BLOCKED)]
    return tuple(dict.fromkeys([*Status(plan, "", now).needs_person, *blocked]))


def _describe_blocked(plan: Plan) -> str:
    """The first edit that is blocked, and why."""
    step = next(plan.by_action(Action.BLOCKED), None)
    return "" if step is None else make_plain(f"{step.name}: {step.reason}.")


def _describe_failures(report: Report) -> str:
    """The first edit that failed, why, and how many more did."""
    failures = sorted(report.failures, key=lambda outcome: outcome.step.name)
    if not failures or failures[0].error is None:
        return ""
    more = f" ({len(failures) - 1} more failed.)" if len(failures) > 1 else ""
    return make_plain(f"{failures[0].step.name}: {failures[0].error.message}{more}")

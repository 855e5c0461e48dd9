"""How every edit is: in sync or not, healthy or not, since when and until when, with the words of
GitOps. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.names import NO_ENVIRONMENT
from reconciler.plan.report import clock_warning, fit, indented, span, stray_lines
from reconciler.plan.step import Action, Plan, Step
from reconciler.state.observed import TASK_LIFE_S
from reconciler.words import count, moment

STATUS_VERSION = 1
WARN_S = 12 * 3600  # a task of this age that nobody collects is worth a word
ALARM_S = 20 * 3600  # and of this age somebody has to act: at 24 h its video is gone
_HEALTH = {
    Action.KEEP: "Healthy",
    Action.RESUME: "Progressing",
    Action.SETTLE: "Progressing",
    Action.RENDER: "Missing",
    Action.WAIT: "Missing",
    Action.WRITE: "Missing",
    Action.PRUNE: "Healthy",
    Action.BLOCKED: "Degraded",
}
_NAME_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Status:
    """A plan, read as the state of each edit at one moment."""

    plan: Plan
    project: str
    now: float  # seconds since 1970
    # by how much the ledger's newest entry is ahead of now, where that is worth a word
    ahead_s: float = 0.0

    @property
    def needs_person(self) -> Sequence[str]:
        """What waits for a person: names of edits, ids of strays, and whose task is soon forgotten
        by the service.
        """
        blocked = [step.name for step in self.plan.steps if step.needs_person]
        urgent = [name for name, left_s in self.deadlines if _urgent(left_s)]
        undecided = [each.edit for each in self.plan.undecided]
        return list(
            dict.fromkeys(
                [*blocked, *undecided, *(each.task_id for each in self.plan.strays), *urgent]
            )
        )

    @property
    def deadlines(self) -> Sequence[tuple[str, float]]:
        """(edit, seconds left) for every task that is to be collected, the most urgent first."""
        found = [(step.name, step.collect_by) for step in self.plan.steps]
        found += [(orphan.edit, orphan.collect_by) for orphan in self.plan.orphans]
        left = [
            (name, collect_by - self.now) for name, collect_by in found if collect_by is not None
        ]
        return sorted(left, key=lambda each: (each[1], each[0]))

    @property
    def synced(self) -> bool:
        return not self.plan.changes

    def health(self, step: Step) -> str:
        late = step.collect_by is not None and _urgent(step.collect_by - self.now)
        return "Degraded" if late else _HEALTH[step.action]

    @property
    def edits(self) -> Sequence[Step]:
        return [step for step in self.plan.steps if step.of_edit]

    @property
    def outputs(self) -> Sequence[Step]:
        """Those that no edit asks for any more, and that wait to be pruned."""
        return [step for step in self.plan.steps if not step.of_edit]

    @property
    def counts(self) -> dict[str, int]:
        """How many edits are of each health."""
        found = [self.health(step) for step in self.edits]
        return {
            word: found.count(word) for word in ("Healthy", "Progressing", "Missing", "Degraded")
        }


def _urgent(left_s: float) -> bool:
    return left_s <= TASK_LIFE_S - ALARM_S


def sync(step: Step) -> str:
    return "Synced" if step.action is Action.KEEP else "OutOfSync"


def status_text(status: Status) -> str:
    """One line an edit."""
    plan = status.plan
    environment = "" if plan.environment == NO_ENVIRONMENT else f" · environment {plan.environment}"
    head = f"{status.project} · {plan.account} · {plan.endpoint} · realm {plan.realm}{environment}"
    lines = [f"{head}    {'Synced' if status.synced else 'OutOfSync'}"]
    names = [step.name for step in plan.steps]
    width = min(max([len(name) for name in names] + [4]), _NAME_WIDTH)
    outputs = max([len(step.output) for step in plan.steps] + [6])
    lines.append(
        f"{'NAME':<{width}}  {'SYNC':<9}  {'HEALTH':<11}  {'SINCE':<7}  {'OUTPUT':<{outputs}}  NOTE"
    )
    for step in plan.steps:
        since = "" if step.since is None else span(max(status.now - step.since, 0))
        lines.append(
            f"{step.name:<{width}}  {sync(step):<9}  {status.health(step):<11}  {since:<7}  "
            f"{step.output:<{outputs}}  {_note(status, step)}".rstrip()
        )
        for detail in step.details if step.action is Action.BLOCKED else ():
            lines += indented(detail, "    ")
    lines += [fit(clock_warning(status.ahead_s))] if status.ahead_s else []
    lines += map(fit, plan.notes)
    lines += stray_lines(plan)
    lines += _deadline_lines(status)
    counts = [f"{count} {word.lower()}" for word, count in status.counts.items() if count]
    edits, outputs = len(status.edits), len(status.outputs)
    left = f" {count(outputs, 'output')} no longer asked for." if outputs else ""
    lines.append(f"{count(edits, 'edit')}: {', '.join(counts) or 'none'}.{left}")
    return "\n".join(lines) + "\n"


def _note(status: Status, step: Step) -> str:
    if step.action is Action.KEEP:
        return ""
    if step.collect_by is None:
        return step.reason
    left_s = step.collect_by - status.now
    return f"{step.reason}; " + (
        f"collect within {span(left_s)}" if left_s > 0 else "too old to be collected"
    )


def _deadline_lines(status: Status) -> Iterator[str]:
    """A warning for what is 12 hours old and not collected, an alarm from 20 hours on."""
    for name, left_s in status.deadlines:
        age_s = TASK_LIFE_S - left_s
        if age_s < WARN_S:
            continue
        yield (
            f"{'!' if _urgent(left_s) else 'warning:'} {name}: its task is {span(age_s)} old and"
            " not collected"
        )
        if left_s > 0:
            yield f"      run `cutlist apply` within {span(left_s)}; after that its video is gone"
        else:
            yield "      the service forgets tasks after 24h; `cutlist apply` tells whether it did"


def status_document(status: Status) -> dict[str, Any]:
    """The same for programs."""
    plan = status.plan
    return {
        "version": STATUS_VERSION,
        "project": status.project,
        "realm": plan.realm,
        "account": plan.account,
        "endpoint": plan.endpoint,
        "environment": plan.environment,
        "synced": status.synced,
        "summary": {word.lower(): count for word, count in status.counts.items()},
        "needs_person": list(status.needs_person),
        "edits": [_row(status, step) for step in status.edits],
        "outputs": [_row(status, step) for step in status.outputs],
        "notes": list(plan.notes),
    }


def _row(status: Status, step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "sync": sync(step),
        "health": status.health(step),
        "action": step.action.value,
        "reason": step.reason,
        "details": list(step.details),
        "output": step.output,
        "key": step.key,
        "task_id": step.task_id,
        "since": _iso(step.since),
        "collect_by": _iso(step.collect_by),
    }


def _iso(at: float | None) -> str | None:
    """`2027-01-15T08:00:00Z`."""
    return None if at is None else moment(at)

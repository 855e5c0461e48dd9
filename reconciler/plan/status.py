"""How every edit is: in sync or not, healthy or not, with the words of GitOps. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.plan.report import stray_lines
from reconciler.plan.step import Action, Plan, Step

STATUS_VERSION = 1
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
    """A plan, read as the state of each edit."""

    plan: Plan
    project: str

    @property
    def needs_person(self) -> Sequence[str]:
        """What waits for a person's decision: names of edits, and ids of strays."""
        return [step.name for step in self.plan.steps if step.needs_person] + [
            each.task_id for each in self.plan.strays
        ]

    @property
    def synced(self) -> bool:
        return not self.plan.changes


def sync(step: Step) -> str:
    return "Synced" if step.action is Action.KEEP else "OutOfSync"


def health(step: Step) -> str:
    return _HEALTH[step.action]


def status_text(status: Status) -> str:
    """One line an edit."""
    plan = status.plan
    head = f"{status.project} · {plan.account} · {plan.endpoint} · realm {plan.realm}"
    lines = [f"{head}    {'Synced' if status.synced else 'OutOfSync'}"]
    names = [step.name for step in plan.steps]
    width = min(max([len(name) for name in names] + [4]), _NAME_WIDTH)
    outputs = max([len(step.output) for step in plan.steps] + [6])
    lines.append(f"{'NAME':<{width}}  {'SYNC':<9}  {'HEALTH':<11}  {'OUTPUT':<{outputs}}  NOTE")
    for step in plan.steps:
        note = "" if step.action is Action.KEEP else step.reason
        lines.append(
            f"{step.name:<{width}}  {sync(step):<9}  {health(step):<11}  {step.output:<{outputs}}  {note}".rstrip()
        )
        lines += [f"    {detail}" for detail in step.details if step.action is Action.BLOCKED]
    counts = [f"{count} {word.lower()}" for word, count in _counts(plan).items() if count]
    lines += stray_lines(plan)
    lines.append(f"{len(names)} edit{'' if len(names) == 1 else 's'}: {', '.join(counts) or 'none'}.")
    return "\n".join(lines) + "\n"


def _counts(plan: Plan) -> dict[str, int]:
    order = ("Healthy", "Progressing", "Missing", "Degraded")
    return {word: sum(1 for step in plan.steps if health(step) == word) for word in order}


def status_document(status: Status) -> dict[str, Any]:
    """The same for programs."""
    plan = status.plan
    return {
        "version": STATUS_VERSION,
        "project": status.project,
        "realm": plan.realm,
        "account": plan.account,
        "endpoint": plan.endpoint,
        "synced": status.synced,
        "summary": {word.lower(): count for word, count in _counts(plan).items()},
        "needs_person": list(status.needs_person),
        "edits": [
            {
                "name": step.name,
                "sync": sync(step),
                "health": health(step),
                "action": step.action.value,
                "reason": step.reason,
                "details": list(step.details),
                "output": step.output,
                "key": step.key,
                "task_id": step.task_id,
            }
            for step in plan.steps
        ],
    }

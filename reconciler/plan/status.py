"""How every edit is: in sync or not, healthy or not, since when, until when. Pure.

The words are those of GitOps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.formats.words import format_moment
from reconciler.plan.step import Action, Plan, Step
from reconciler.state.observed import TASK_LIFE_S

STATUS_VERSION = 1
WARN_S = 12 * 3600  # a task of this age that nobody collects is worth a warning
ALARM_S = 20 * 3600  # at this age somebody has to act: at 24 h its video is gone
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
        """What waits for a person: names of blocked edits, ids of strays, and names of edits
        whose task the service forgets soon.
        """
        blocked = [step.name for step in self.plan.unsettled if step.needs_person]
        urgent = [name for name, left_s in self.deadlines if is_urgent(left_s)]
        undecided = [attempt.edit for attempt in self.plan.undecided]
        strays = [stray.task_id for stray in self.plan.strays]
        return list(dict.fromkeys([*blocked, *undecided, *strays, *urgent]))

    @property
    def deadlines(self) -> Sequence[tuple[str, float]]:
        """(edit, seconds left) for every task that is to be collected, the most urgent first."""
        tasks = [(step.name, step.collect_by) for step in self.plan.unsettled]
        tasks += [(orphan.edit, orphan.collect_by) for orphan in self.plan.orphans]
        deadlines = [
            (name, collect_by - self.now) for name, collect_by in tasks if collect_by is not None
        ]
        return sorted(deadlines, key=lambda deadline: (deadline[1], deadline[0]))

    @property
    def synced(self) -> bool:
        """Whether there is nothing to do."""
        return not self.plan.changes

    def health(self, step: Step) -> str:
        """The health of one step: a task that is hardly collectable any more is Degraded."""
        late = step.collect_by is not None and is_urgent(step.collect_by - self.now)
        return "Degraded" if late else _HEALTH[step.action]

    @property
    def edits(self) -> Sequence[Step]:
        """The steps of edits."""
        return [step for step in self.plan.steps if step.of_edit]

    @property
    def outputs(self) -> Sequence[Step]:
        """The steps of outputs that no edit asks for any more, and that wait to be pruned."""
        return [step for step in self.plan.unsettled if not step.of_edit]

    @property
    def counts(self) -> dict[str, int]:
        """How many edits are of each health."""
        plan, words = self.plan, ("Healthy", "Progressing", "Missing", "Degraded")
        healths = Counter(self.health(step) for step in plan.unsettled if step.of_edit)
        healths["Healthy"] += len(plan.steps) - len(plan.unsettled)
        return {word: healths[word] for word in words}

    def to_json(self) -> dict[str, object]:
        """The status for programs."""
        plan, followers = self.plan, self.plan.describe_followers()
        return {
            "version": STATUS_VERSION,
            "project": self.project,
            "realm": plan.realm,
            "account": plan.account,
            "endpoint": plan.endpoint,
            "environment": plan.environment,
            "synced": self.synced,
            "summary": {word.lower(): count for word, count in self.counts.items()},
            "needs_person": list(self.needs_person),
            "edits": [self._row(step, followers.get(step.name)) for step in self.edits],
            "outputs": [self._row(step, None) for step in self.outputs],
            "notes": list(plan.notes),
        }

    def _row(self, step: Step, followers: str | None) -> dict[str, Any]:
        return {
            "name": step.name,
            "sync": name_sync(step),
            "health": self.health(step),
            "action": step.action.value,
            "reason": step.reason,
            "details": [*step.details, *([followers] if followers else [])],
            "output": step.output,
            "key": step.key,
            "task_id": step.task_id,
            "since": _format_moment(step.since),
            "collect_by": _format_moment(step.collect_by),
        }


def is_urgent(left_s: float) -> bool:
    """Whether somebody has to act, when the service keeps a task for so many seconds more."""
    return left_s <= TASK_LIFE_S - ALARM_S


def name_sync(step: Step) -> str:
    """The word for whether an edit is as it is asked for."""
    return "Synced" if step.action is Action.KEEP else "OutOfSync"


def _format_moment(at: float | None) -> str | None:
    """`2027-01-15T08:00:00Z`."""
    return None if at is None else format_moment(at)

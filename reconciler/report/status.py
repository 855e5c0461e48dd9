"""How every edit is: in sync or not, healthy or not, since when and until when, with the words of
GitOps. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.formats.words import format_count, format_moment, format_span
from reconciler.plan.step import Action, Plan, Step
from reconciler.report.page import BOUND, Block, Paragraph, Span, Style, written
from reconciler.report.plan import clock_warning, stray_lines
from reconciler.report.table import Column, Fit, Row, Table
from reconciler.state.observed import TASK_LIFE_S

STATUS_VERSION = 1
_NOTE_ROOM = 17  # what most edits have to say: `no result yet`, `take 11 asked for`
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
_STYLES = {
    "Healthy": Style.GOOD,
    "Progressing": Style.BUSY,
    "Missing": Style.CHANGE,
    "Degraded": Style.BAD,
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
    """How every edit is, in lines of a screen's width."""
    return written(status_blocks(status))


def status_blocks(status: Status) -> list[Block | str]:
    """A line for each edit, and what is to be done below those that wait for a person."""
    plan = status.plan
    return [
        _head(status),
        Table(
            [
                Column("NAME", Fit.MIDDLE),
                Column("SYNC"),
                Column("HEALTH"),
                Column("SINCE", drop=1),
                Column("OUTPUT", Fit.MIDDLE, drop=2),
            ],
            [_table_row(status, step) for step in plan.steps],
            note_title="NOTE",
            note_room=_NOTE_ROOM,
        ),
        *([clock_warning(status.ahead_s)] if status.ahead_s else []),
        *plan.notes,
        *stray_lines(plan),
        *_deadline_lines(status),
        _summary(status),
    ]


def _head(status: Status) -> Paragraph:
    plan = status.plan
    parts = [status.project, plan.account, plan.endpoint, f"realm{BOUND}{plan.realm}"]
    if plan.environment != NO_ENVIRONMENT:
        parts.append(f"environment{BOUND}{plan.environment}")
    head = f" ·{BOUND}".join(parts)
    word, style = ("Synced", Style.GOOD) if status.synced else ("OutOfSync", Style.CHANGE)
    return Paragraph([Span(head, Style.STRONG), "    ", Span(word, style)], rest="  ")


def _table_row(status: Status, step: Step) -> Row:
    since = "" if step.since is None else format_span(max(status.now - step.since, 0))
    health = status.health(step)
    in_sync = Style.GOOD if step.action is Action.KEEP else Style.CHANGE
    details = step.details if step.action is Action.BLOCKED else ()
    return Row(
        [step.name, Span(sync(step), in_sync), Span(health, _STYLES[health]), since, step.output],
        note=_note(status, step),
        below=[Paragraph(detail, "    ") for detail in details],
    )


def _summary(status: Status) -> str:
    counts = [f"{number} {word.lower()}" for word, number in status.counts.items() if number]
    edits, outputs = len(status.edits), len(status.outputs)
    left = f" {format_count(outputs, 'output')} no longer asked for." if outputs else ""
    return f"{format_count(edits, 'edit')}: {', '.join(counts) or 'none'}.{left}"


def _note(status: Status, step: Step) -> str:
    if step.action is Action.KEEP:
        return ""
    if step.collect_by is None:
        return step.reason
    left_s = step.collect_by - status.now
    left = f"collect within {format_span(left_s)}" if left_s > 0 else "too old to be collected"
    return f"{left}; {step.reason}"


def _deadline_lines(status: Status) -> Iterator[str]:
    """A warning for what is 12 hours old and not collected, an alarm from 20 hours on."""
    for name, left_s in status.deadlines:
        age_s = TASK_LIFE_S - left_s
        if age_s < WARN_S:
            continue
        yield (
            f"{'!' if _urgent(left_s) else 'warning:'} {name}: its task is {format_span(age_s)} old and"
            " not collected"
        )
        if left_s > 0:
            yield f"      run `cutlist apply` within {format_span(left_s)}; after that its video is gone"
        else:
            yield "      the service forgets tasks after 24h; `cutlist apply` tells whether it did"


def status_document(status: Status) -> dict[str, Any]:
    """The same for programs."""
    plan, told = status.plan, status.plan.describe_followers()
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
        "edits": [_row(status, step, told.get(step.name)) for step in status.edits],
        "outputs": [_row(status, step, None) for step in status.outputs],
        "notes": list(plan.notes),
    }


def _row(status: Status, step: Step, follow: str | None) -> dict[str, Any]:
    return {
        "name": step.name,
        "sync": sync(step),
        "health": status.health(step),
        "action": step.action.value,
        "reason": step.reason,
        "details": [*step.details, *([follow] if follow else [])],
        "output": step.output,
        "key": step.key,
        "task_id": step.task_id,
        "since": _iso(step.since),
        "collect_by": _iso(step.collect_by),
    }


def _iso(at: float | None) -> str | None:
    """`2027-01-15T08:00:00Z`."""
    return None if at is None else format_moment(at)

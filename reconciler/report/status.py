"""The status of every edit in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.formats.words import format_count, format_span
from reconciler.plan.status import WARN_S, Status, is_urgent, name_sync
from reconciler.plan.step import Action, Step
from reconciler.report.page import BOUND, Block, Paragraph, Span, Style, write_blocks
from reconciler.report.plan import describe_strays, warn_about_clock
from reconciler.report.table import Column, Fit, Row, Table
from reconciler.state.observed import TASK_LIFE_S

_NOTE_ROOM = 17  # what most edits have to say: `no result yet`, `take 11 asked for`
_STYLES = {
    "Healthy": Style.GOOD,
    "Progressing": Style.BUSY,
    "Missing": Style.CHANGE,
    "Degraded": Style.BAD,
}


def write_status(status: Status) -> str:
    """How every edit is, in lines of a screen's width."""
    return write_blocks(lay_out_status(status))


def lay_out_status(status: Status) -> list[Block | str]:
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
        *([warn_about_clock(status.ahead_s)] if status.ahead_s else []),
        *plan.notes,
        *describe_strays(plan),
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
        [
            step.name,
            Span(name_sync(step), in_sync),
            Span(health, _STYLES[health]),
            since,
            step.output,
        ],
        note=_note(status, step),
        below=[Paragraph(detail, "    ") for detail in details],
    )


def _summary(status: Status) -> str:
    counts = [f"{number} {word.lower()}" for word, number in status.counts.items() if number]
    edits, outputs = sum(status.counts.values()), len(status.outputs)
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
            f"{'!' if is_urgent(left_s) else 'warning:'} {name}: its task is"
            f" {format_span(age_s)} old and not collected"
        )
        if left_s > 0:
            yield (
                f"      run `cutlist apply` within {format_span(left_s)};"
                " after that its video is gone"
            )
        else:
            yield "      the service forgets tasks after 24h; `cutlist apply` tells whether it did"

"""How every Sync is, as a table for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.controller.conditions import (
    Condition,
    ConditionType,
    Health,
    SyncState,
    SyncStatus,
    Truth,
)
from reconciler.controller.transitions import STANDS_BY
from reconciler.formats.words import format_count, format_span
from reconciler.report.page import Block, Paragraph, Span, Style
from reconciler.report.table import Column, Fit, Row, Table

_HEALTHS = {
    Health.HEALTHY: Style.GOOD,
    Health.PROGRESSING: Style.BUSY,
    Health.MISSING: Style.CHANGE,
    Health.DEGRADED: Style.BAD,
}
_SYNCS = {SyncState.SYNCED: Style.GOOD, SyncState.OUT_OF_SYNC: Style.CHANGE}


def lay_out_syncs(statuses: Sequence[SyncStatus], now: float) -> list[Block | str]:
    """A line for each Sync, and below it what each of them says that is not ready."""
    table = Table(
        [
            Column("NAME", Fit.MIDDLE),
            Column("SYNC"),
            Column("HEALTH"),
            Column("READY"),
            Column("REVISION", drop=1),
            Column("SINCE", drop=2),
        ],
        [_build_row(status, now) for status in statuses],
        note_title="REASON",
    )
    messages = [block for status in statuses for block in _describe(status)]
    ready = sum(1 for status in statuses if is_ready(status))
    elsewhere = sum(1 for status in statuses if stands_by(status))
    summary = f"{format_count(len(statuses), 'Sync')}, {ready} ready"
    summary += f", {elsewhere} led elsewhere." if elsewhere else "."
    return [table, *messages, "", summary]


def is_ready(status: SyncStatus) -> bool:
    """Whether the last pass went well."""
    ready = status.find(ConditionType.READY)
    return ready is not None and ready.status is Truth.TRUE


def stands_by(status: SyncStatus) -> bool:
    """Whether another controller leads, or nobody knows who does."""
    ready = status.find(ConditionType.READY)
    return ready is not None and ready.reason == STANDS_BY


def _build_row(status: SyncStatus, now: float) -> Row:
    ready = status.find(ConditionType.READY)
    return Row(
        [
            status.name,
            Span(status.sync.value, _SYNCS.get(status.sync, Style.PLAIN)),
            Span(status.health.value, _HEALTHS.get(status.health, Style.PLAIN)),
            "Unknown" if ready is None else ready.status.value,
            status.last_attempted_revision[:7],
            "" if ready is None else format_span(max(0.0, now - ready.since)),
        ],
        note="" if ready is None else ready.reason,
    )


def _describe(status: SyncStatus) -> Iterator[Block | str]:
    """What a Sync says that is not as it should be."""
    condition: Condition | None = status.find(ConditionType.STALLED)
    if condition is None and not is_ready(status):
        condition = status.find(ConditionType.READY)
    if condition is not None and condition.message:
        yield ""
        yield Paragraph(condition.message, [Span(status.name, Style.STRONG), ": "], "  ")

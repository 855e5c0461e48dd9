"""What happened to edits, newest first: requests, their ends, and results that were taken again.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.formats.words import format_moment
from reconciler.plan.cost import billed_seconds
from reconciler.plan.reasons import changes
from reconciler.report.page import Block, Paragraph, Span, Style, written
from reconciler.report.table import Column, Fit, Row, Table
from reconciler.state.booked import Booking, Entry, Holding, Origin
from reconciler.state.observed import Result, State

LOG_VERSION = 1
_WORDS: Mapping[State, str] = {
    State.INTENT: "being sent",
    State.SUBMITTED: "running",
    State.UNDECIDED: "undecided",
    State.SUCCEEDED: "rendered",
    State.FAILED: "failed",
    State.CANCELED: "cancelled",
    State.EXPIRED: "expired",
    State.LOST: "lost",
    State.NOT_SENT: "not sent",
    State.REJECTED: "refused",
    State.ABANDONED: "given up",
}
_GOOD = ("rendered", "reused,")
_BUSY = ("being", "running")
_BILLED = (State.SUCCEEDED, State.LOST, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened to an edit."""

    at: float  # seconds since 1970
    edit: str
    what: str  # rendered, failed, reused, …
    key: str
    why: str = ""  # what had changed since the request before
    details: tuple[str, ...] = ()  # old and new values, or what the service said
    task_id: str | None = None
    billed_s: float = 0.0
    price: float | None = 0.0  # None: not known
    booking: Booking | None = None


def log(
    entries: Sequence[Entry],
    holdings: Sequence[Holding],
    names: Sequence[str] | None = None,
    *,
    by_hand: Sequence[Result] = (),
) -> Sequence[Record]:
    """Everything that happened, of all edits or of `names`, the newest first; `by_hand` are
    results that were imported from files.
    """
    requested: list[Entry | Result] = [*entries, *by_hand]
    jobs = {each.key: each.job for each in requested}
    before: dict[str, Mapping[str, Any]] = {}
    records = []
    happened: list[Entry | Holding | Result] = [
        *entries, *(each for each in holdings if each.reused), *by_hand,
    ]  # fmt: skip
    for each in sorted(happened, key=_moment):
        if names is not None and each.edit not in names:
            continue
        job = jobs.get(each.key, {}) if isinstance(each, Holding) else each.job
        why, details = _why(before.get(each.edit), job)
        records.append(_record(each, why, details))
        before[each.edit] = job or before.get(each.edit, {})
    return records[::-1]


def _moment(each: Entry | Holding | Result) -> float:
    return each.stored if isinstance(each, Result) else each.at


def _record(each: Entry | Holding | Result, why: str, details: tuple[str, ...]) -> Record:
    match each:
        case Entry():
            return _of_entry(each, why, details)
        case Holding():
            return Record(
                each.at, each.edit, "reused, free", each.key, why, details, booking=each.booking
            )
        case _:
            return _of_file(each, why, details)


def _why(before: Mapping[str, Any] | None, job: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    if not before or not job:
        return "", ()
    return ("the same request", ()) if before == job else changes(before, job, {})


def _of_entry(entry: Entry, why: str, details: tuple[str, ...]) -> Record:
    billed_s = (
        (billed_seconds(entry.usage) or entry.planned_s)
        if entry.state in _BILLED or entry.stray
        else 0.0
    )
    said = (
        (f"{entry.code}: {entry.message}".removeprefix(": "),)
        if entry.code or entry.message
        else ()
    )
    price_per_s = entry.booking.price_per_s if entry.booking else None
    return Record(
        at=entry.at,
        edit=entry.edit,
        what="stray"
        if entry.stray
        else _WORDS[entry.state] + (" (adopted)" if entry.adopted else ""),
        key=entry.key,
        why=why,
        details=(*details, *said),
        task_id=entry.task_id,
        billed_s=billed_s,
        price=0.0
        if not billed_s
        else None
        if price_per_s is None
        else round(billed_s * price_per_s, 4),
        booking=entry.booking,
    )


def _of_file(result: Result, why: str, details: tuple[str, ...]) -> Record:
    origin = Origin(result.commit, result.author, result.approved_by)
    return Record(
        at=result.stored,
        edit=result.edit,
        what="imported",
        key=result.key,
        why=why,
        details=(*details, f"from the file {result.task['imported']}"),
        booking=Booking("", {}, str(result.job.get("model", "")), None, "", origin),
    )


def log_text(records: Sequence[Record], *, full: bool) -> str:
    """A line each, in lines of a screen's width; `full` adds what changed, who asked and agreed."""
    return written(log_blocks(records, full=full))


def log_blocks(records: Sequence[Record], *, full: bool) -> list[Block | str]:
    """A line each; `full` adds what changed, who asked and who agreed."""
    if not records:
        return ["Nothing was rendered yet."]
    columns = [
        Column(),
        Column(fit=Fit.MIDDLE),
        Column(),
        Column(drop=1),
        Column(drop=2),
    ]
    return [Table(columns, [_table_row(each, full=full) for each in records])]


def _table_row(each: Record, *, full: bool) -> Row:
    return Row(
        [
            Span(format_moment(each.at, "%Y-%m-%d %H:%M"), Style.FAINT),
            each.edit,
            Span(each.what, _style(each)),
            _money(each),
            _commit(each.booking)[:9],
        ],
        note=each.why,
        below=list(_more(each)) if full else (),
    )


def _style(each: Record) -> Style:
    word = each.what.partition(" ")[0]
    if word in _GOOD:
        return Style.GOOD
    return Style.BUSY if word in _BUSY else Style.BAD


def _more(each: Record) -> Iterator[Paragraph]:
    for detail in each.details:
        yield _indented(detail)
    origin = each.booking.origin if each.booking else None
    if origin is not None and origin.commit:
        yield _indented(f"commit {origin.commit} by {origin.author or 'nobody known'}")
    if origin is not None and origin.approved_by:
        yield _indented(f"approved by {origin.approved_by}")
    yield _indented(f"key {each.key[:12]}…" + (f"  task {each.task_id}" if each.task_id else ""))


def _indented(text: str) -> Paragraph:
    return Paragraph(text, "    ", "      ")


def _money(each: Record) -> str:
    if not each.billed_s:
        return ""
    currency = each.booking.currency if each.booking else ""
    seconds = f"{each.billed_s:.1f} s"
    return (
        f"{seconds}, {each.price:.2f} {currency}"
        if each.price is not None and currency
        else seconds
    )


def _commit(booking: Booking | None) -> str:
    commit = booking.origin.commit if booking else ""
    return f"{commit[:8]}{'+' if commit.endswith('+') else ''}"


def log_document(records: Sequence[Record]) -> dict[str, Any]:
    """For programs."""
    return {"version": LOG_VERSION, "records": [_document(each) for each in records]}


def _document(each: Record) -> dict[str, Any]:
    booking = each.booking
    return {
        "at": format_moment(each.at),
        "edit": each.edit,
        "what": each.what,
        "why": each.why,
        "details": list(each.details),
        "key": each.key,
        "task_id": each.task_id,
        "billed_s": each.billed_s,
        "price": each.price,
        "currency": (booking.currency if booking else "") or None,
        "environment": (booking.environment if booking else "") or None,
        "labels": dict(booking.labels) if booking else {},
        "commit": (booking.origin.commit if booking else "") or None,
        "author": (booking.origin.author if booking else "") or None,
        "approved_by": (booking.origin.approved_by if booking else "") or None,
    }

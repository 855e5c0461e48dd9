"""What happened to edits: requests, their ends, and results that were taken again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.formats.words import format_moment
from reconciler.plan.reasons import describe_changes
from reconciler.service.models import Models
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
_BILLED = (State.SUCCEEDED, State.LOST, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class LogRecord:
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

    def to_json(self) -> dict[str, object]:
        """The record as plain data; `cutlist log --json` gives a list of them."""
        booking = self.booking
        return {
            "at": format_moment(self.at),
            "edit": self.edit,
            "what": self.what,
            "why": self.why,
            "details": list(self.details),
            "key": self.key,
            "task_id": self.task_id,
            "billed_s": self.billed_s,
            "price": self.price,
            "currency": (booking.currency if booking else "") or None,
            "environment": (booking.environment if booking else "") or None,
            "labels": dict(booking.labels) if booking else {},
            "commit": (booking.origin.commit if booking else "") or None,
            "author": (booking.origin.author if booking else "") or None,
            "approved_by": (booking.origin.approved_by if booking else "") or None,
        }


def build_log(
    entries: Sequence[Entry],
    holdings: Sequence[Holding],
    models: Models,
    names: Sequence[str] | None = None,
    *,
    by_hand: Sequence[Result] = (),
) -> Sequence[LogRecord]:
    """Everything that happened, of all edits or of `names`, the newest first; `by_hand` are
    results that were imported from files.
    """
    requested: list[Entry | Result] = [*entries, *by_hand]
    jobs = {request.key: request.job for request in requested}
    before: dict[str, Mapping[str, Any]] = {}
    records = []
    happened: list[Entry | Holding | Result] = [
        *entries, *(holding for holding in holdings if holding.reused), *by_hand,
    ]  # fmt: skip
    for event in sorted(happened, key=_moment):
        if names is not None and event.edit not in names:
            continue
        job = jobs.get(event.key, {}) if isinstance(event, Holding) else event.job
        why, details = _why(before.get(event.edit), job)
        records.append(_record(event, why, details, models))
        before[event.edit] = job or before.get(event.edit, {})
    return records[::-1]


def _moment(event: Entry | Holding | Result) -> float:
    return event.stored if isinstance(event, Result) else event.at


def _record(
    event: Entry | Holding | Result, why: str, details: tuple[str, ...], models: Models
) -> LogRecord:
    match event:
        case Entry():
            return _of_entry(event, why, details, models)
        case Holding():
            return LogRecord(
                event.at, event.edit, "reused, free", event.key, why, details, booking=event.booking
            )
        case _:
            return _of_file(event, why, details)


def _why(before: Mapping[str, Any] | None, job: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    if not before or not job:
        return "", ()
    return ("the same request", ()) if before == job else describe_changes(before, job, {})


def _of_entry(entry: Entry, why: str, details: tuple[str, ...], models: Models) -> LogRecord:
    billed_s = (
        (models.read_billed_seconds(entry.usage) or entry.planned_s)
        if entry.state in _BILLED or entry.stray
        else 0.0
    )
    answer = (
        (f"{entry.code}: {entry.message}".removeprefix(": "),)
        if entry.code or entry.message
        else ()
    )
    price_per_s = entry.booking.price_per_s if entry.booking else None
    return LogRecord(
        at=entry.at,
        edit=entry.edit,
        what="stray"
        if entry.stray
        else _WORDS[entry.state] + (" (adopted)" if entry.adopted else ""),
        key=entry.key,
        why=why,
        details=(*details, *answer),
        task_id=entry.task_id,
        billed_s=billed_s,
        price=0.0
        if not billed_s
        else None
        if price_per_s is None
        else round(billed_s * price_per_s, 4),
        booking=entry.booking,
    )


def _of_file(result: Result, why: str, details: tuple[str, ...]) -> LogRecord:
    origin = Origin(result.commit, result.author, result.approved_by)
    return LogRecord(
        at=result.stored,
        edit=result.edit,
        what="imported",
        key=result.key,
        why=why,
        details=(*details, f"from the file {result.task['imported']}"),
        booking=Booking("", {}, str(result.job.get("model", "")), None, "", origin),
    )


def log_to_json(records: Sequence[LogRecord]) -> dict[str, object]:
    """Records as the document of `cutlist log --json`."""
    return {"version": LOG_VERSION, "records": [record.to_json() for record in records]}

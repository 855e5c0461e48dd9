"""What of a status is news for people. Pure."""

from __future__ import annotations

from reconciler.controller.conditions import PassEnd, PassRecord, SyncStatus
from reconciler.controller.documents import NotifiedEvent
from reconciler.controller.metrics import PassOutcome
from reconciler.controller.notify import Message
from reconciler.formats.words import format_count

_EVENTS: dict[PassEnd, NotifiedEvent] = {
    PassEnd.APPLIED: "applied",
    PassEnd.PLANNED: "planned",
    PassEnd.WAITING: "needsPerson",
    PassEnd.STALLED: "needsPerson",
    PassEnd.FAILED: "failed",
}
_OUTCOMES: dict[PassEnd, PassOutcome] = {
    PassEnd.PLANNED: "planned",
    PassEnd.WAITING: "needsPerson",
    PassEnd.STALLED: "needsPerson",
    PassEnd.FAILED: "failed",
    PassEnd.SUPERSEDED: "superseded",
    PassEnd.INTERRUPTED: "superseded",
}


def find_ended_pass(before: SyncStatus | None, after: SyncStatus) -> PassRecord | None:
    """The pass that ended between two statuses; None where none did."""
    if not after.history or (before is not None and before.history == after.history):
        return None
    return after.history[-1]


def name_outcome(record: PassRecord) -> PassOutcome:
    """How a pass counts in the metrics."""
    if record.end is PassEnd.APPLIED:
        return "unchanged" if record.idle else "applied"
    return _OUTCOMES[record.end]


def find_message(record: PassRecord, sync: str) -> Message | None:
    """What people are told of a pass; None for one that did nothing, or was given up, and for one
    like that before it, of which they were told, by whichever controller.
    """
    event = _EVENTS.get(record.end)
    is_known = record.idle and (record.end is PassEnd.APPLIED or record.times > 1)
    if event is None or is_known:
        return None
    text = describe_pass(record)
    details: dict[str, str | float | None] = {name: float(n) for name, n in record.counts.items()}
    details |= {"cost": record.cost, "currency": record.currency or None}
    return Message(event, sync, record.revision, text, record.ended, details)


def describe_pass(record: PassRecord) -> str:
    """A pass in a sentence or two."""
    counts = [f"{count} {what}" for what, count in record.counts.items() if count]
    cost = ""
    if record.cost is None:
        cost = "at a price that is not known"
    elif record.cost:
        cost = f"{record.cost:.2f} {record.currency}".rstrip()
    done = ", ".join([*counts, *([cost] if cost else [])])
    times = f" ({format_count(record.times, 'time')})" if record.times > 1 else ""
    return f"{record.message}{times}" + (f" {done[0].upper()}{done[1:]}." if done else "")

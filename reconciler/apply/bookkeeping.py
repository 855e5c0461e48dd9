"""What an apply writes into the ledger's books: the booking of each request, and which results
edits have now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set

from reconciler.config import Config
from reconciler.plan.cost import find_wanted_tier, read_billed_seconds
from reconciler.plan.jobs import Resolved
from reconciler.planner import Pass
from reconciler.state.booked import Booking, Entry, Holding, Origin
from reconciler.state.ledger import Ledger
from reconciler.state.observed import State

_PAID = (State.SUCCEEDED, State.LOST)


def booking(config: Config, each: Resolved, origin: Origin) -> Booking:
    """For whom an edit's request is made, and what a second of it costs today."""
    edit = each.wanted.edit
    return Booking(
        environment=config.environment,
        labels=edit.labels,
        model=edit.model,
        price_per_s=config.prices.per_second(edit.model, find_wanted_tier(each.wanted)),
        currency=config.prices.currency,
        origin=origin,
    )


def note_holdings(
    config: Config, ledger: Ledger, seen: Pass, origin: Origin, *, now: float
) -> None:
    """Write down which edits have another result than last time, and whether that was paid for.
    Again is no change.

    A payment stands for one holding: an edit that comes back to a request it paid for long ago has
    reused its result. What was imported from a file was paid elsewhere, if at all: nothing is saved
    by it.
    """
    books = ledger.books
    before = books.holdings()
    last = {each.edit: each.key for each in before if each.environment == config.environment}
    moved = [
        each
        for each in _held(seen)
        if each.job is not None and last.get(each.wanted.edit.name) != each.job.key
    ]
    if not moved:
        return
    brought = {each.result.task.get("task_id") for each in moved if each.result is not None} - {
        None
    }
    unspent = Counter((each.edit, each.key) for each in books.entries() if _paid(each, brought))
    unspent -= Counter((each.edit, each.key) for each in before if not each.reused)
    made = []
    for each in moved:
        assert each.job is not None and each.result is not None
        name, key = each.wanted.edit.name, each.job.key
        billable_s = read_billed_seconds(each.result.usage) or each.result.duration_s
        reused = unspent[name, key] == 0 and not each.result.by_hand
        made.append(
            Holding(
                name,
                config.environment,
                key,
                now,
                reused,
                billable_s,
                booking(config, each, origin),
            )
        )
    books.hold(made)


def _paid(entry: Entry, brought: Set[object]) -> bool:
    """Whether a result came of it; also one that is stored already, and of which the ledger has not
    heard yet.
    """
    return not entry.stray and (entry.state in _PAID or entry.task_id in brought)


def _held(seen: Pass) -> list[Resolved]:
    """The edits that have a result and were asked about."""
    asked = {step.name for step in seen.plan.steps}
    return [
        each
        for name, each in sorted(seen.resolved.items())
        if each.result is not None and name in asked and not each.wanted.edit.suspend
    ]

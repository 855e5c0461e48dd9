"""What an apply writes into the ledger's books: the booking of each request, and which results
edits have now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set

from reconciler.config import Config
from reconciler.plan.cost import find_wanted_tier
from reconciler.plan.jobs import Resolved
from reconciler.planner import Pass
from reconciler.state.booked import Booking, Entry, Holding, Origin
from reconciler.state.ledger import Books, Ledger
from reconciler.state.observed import State

_PAID = (State.SUCCEEDED, State.LOST)


def build_booking(config: Config, resolved: Resolved, origin: Origin) -> Booking:
    """For whom an edit's request is made, and what a second of it costs today."""
    edit = resolved.wanted.edit
    return Booking(
        environment=config.environment,
        labels=edit.labels,
        model=edit.model,
        price_per_s=config.prices.per_second(edit.model, find_wanted_tier(resolved.wanted)),
        currency=config.prices.currency,
        origin=origin,
    )


def note_holdings(
    config: Config, ledger: Ledger, current: Pass, origin: Origin, *, now: float
) -> None:
    """Write down which edits have another result than last time, and whether that was paid for.
    Again is no change.

    A payment stands for one holding: an edit that comes back to a request it paid for long ago has
    reused its result. What was imported from a file was paid elsewhere, if at all: nothing is saved
    by it.
    """
    if not _find_moved(config, ledger.books, current):
        return  # nobody waits for a transaction in which nothing is written
    ledger.books.hold(lambda: _choose_holdings(config, ledger.books, current, origin, now))


def _find_moved(config: Config, books: Books, current: Pass) -> list[Resolved]:
    """The edits that have another result than they had at last."""
    last = books.find_held_keys(config.environment)
    return [
        edit
        for edit in _held(current)
        if edit.result is not None and last.get(edit.wanted.edit.name) != edit.result.key
    ]


def _choose_holdings(
    config: Config, books: Books, current: Pass, origin: Origin, now: float
) -> list[Holding]:
    """What is to be noted, by what the books say now."""
    moved = _find_moved(config, books, current)
    names = {edit.wanted.edit.name for edit in moved}
    brought = {edit.result.task.get("task_id") for edit in moved if edit.result is not None} - {
        None
    }
    entries, before = books.entries(names), books.holdings(names)
    unspent = Counter((entry.edit, entry.key) for entry in entries if _paid(entry, brought))
    unspent -= Counter((holding.edit, holding.key) for holding in before if not holding.reused)
    new_holdings, models = [], config.models
    for edit in moved:
        assert edit.result is not None
        name, key = edit.wanted.edit.name, edit.result.key
        billable_s = models.read_billed_seconds(edit.result.usage) or edit.result.duration_s
        reused = unspent[name, key] == 0 and not edit.result.by_hand
        new_holdings.append(
            Holding(
                name,
                config.environment,
                key,
                now,
                reused,
                billable_s,
                build_booking(config, edit, origin),
            )
        )
    return new_holdings


def _paid(entry: Entry, brought: Set[object]) -> bool:
    """Whether a result came of it; also one that is stored already, and of which the ledger has not
    heard yet.
    """
    return not entry.stray and (entry.state in _PAID or entry.task_id in brought)


def _held(current: Pass) -> list[Resolved]:
    """The edits that have a result and were asked about."""
    planned_names = current.plan.names
    return [
        edit
        for name, edit in sorted(current.resolved.items())
        if edit.result is not None and name in planned_names and not edit.wanted.edit.suspend
    ]

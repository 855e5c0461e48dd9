"""What was spent, what reuse saved, and what was wasted: the ledger's books, added up. Pure.

A task counts with what the service billed for it, or, until it has said so, with what the plan
counted; at the price of the day it was sent. What nobody can be sure of counts as spent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.formats.words import format_moment
from reconciler.plan.cost import PricePerSecond, find_tier
from reconciler.service.models import Models
from reconciler.state.booked import Booking, Entry, Holding, Origin
from reconciler.state.observed import Result, State


class Fate(StrEnum):
    """What became of something that was paid."""

    IN_USE = "in use"
    RUNNING = "running"  # at the service, not billed before it has succeeded
    UNCERTAIN = "uncertain"  # whether it arrived, or was billed, nobody here can tell
    SUPERSEDED = "superseded"  # no edit asks for it any more; going back to it is free
    LOST = "lost"  # paid, and expired or lost before it was used up
    TWICE = "paid twice"  # another ledger of the same store had paid for the same
    STRAY = "stray"  # made by a request that was given up


WASTED = (Fate.SUPERSEDED, Fate.LOST, Fate.TWICE, Fate.STRAY)
_FATES: Mapping[State, Fate] = {
    State.SUBMITTED: Fate.RUNNING,
    State.INTENT: Fate.UNCERTAIN,
    State.UNDECIDED: Fate.UNCERTAIN,
    State.ABANDONED: Fate.UNCERTAIN,
    State.LOST: Fate.LOST,
    State.EXPIRED: Fate.LOST,
}
_FREE = ("CANCELED", "FAILED")  # what the service says of a stray that it does not bill


@dataclass(frozen=True, slots=True)
class Line:
    """One payment, or one that was spared."""

    edit: str
    environment: str
    labels: Mapping[str, str]
    model: str
    commit: str
    at: float  # seconds since 1970
    billable_s: float
    price: float | None  # None: of an unknown price, or in another currency than the project's now
    fate: Fate

    @property
    def day(self) -> str:
        """The day in UTC, such as 2026-11-21."""
        return get_day(self.at)


@dataclass(frozen=True, slots=True)
class Sum:
    """Lines, added up. `price` leaves out what has none; that is in `unpriced_s`."""

    count: int
    billable_s: float
    price: float
    unpriced_s: float


@dataclass(frozen=True, slots=True)
class Spending:
    """All payments and all that reuse spared, oldest first."""

    paid: tuple[Line, ...]
    saved: tuple[Line, ...]
    currency: str

    def since(self, day: str) -> Spending:
        """The same from a day on."""
        return Spending(
            tuple(line for line in self.paid if line.day >= day),
            tuple(line for line in self.saved if line.day >= day),
            self.currency,
        )

    def on(self, now: float, environment: str | None = None) -> Sum:
        """What was spent on the day of `now`, in one environment or all."""
        return add_up(
            line
            for line in self.paid
            if line.day == get_day(now) and environment in (None, line.environment)
        )

    def of(self, *fates: Fate) -> Sum:
        """What became of it like that."""
        return add_up(line for line in self.paid if line.fate in fates)


def get_day(at: float) -> str:
    """The day in UTC, such as 2026-11-21."""
    return format_moment(at, "%Y-%m-%d")


def add_up(lines: Iterable[Line]) -> Sum:
    """The sum of lines."""
    kept = list(lines)
    return Sum(
        count=len(kept),
        billable_s=round(sum(line.billable_s for line in kept), 2),
        price=round(sum(line.price or 0.0 for line in kept), 4),
        unpriced_s=round(sum(line.billable_s for line in kept if line.price is None), 2),
    )


GROUPS: Mapping[str, Callable[[Line], Sequence[str]]] = {
    "day": lambda line: [line.day],
    "edit": lambda line: [line.edit],
    "label": lambda line: (
        [f"{name}={value}" for name, value in sorted(line.labels.items())] or ["(no label)"]
    ),
    "model": lambda line: [line.model],
    "commit": lambda line: [line.commit or "(no commit)"],
    "environment": lambda line: [line.environment],
}


def group_lines(lines: Sequence[Line], by: str) -> Sequence[tuple[str, Sum]]:
    """Sums by one of GROUPS: days and commits as they came, everything else the dearest first.

    A line with several labels is in the sum of each of them.
    """
    groups: dict[str, list[Line]] = {}
    for line in lines:
        for name in GROUPS[by](line):
            groups.setdefault(name, []).append(line)
    sums = [(name, add_up(lines_)) for name, lines_ in groups.items()]
    return (
        sums
        if by in ("day", "commit")
        else sorted(sums, key=lambda pair: (-pair[1].price, -pair[1].billable_s, pair[0]))
    )


def add_up_spending(
    entries: Sequence[Entry],
    holdings: Sequence[Holding],
    *,
    in_use: Collection[str],
    twice: Collection[str] = (),
    models: Models,
    price_per_second: PricePerSecond,
    currency: str,
) -> Spending:
    """The books added up. `in_use` are the keys that edits ask for now, `twice` the tasks that
    `find_paid_twice` names; prices are for what was booked without one.
    """
    priced = _Pricing(models, price_per_second, currency)
    paid = [priced.paid(entry, fate) for entry in entries if (fate := _fate(entry, in_use, twice))]
    saved = [
        priced.line(holding.edit, holding.at, holding.billable_s, holding.booking, Fate.IN_USE)
        for holding in holdings
        if holding.reused
    ]
    return Spending(tuple(paid), tuple(saved), currency)


def find_paid_twice(
    entries: Sequence[Entry],
    results: Mapping[str, Sequence[Result]],
    pinned: Mapping[str, Collection[str]],
) -> set[str]:
    """The tasks of this ledger that rendered what counts as rendered by a task of another ledger.

    Of two results of one key that one counts which the lock file names (`pinned`: digests by key),
    else the one that was stored first. So every ledger of a store has the same one wasted.
    """
    own = {entry.task_id for entry in entries}
    wasted = set()
    for entry in entries:
        there = results.get(entry.key, ())
        named = [result for result in there if result.digest in pinned.get(entry.key, ())]
        counts = next(iter([*named, *there]), None)
        task_id = counts.task.get("task_id") if counts is not None else None
        if entry.task_id and entry.state is State.SUCCEEDED and task_id and task_id not in own:
            wasted.add(entry.task_id)
    return wasted


def _fate(entry: Entry, in_use: Collection[str], twice: Collection[str]) -> Fate | None:
    """None: it was never billed."""
    if entry.stray:
        return None if entry.task_status in _FREE else Fate.STRAY
    # a person's word; and yet the service had given a task
    if entry.state is State.NOT_SENT and entry.task_id:
        return Fate.UNCERTAIN
    if entry.task_id in twice:
        return Fate.TWICE
    if entry.state is State.SUCCEEDED:
        return Fate.IN_USE if entry.key in in_use else Fate.SUPERSEDED
    return _FATES.get(entry.state)


@dataclass(frozen=True, slots=True)
class _Pricing:
    models: Models
    price_per_second: PricePerSecond
    currency: str

    def paid(self, entry: Entry, fate: Fate) -> Line:
        billable_s = self.models.read_billed_seconds(entry.usage) or entry.planned_s
        return self.line(
            entry.edit, entry.at, billable_s, entry.booking or self._booking(entry.job), fate
        )

    def line(self, edit: str, at: float, billable_s: float, booking: Booking, fate: Fate) -> Line:
        known = booking.price_per_s is not None and booking.currency == self.currency
        return Line(
            edit=edit,
            environment=booking.environment,
            labels=booking.labels,
            model=booking.model,
            commit=booking.origin.commit,
            at=at,
            billable_s=billable_s,
            price=round(billable_s * (booking.price_per_s or 0.0), 4) if known else None,
            fate=fate,
        )

    def _booking(self, job: Mapping[str, Any]) -> Booking:
        """For what was sent before there were books: today's price."""
        name = str(job.get("model"))
        model = self.models.get(name)
        price = self.price_per_second(
            name, find_tier(model, {"input": {}, "parameters": {}, **job}) if model else None
        )
        return Booking(NO_ENVIRONMENT, {}, name, price, self.currency, Origin())

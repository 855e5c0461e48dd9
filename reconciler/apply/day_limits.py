"""What a day may cost, held against the books in the very transaction that writes an intent: of two
that send at once the second one counts what the first has written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.apply.work import Work
from reconciler.config.settings import Limit, Prices
from reconciler.errors import BudgetExceeded
from reconciler.service.models import Models
from reconciler.state.booked import DAY_S, Booking, Entry
from reconciler.state.ledger import SpendingLimit

if TYPE_CHECKING:
    from reconciler.history.spending import Sum


def find_day_limit(
    budget: Sequence[Limit], prices: Prices, models: Models, work: Work, now: float
) -> SpendingLimit | None:
    """What the budgets of a day (UTC) allow for a request; None where there is none. `now`: by this
    machine's clock.
    """
    booking = work.booking
    if booking is None:
        return None
    limits = [
        limit
        for limit in budget
        if limit.per == "day" and limit.environment in (None, booking.environment)
    ]
    if not limits:
        return None

    def check(entries: Sequence[Entry], now: float) -> None:
        for limit, spent in _add_up(prices, models, limits, entries, now):
            _require_room(limit, spent, work, booking)

    return SpendingLimit(period_s=DAY_S, now=now, check=check)


def _add_up(
    prices: Prices, models: Models, limits: Sequence[Limit], entries: Sequence[Entry], now: float
) -> Iterator[tuple[Limit, Sum]]:
    """Each limit with what was spent of it."""
    from reconciler.history.spending import add_up_spending  # lazy: start-up time

    spending = add_up_spending(
        entries,
        (),
        in_use=(),
        models=models,
        price_per_second=prices.per_second,
        currency=prices.currency,
    )
    for limit in limits:
        yield limit, spending.on(now, limit.environment)


def _require_room(limit: Limit, spent: Sum, work: Work, booking: Booking) -> None:
    """Raises BudgetExceeded where a request does not fit in a limit beside what was spent."""
    name = f"{limit.name} of {limit.file}"
    if booking.price_per_s is None or spent.unpriced_s:
        raise BudgetExceeded(
            f"{name} is {limit.amount:.2f}, and not all that was sent today has a known price.",
            hint="Name the price of every model and tier in `prices` of cutlist.yaml.",
        )
    price = work.billable_s * booking.price_per_s
    if round(spent.price + price, 4) > limit.amount:  # as exact as every other sum
        left = max(limit.amount - spent.price, 0.0)
        raise BudgetExceeded(
            f"it may cost {price:.2f} {booking.currency}, and {name} leaves {left:.2f} of"
            f" {limit.amount:.2f} today (UTC): more was spent than the plan has counted.",
            hint="It was not sent. Wait for tomorrow, or raise the limit.",
        )

"""What may be spent: refused before anything is sent, by `--max-cost`, and by what the project file
allows. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.config import Limit
from reconciler.errors import BudgetExceeded
from reconciler.history.cost_report import Budget
from reconciler.history.spending import Spending
from reconciler.plan.step import Action, Plan

_PRICES = "Name the price of every model and tier in `prices` of cutlist.yaml. Nothing was sent."


def today(limits: Sequence[Limit], spending: Spending, now: float) -> Iterator[Budget]:
    """Each limit of a day, with what that day has cost so far."""
    for limit in limits:
        if limit.per == "day":
            yield Budget(limit.name, limit.amount, spending.on(now, limit.environment))


def check(
    plan: Plan, limits: Sequence[Limit], days: Sequence[Budget], max_cost: float | None
) -> None:
    """Raises BudgetExceeded for a plan that may cost more than what is allowed, or whose price
    nobody knows.
    """
    cost = plan.total(Action.RENDER, Action.WAIT)
    if not cost.billable_s:
        return
    allowed = [
        (limit.amount, f"{limit.name} of cutlist.yaml") for limit in limits if limit.per == "apply"
    ]
    allowed += [] if max_cost is None else [(max_cost, "--max-cost")]
    named = [*allowed, *((day.limit, f"{day.name} of cutlist.yaml") for day in days)]
    if not named:
        return
    if cost.price is None:
        amount, name = named[0]
        raise BudgetExceeded(
            f"{name} is {amount:.2f}, and the plan has work whose price is not known.", hint=_PRICES
        )
    for amount, name in allowed:
        if cost.price > amount:
            raise BudgetExceeded(
                f"the plan may cost {cost.price:.2f} {plan.currency}; {name} allows {amount:.2f}.",
                hint="Nothing was sent. Raise the limit, or ask for less.",
            )
    for day in days:
        _check_day(plan, day, cost.price)


def _check_day(plan: Plan, day: Budget, price: float) -> None:
    if day.spent.unpriced_s:
        raise BudgetExceeded(
            f"{day.name} of cutlist.yaml is {day.limit:.2f}, and {day.spent.unpriced_s:.1f}"
            " billable seconds of today have no known price.",
            hint=_PRICES,
        )
    # sums are exact to a hundredth of a cent, as everywhere
    if round(day.spent.price + price, 4) > day.limit:
        left = max(day.limit - day.spent.price, 0.0)
        raise BudgetExceeded(
            f"the plan may cost {price:.2f} {plan.currency}; {day.spent.price:.2f} of"
            f" {day.limit:.2f} were spent today (UTC), and {day.name} of cutlist.yaml leaves"
            f" {left:.2f}.",
            hint=(
                "Nothing was sent. Wait for tomorrow, raise the limit, or ask for less (--target)."
            ),
        )

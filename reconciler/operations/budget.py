"""What may be spent: a plan is held against each limit, before anything is sent. Pure.

The limits are those of the project file and `--max-cost`. A plan shows beforehand what an apply of
it would be refused for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from reconciler.errors import BudgetExceeded
from reconciler.formats.values import value
from reconciler.plan.step import Action, Cost, Plan

if TYPE_CHECKING:
    from reconciler.config import Limit
    from reconciler.history.cost import Budget
    from reconciler.history.spending import Spending

MAX_COST = "--max-cost"
_NAME_PRICES = (
    "Name the price of every model and tier in `prices` of cutlist.yaml. Nothing was sent."
)
_RAISE_LIMIT = "Nothing was sent. Raise the limit, or ask for less."
_WAIT = "Nothing was sent. Wait for tomorrow, raise the limit, or ask for less (--target)."


@value(frozen=True, slots=True)
class BudgetCheck:
    """One limit, held against a plan. Amounts are in the currency of the prices.

    `refusal` says why an apply of the plan would be refused; it is empty where it would not.
    """

    name: str  # --max-cost, or where the limit stands in cutlist.yaml
    per: Literal["apply", "day"]
    limit: float
    spent: float = 0.0  # today (UTC), where the limit is that of a day
    refusal: str = ""
    hint: str = ""

    def to_json(self) -> dict[str, object]:
        """The same as plain data: `budgets` of schemas/plan.schema.json."""
        return {
            "name": self.name.partition(" of ")[0],
            "per": self.per,
            "limit": self.limit,
            "spent": self.spent if self.per == "day" else None,
            "refuses": bool(self.refusal),
            "reason": self.refusal or None,
        }


def measure_days(limits: Sequence[Limit], spending: Spending, now: float) -> Iterator[Budget]:
    """Each limit of a day, with what the day of `now` (UTC) has cost so far."""
    from reconciler.history.cost import Budget  # lazy: start-up time

    for limit in limits:
        if limit.per == "day":
            yield Budget(limit.name, limit.amount, spending.on(now, limit.environment), limit.file)


def check_budgets(
    plan: Plan, limits: Sequence[Limit], days: Sequence[Budget], max_cost: float | None
) -> Sequence[BudgetCheck]:
    """Each limit, held against what the plan may cost; a plan whose price nobody knows
    keeps none.
    """
    amounts = [
        (limit.amount, f"{limit.name} of {limit.file}") for limit in limits if limit.per == "apply"
    ]
    if max_cost is not None:
        amounts.append((max_cost, MAX_COST))
    return [
        *(_check_apply_limit(plan, amount, name) for amount, name in amounts),
        *(_check_day_limit(plan, day) for day in days),
    ]


def require_within(checks: Sequence[BudgetCheck]) -> None:
    """Raises BudgetExceeded for the first limit that a plan does not keep."""
    for check in checks:
        if check.refusal:
            raise BudgetExceeded(check.refusal, hint=check.hint)


def describe_refusals(checks: Sequence[BudgetCheck]) -> Iterator[str]:
    """What an apply would be refused for, a line each, to stand below a plan."""
    for check in checks:
        if check.refusal:
            yield f"! `cutlist apply` would refuse this (exit 6): {check.refusal}"


def describe_rooms(checks: Sequence[BudgetCheck], currency: str) -> Iterator[str]:
    """What each limit allows, and what is left of it today, a line each."""
    for check in checks:
        limit = f"{check.limit:.2f} {currency}".rstrip()
        if check.per == "day":
            left = max(check.limit - check.spent, 0.0)
            yield f"{check.name}: {left:.2f} of {limit} are left today (UTC)"
        else:
            yield f"{check.name}: at most {limit} at once"


def _most_cost(plan: Plan) -> Cost:
    """What an apply of the plan may cost at most."""
    return plan.total(Action.RENDER, Action.WAIT)


def _check_apply_limit(plan: Plan, amount: float, name: str) -> BudgetCheck:
    cost = _most_cost(plan)
    refusal = hint = ""
    if cost.billable_s and cost.price is None:
        refusal, hint = _describe_unknown_price(cost, name, amount), _NAME_PRICES
    elif cost.billable_s and cost.price is not None and cost.price > amount:
        refusal = f"the plan may cost {cost.price:.2f} {plan.currency}; {name} allows {amount:.2f}."
        hint = _RAISE_LIMIT
    return BudgetCheck(name, "apply", amount, refusal=refusal, hint=hint)


def _check_day_limit(plan: Plan, day: Budget) -> BudgetCheck:
    cost, spent = _most_cost(plan), day.spent.price
    name = f"{day.name} of {day.file}"
    refusal = hint = ""
    if cost.billable_s and cost.price is None:
        refusal, hint = _describe_unknown_price(cost, name, day.limit), _NAME_PRICES
    elif cost.billable_s and day.spent.unpriced_s:
        refusal = (
            f"{name} is {day.limit:.2f}, and {day.spent.unpriced_s:.1f} billable seconds of today"
            " have no known price."
        )
        hint = _NAME_PRICES
    # sums are exact to a hundredth of a cent, as everywhere
    elif cost.billable_s and round(spent + (cost.price or 0.0), 4) > day.limit:
        refusal = (
            f"the plan may cost {cost.price:.2f} {plan.currency}; {spent:.2f} of {day.limit:.2f}"
            f" were spent today (UTC), and {name} leaves {max(day.limit - spent, 0.0):.2f}."
        )
        hint = _WAIT
    return BudgetCheck(name, "day", day.limit, spent, refusal, hint)


def _describe_unknown_price(cost: Cost, name: str, amount: float) -> str:
    why = f" ({cost.why})" if cost.why else ""
    return f"{name} is {amount:.2f}, and the plan has work whose price is not known{why}."

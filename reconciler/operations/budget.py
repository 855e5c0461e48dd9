"""What may be spent: refused before anything is sent, by `--max-cost`, and by what the project file
allows; and told beforehand, below a plan. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.config import Limit
from reconciler.errors import BudgetExceeded
from reconciler.history.spending import Spending
from reconciler.plan.step import Action, Plan
from reconciler.report.cost import Budget

MAX_COST = "--max-cost"
_PRICES = "Name the price of every model and tier in `prices` of cutlist.yaml. Nothing was sent."
_RAISE = "Nothing was sent. Raise the limit, or ask for less."
_TOMORROW = "Nothing was sent. Wait for tomorrow, raise the limit, or ask for less (--target)."


@dataclass(frozen=True, slots=True)
class Verdict:
    """One limit, held against a plan. `refusal` says why an apply of it would be refused; empty
    where it would not. Amounts are in the currency of the prices.
    """

    name: str  # --max-cost, or where the limit stands in cutlist.yaml
    per: Literal["apply", "day"]
    limit: float
    spent: float = 0.0  # today (UTC), where the limit is that of a day
    refusal: str = ""
    hint: str = ""


def today(limits: Sequence[Limit], spending: Spending, now: float) -> Iterator[Budget]:
    """Each limit of a day, with what that day has cost so far."""
    for limit in limits:
        if limit.per == "day":
            yield Budget(limit.name, limit.amount, spending.on(now, limit.environment))


def verdicts(
    plan: Plan, limits: Sequence[Limit], days: Sequence[Budget], max_cost: float | None
) -> Sequence[Verdict]:
    """Each limit, held against what the plan may cost; a price that nobody knows keeps none."""
    allowed = [
        (limit.amount, f"{limit.name} of cutlist.yaml") for limit in limits if limit.per == "apply"
    ]
    allowed += [] if max_cost is None else [(max_cost, MAX_COST)]
    return [
        *(_of_apply(plan, amount, name) for amount, name in allowed),
        *(_of_day(plan, day) for day in days),
    ]


def check(held: Sequence[Verdict]) -> None:
    """Raises BudgetExceeded for the first limit that a plan does not keep."""
    for verdict in held:
        if verdict.refusal:
            raise BudgetExceeded(verdict.refusal, hint=verdict.hint)


def _of_apply(plan: Plan, amount: float, name: str) -> Verdict:
    cost = plan.total(Action.RENDER, Action.WAIT)
    if not cost.billable_s:
        return Verdict(name, "apply", amount)
    if cost.price is None:
        return Verdict(name, "apply", amount, refusal=_unknown(plan, name, amount), hint=_PRICES)
    if cost.price <= amount:
        return Verdict(name, "apply", amount)
    refusal = f"the plan may cost {cost.price:.2f} {plan.currency}; {name} allows {amount:.2f}."
    return Verdict(name, "apply", amount, refusal=refusal, hint=_RAISE)


def _of_day(plan: Plan, day: Budget) -> Verdict:
    cost, spent, name = (
        plan.total(Action.RENDER, Action.WAIT),
        day.spent.price,
        f"{day.name} of cutlist.yaml",
    )
    refusal, hint = "", _PRICES
    if cost.billable_s and cost.price is None:
        refusal = _unknown(plan, name, day.limit)
    elif cost.billable_s and day.spent.unpriced_s:
        refusal = (
            f"{name} is {day.limit:.2f}, and {day.spent.unpriced_s:.1f} billable seconds of today"
            " have no known price."
        )
    # sums are exact to a hundredth of a cent, as everywhere
    elif cost.billable_s and round(spent + (cost.price or 0.0), 4) > day.limit:
        hint = _TOMORROW
        refusal = (
            f"the plan may cost {cost.price:.2f} {plan.currency}; {spent:.2f} of {day.limit:.2f}"
            f" were spent today (UTC), and {name} leaves {max(day.limit - spent, 0.0):.2f}."
        )
    return Verdict(name, "day", day.limit, spent, refusal, hint if refusal else "")


def _unknown(plan: Plan, name: str, amount: float) -> str:
    why = plan.total(Action.RENDER, Action.WAIT).why
    return (
        f"{name} is {amount:.2f}, and the plan has work whose price is not known"
        f"{f' ({why})' if why else ''}."
    )


# ------------------------------------------------------------------ beforehand


def lines(held: Sequence[Verdict]) -> Iterator[str]:
    """What an apply would be refused for, a line each, to stand below a plan."""
    for verdict in held:
        if verdict.refusal:
            yield f"! `cutlist apply` would refuse this (exit 6): {verdict.refusal}"


def documents(held: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The same for programs; every limit, whether it is kept or not."""
    return [
        {
            "name": verdict.name.removesuffix(" of cutlist.yaml"),
            "per": verdict.per,
            "limit": verdict.limit,
            "spent": verdict.spent if verdict.per == "day" else None,
            "refuses": bool(verdict.refusal),
            "reason": verdict.refusal or None,
        }
        for verdict in held
    ]

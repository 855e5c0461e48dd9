"""What a person has agreed to in one watch: money is spent on what was agreed to, and on nothing
else. Pure.
"""

from __future__ import annotations

from reconciler.errors import BudgetExceeded
from reconciler.history.spending import Sum
from reconciler.plan.step import Action, Plan

SESSION_BUDGET = "--session-budget"
_RAISE = "Nothing was sent. Start the watch again with a larger one, or ask for less."
_NAME_PRICES = (
    "Name the price of every model and tier in `prices` of cutlist.yaml. Nothing was sent."
)


class Allowance:
    """The budget of a session, in the currency of the prices, and what was said yes to.

    The first yes stands for all that the budget leaves; without a budget it stands for the requests
    of the plan that was shown, also where a later pass sends them.
    """

    def __init__(self, budget: float | None = None) -> None:
        self._budget = budget
        self._agreed_keys: set[str] = set()
        self._has_agreed = False

    def check(self, plan: Plan, spent: Sum) -> None:
        """Raises BudgetExceeded where a plan may cost more than the budget leaves. `spent` is what
        the session has cost so far.
        """
        cost = plan.total(Action.RENDER, Action.WAIT)
        if self._budget is None or not cost.billable_s:
            return
        limit = f"{SESSION_BUDGET} is {self._budget:.2f}"
        if cost.price is None:
            raise BudgetExceeded(
                f"{limit}, and the plan has work whose price is not known.", hint=_NAME_PRICES
            )
        if spent.unpriced_s:
            raise BudgetExceeded(
                f"{limit}, and {spent.unpriced_s:.1f} billable seconds of this watch have no known"
                " price.",
                hint=_NAME_PRICES,
            )
        if round(spent.price + cost.price, 4) > self._budget:
            left = max(self._budget - spent.price, 0.0)
            raise BudgetExceeded(
                f"the plan may cost {cost.price:.2f} {plan.currency}; {spent.price:.2f} of"
                f" {self._budget:.2f} were spent in this watch, and {SESSION_BUDGET} leaves"
                f" {left:.2f}.",
                hint=_RAISE,
            )

    def covers(self, plan: Plan) -> bool:
        """Whether an earlier yes stands for all that a plan may pay for."""
        if not self._has_agreed:
            return False
        if self._budget is not None:
            return True
        paying = list(plan.by_action(Action.RENDER, Action.WAIT))
        return all(step.key in self._agreed_keys for step in paying)

    def agree(self, plan: Plan) -> None:
        """A person said yes to a plan."""
        self._has_agreed = True
        self._agreed_keys |= {
            step.key for step in plan.by_action(Action.RENDER) if step.key is not None
        }

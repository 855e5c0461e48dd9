"""What one yes stands for."""

from __future__ import annotations

import pytest

from reconciler.errors import BudgetExceeded
from reconciler.history.spending import Sum
from reconciler.plan.step import Action, Plan
from reconciler.watch import Allowance
from tests.making import make_chain, make_desired, make_edit, make_observed, make_plan

NOTHING = Sum(0, 0.0, 0.0, 0.0)
RAIN, SNOW = make_edit("rain"), make_edit("snow", take=2)


def plan(*edits: object, prices: bool = True) -> Plan:
    asked = make_desired(*edits)  # type: ignore[arg-type]
    return make_plan(asked, make_observed(asked), prices=prices)


def test_the_first_yes_stands_for_what_was_shown() -> None:
    """The same requests are not asked about again, others are; nor is what builds on them, before
    it is known what that will be.
    """
    allowance = Allowance()
    assert not allowance.covers(plan(RAIN))
    allowance.agree(plan(RAIN, SNOW))
    assert allowance.covers(plan(SNOW))
    assert not allowance.covers(plan(SNOW, make_edit("hail", take=3)))
    assert not allowance.covers(plan(RAIN, make_chain("after", "rain")))


def test_a_budget_is_agreed_to_once() -> None:
    """With a budget the first yes stands for all of it."""
    allowance = Allowance(1.0)
    assert not allowance.covers(plan(RAIN))
    allowance.agree(plan(RAIN))
    assert allowance.covers(plan(SNOW))


def test_beyond_the_budget_is_refused_with_figures() -> None:
    """What was spent, what is left, and what the plan may cost; prices that nobody knows keep no
    budget.
    """
    cost = plan(RAIN).total(Action.RENDER).price
    assert cost is not None
    allowance = Allowance(cost + 0.5)
    allowance.check(plan(RAIN), NOTHING)
    allowance.check(plan(RAIN), Sum(1, 5.0, 0.5, 0.0))
    with pytest.raises(BudgetExceeded) as told:
        allowance.check(plan(RAIN), Sum(2, 10.0, 0.6, 0.0))
    assert (
        f"the plan may cost {cost:.2f} USD; 0.60 of {cost + 0.5:.2f} were spent in this watch"
        in (told.value.message)
    )
    with pytest.raises(BudgetExceeded, match="price is not known"):
        allowance.check(plan(RAIN, prices=False), NOTHING)
    with pytest.raises(BudgetExceeded, match=r"5\.0 billable seconds"):
        allowance.check(plan(RAIN), Sum(1, 5.0, 0.0, 5.0))
    Allowance(None).check(plan(RAIN, prices=False), NOTHING)

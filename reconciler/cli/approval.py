"""The question before money is spent."""

from __future__ import annotations

import sys
from collections.abc import Callable

from reconciler.apply.outcome import Stop
from reconciler.cli import screen
from reconciler.cli.signals import end_question_on_signal
from reconciler.errors import UsageError
from reconciler.plan.step import Action, Plan
from reconciler.report.money import describe_cost


def make_approval(
    approver: str, stop: Stop, *, agreed: str, as_json: bool
) -> Callable[[Plan], str]:
    """Make the function that asks whether a plan may be carried out.

    It returns who said yes and how, or "" for a no. It asks nobody when the answer was `agreed`
    beforehand, in the mock realm, and when there is nothing to pay. It raises UsageError where
    there is nobody to ask.
    """

    def approve(plan: Plan) -> str:
        cost = plan.total(Action.RENDER, Action.WAIT)
        if agreed or plan.realm == "mock" or not cost.billable_s:
            return f"{approver}, {agreed or 'nothing to pay'}"
        if as_json or not sys.stdin.isatty():
            raise UsageError(
                "there is nobody to ask before money is spent.",
                hint="Say --auto-approve, best with --max-cost.",
            )
        question = f"Do you want to spend at most {describe_cost(cost, plan.currency)}?"
        with end_question_on_signal(stop) as wake_fd:
            confirmed = screen.confirm(question, wake_fd)
        return f"{approver}, typed yes" if confirmed else ""

    return approve

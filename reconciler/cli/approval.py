"""The question before money is spent."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.apply.outcome import Stop
from reconciler.cli import screen
from reconciler.cli.signals import _handled_by
from reconciler.errors import UsageError
from reconciler.plan.step import Action, Plan
from reconciler.project import Project
from reconciler.report.money import describe_cost


def _approval(project: Project, stop: Stop, agreed: str, *, as_json: bool) -> Callable[[Plan], str]:
    """Asks, unless it was `agreed` before; gives who said yes and how, or nothing.

    In the mock realm nothing is spent and nothing is asked.
    """

    approver = project.config.approver

    def approve(plan: Plan) -> str:
        spends = plan.total(Action.RENDER, Action.WAIT)
        if agreed or plan.realm == "mock" or not spends.billable_s:
            return f"{approver}, {agreed or 'nothing to pay'}"
        if as_json or not sys.stdin.isatty():
            raise UsageError(
                "there is nobody to ask before money is spent.",
                hint="Say --auto-approve, best with --max-cost.",
            )
        what = describe_cost(spends, plan.currency)
        with _heard_at_once(stop) as wake:
            said_yes = screen.confirmed(f"Do you want to spend at most {what}?", wake)
        return f"{approver}, typed yes" if said_yes else ""

    return approve


@contextmanager
def _heard_at_once(stop: Stop) -> Iterator[int]:
    """While a question waits for its answer the event loop hears nothing; a signal then ends the
    question itself.

    Gives a file descriptor that is readable once there was a signal: one that comes just before the
    terminal is read would otherwise wait with it.
    """
    wake, woken = os.pipe()
    os.set_blocking(woken, False)

    def heard(which: int, _frame: object) -> None:
        stop.request(signal.Signals(which).name)
        raise KeyboardInterrupt

    # not the loop's, which would hear the same signal as a second one
    before_fd = signal.set_wakeup_fd(woken)
    try:
        with _handled_by(heard):
            yield wake
    finally:
        signal.set_wakeup_fd(before_fd)
        os.close(wake)
        os.close(woken)

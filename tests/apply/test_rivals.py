"""What a turn does for a key that somebody has been at work on: an order that is run again pays for
nothing that its plan has not seen.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.apply.context import NeedsPerson, TaskFailed
from reconciler.apply.outcome import NotTried
from reconciler.apply.rivals import find_theirs
from reconciler.apply.work import Work
from reconciler.desired.job import Job
from reconciler.state.observed import Attempt, History, State

KEY = "k" * 64
SENT, FOLLOWED = "sent", "followed"


def make_attempt(state: State) -> Attempt:
    return Attempt("last", KEY, "live studio m", "ball", state, "live", 0.0, task_id="t-1")


def make_context(attempt: Attempt) -> Any:
    async def run_blocking(function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    history = {KEY: History((attempt,))}
    return SimpleNamespace(
        ledger=SimpleNamespace(find_history=lambda _keys, now: history if now == 0.0 else {}),
        store=SimpleNamespace(find_first=lambda _key: None),
        clock=SimpleNamespace(now=lambda: 0.0),
        run_blocking=run_blocking,
        is_here=lambda _attempt: True,
    )


OUTCOMES = [
    # the last attempt, whether the plan knew it, whether it is paid again, and what is done
    (State.NOT_SENT, False, False, SENT),
    (State.CANCELED, False, False, SENT),
    (State.FAILED, True, False, SENT),
    (State.FAILED, False, False, TaskFailed),
    (State.EXPIRED, True, False, SENT),
    (State.EXPIRED, False, False, NotTried),
    (State.LOST, False, False, NotTried),
    (State.REJECTED, True, False, SENT),
    (State.REJECTED, False, False, NotTried),
    (State.ABANDONED, False, False, NotTried),
    (State.SUBMITTED, True, False, FOLLOWED),
    (State.SUCCEEDED, True, False, FOLLOWED),
    (State.SUCCEEDED, True, True, SENT),
    (State.SUCCEEDED, False, True, FOLLOWED),
    (State.UNDECIDED, True, False, NeedsPerson),
]


@pytest.mark.parametrize(("state", "is_known", "is_lost", "outcome"), OUTCOMES)
async def test_a_turn_goes_past_what_its_plan_knew(
    state: State, is_known: bool, is_lost: bool, outcome: Any
) -> None:
    """And past nothing that came later, however often it is run."""
    work = Work(
        Job(KEY, {}),
        "ball",
        "m",
        after="last" if is_known else "earlier",
        loses="last" if is_lost else None,
    )
    context = make_context(make_attempt(state))
    if outcome == SENT:
        assert await find_theirs(context, work) is None
    elif outcome == FOLLOWED:
        assert await find_theirs(context, work) == "last"
    else:
        with pytest.raises(outcome):
            await find_theirs(context, work)

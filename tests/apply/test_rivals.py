"""What a turn does for a key that somebody has been at work on: an order that is run again pays for
nothing that its plan has not seen.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.apply.carry import Again
from reconciler.apply.context import SUBMIT_TRIES, NeedsPerson, TaskFailed
from reconciler.apply.executor import Executor
from reconciler.apply.outcome import NotTried
from reconciler.apply.rivals import find_theirs
from reconciler.apply.work import Work
from reconciler.desired.job import Job
from reconciler.errors import LedgerError
from reconciler.state.ledger import KeyTaken, MovedOn
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


class Others:
    """Somebody else is always faster; in the end the result is there."""

    def __init__(self, cause: LedgerError, turns: int) -> None:
        self.cause, self.left, self.turns = cause, turns, 0

    async def carry(self, _work: Work, **_options: bool) -> Any:
        self.turns, self.left = self.turns + 1, self.left - 1
        return Again(self.cause) if self.left else "carried"


async def bring_home(others: Others) -> Any:
    """What an executor makes of it."""

    async def outlast(call: Any) -> Any:
        return await call()

    async def sleep(_seconds: float) -> None: ...

    executor: Any = object.__new__(Executor)
    executor._carriage = others
    executor._context = SimpleNamespace(outlast=outlast, clock=SimpleNamespace(sleep=sleep))
    step: Any = SimpleNamespace(action=None, billed_at_end=False)
    return await executor._bring_home(None, step)


async def test_a_job_that_others_settle_again_and_again_is_left_to_the_next_apply() -> None:
    """It is no fault of the ledger, and what is said names what happened."""
    others = Others(MovedOn("its request was settled by another process."), turns=1000)
    with pytest.raises(NotTried, match=r"5 times in a row: its request was settled by another"):
        await bring_home(others)
    assert others.turns == SUBMIT_TRIES


async def test_a_job_that_others_render_is_waited_for_as_long_as_it_takes() -> None:
    assert await bring_home(Others(KeyTaken("it is rendered by another."), turns=50)) == "carried"

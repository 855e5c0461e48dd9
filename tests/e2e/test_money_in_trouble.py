"""The day's budget and the books when things go wrong: never less than the server's bill, and in
the end exactly it.
"""

from __future__ import annotations

import functools
from typing import Any

import httpx
import pytest

from reconciler.apply.outcome import Stop
from reconciler.apply.settle import LOOK_AGAIN_S
from reconciler.config import Variables
from reconciler.errors import BudgetExceeded, LedgerError
from reconciler.formats.secret import Secret
from reconciler.history.spending import Fate, add_up, group_lines
from reconciler.plan.decide import PlanOptions
from reconciler.project import Project
from reconciler.service.retry import UNKNOWN_LOOKS
from reconciler.state.ledger import SqliteLedger
from reconciler.state.observed import State
from tests.e2e.bench import CREATE, FETCH, Bench, Trouble, lost_after, lost_before
from tests.e2e.test_history import made_by_hand
from tests.e2e.test_money import DAY_S, PRICES, billed_s, fates
from tests.e2e.test_trouble import Killed, killed, unknown_to_the_service

PLANNED_S = 20.0  # of one edit of the bench: a video of unknown length in, and one out


def spent_today_s(bench: Bench) -> float:
    """Billable seconds that count against the budget of today."""
    (day,) = bench.project().add_up_today()
    return day.spent.billable_s


def spent_s(bench: Bench) -> float:
    """Billable seconds that count as spent on any day."""
    return add_up(bench.project().cost().spending.paid).billable_s


@pytest.fixture
def budgeted(bench: Bench) -> Bench:
    """A project that may spend 3.00 USD a day: one edit as it is planned, and not two."""
    bench.write_project(prices=PRICES, budget={"per_day": 3})
    bench.edit("rain")
    return bench


async def test_a_kill_between_intent_and_answer(budgeted: Bench) -> None:
    """The request counts at once as what it may cost, also in the next run, and once it is found as
    what it did.
    """
    budgeted.network.trouble = [Trouble(*CREATE, killed)]
    with pytest.raises(Killed):
        await budgeted.apply()
    assert spent_today_s(budgeted) == PLANNED_S > billed_s(budgeted)
    budgeted.edit("snow", "make it snow")
    with pytest.raises(BudgetExceeded, match=r"2[.]00 of 3[.]00 were spent today"):
        await budgeted.apply()
    assert budgeted.creates() == 1
    await budgeted.apply(options=PlanOptions(target=("rain",)))
    assert spent_today_s(budgeted) == billed_s(budgeted) > 0
    assert budgeted.creates() == 1


@pytest.mark.parametrize("trouble", [lost_after, lost_before])
async def test_a_lost_answer(budgeted: Bench, trouble: Any) -> None:
    """Whether it had arrived or not: one task is billed, and one is counted."""
    budgeted.network.trouble = [Trouble(*CREATE, trouble)]
    assert (await budgeted.apply()).exit_code == 0
    assert spent_today_s(budgeted) == billed_s(budgeted) > 0
    assert budgeted.billed_tasks() == budgeted.creates() == 1
    assert fates(budgeted.project().cost()) == {"in use": billed_s(budgeted)}


async def test_a_stray(budgeted: Bench) -> None:
    """A request that arrives after it was given up counts from the second look on, beside what took
    its place.
    """
    held_back: list[Any] = []

    async def late(request: httpx.Request, send: Any) -> httpx.Response:
        copy = httpx.Request(
            "POST", request.url, headers=request.headers, content=await request.aread()
        )
        held_back.append(functools.partial(send, copy))
        raise httpx.ReadTimeout("no answer", request=request)

    budgeted.network.trouble = [Trouble(*CREATE, late)]
    assert (await budgeted.apply()).exit_code == 0
    assert spent_today_s(budgeted) == billed_s(budgeted)
    response = await held_back[0]()
    await response.aread()
    budgeted.virtual.advance(LOOK_AGAIN_S)
    await budgeted.apply()
    account = budgeted.project().cost()
    assert account.spending.of(Fate.STRAY).count == 1
    # what a stray was billed nobody asks
    assert (spent_today_s(budgeted), billed_s(budgeted)) == (30.0, 20.0)
    budgeted.project().resolve("rain")
    assert spent_today_s(budgeted) == 30.0


async def test_a_task_that_was_made_by_hand(budgeted: Bench) -> None:
    """It counts from the moment it is taken over, as the service has billed it; collecting it
    changes nothing.
    """
    task_id = await made_by_hand(budgeted)
    assert spent_today_s(budgeted) == 0.0
    await budgeted.project().import_task("rain", task_id)
    assert spent_today_s(budgeted) == billed_s(budgeted) > 0
    await budgeted.apply()
    assert spent_today_s(budgeted) == billed_s(budgeted)
    assert budgeted.creates() == 1


async def test_a_task_made_by_hand_that_still_runs(budgeted: Bench) -> None:
    """Nobody knows yet what it will be billed: it counts as what the edit may cost."""
    budgeted.server.scenarios.add({"by_hand": True})
    task_id = await asked_by_hand(budgeted)
    assert await budgeted.project().import_task("rain", task_id) == "RUNNING"
    assert spent_today_s(budgeted) == PLANNED_S > billed_s(budgeted)


async def asked_by_hand(bench: Bench) -> str:
    """The id of a task that somebody asked for without this program, and that runs."""
    task_id = await bench.ask_by_hand("make it rain", resolution="720P")
    bench.virtual.advance(5)
    return task_id


async def test_a_failure_that_is_tried_again(budgeted: Bench) -> None:
    """What the service failed is free; only the second attempt is billed, and counted."""
    budgeted.server.scenarios.add(
        {"when": {"nth": 1}, "then": "fail", "code": "InternalError.Algo"}
    )
    assert (await budgeted.apply()).exit_code == 0
    assert budgeted.creates() == 2
    assert spent_today_s(budgeted) == billed_s(budgeted) > 0
    assert add_up(budgeted.project().cost().spending.paid).count == budgeted.billed_tasks() == 1


async def test_a_task_that_failed_is_free(budgeted: Bench) -> None:
    """A verdict of the service costs nothing, and leaves the budget for something else."""
    budgeted.server.scenarios.add(
        {"when": {"prompt": "make it rain"}, "then": "fail", "code": "DataInspectionFailed"}
    )
    assert (await budgeted.apply()).exit_code == 4
    assert spent_today_s(budgeted) == billed_s(budgeted) == 0.0
    budgeted.edit("snow", "make it snow")
    await budgeted.apply()
    assert budgeted.output("snow").is_file()
    assert spent_today_s(budgeted) == billed_s(budgeted) > 0


async def test_a_person_sends_again_what_had_a_task(budgeted: Bench) -> None:
    """The service once gave the task an id, and it may well be billed: it goes on counting beside
    the new one.
    """
    budgeted.network.trouble = [Trouble(*FETCH, unknown_to_the_service, times=UNKNOWN_LOOKS)]
    assert (await budgeted.apply()).exit_code == 5
    assert spent_today_s(budgeted) == PLANNED_S
    budgeted.project().resolve("rain", retry=True)
    budgeted.write_project(prices=PRICES, budget={"per_day": 100})
    assert (await budgeted.apply()).exit_code == 0
    assert (budgeted.billed_tasks(), billed_s(budgeted)) == (2, 20.0)
    assert spent_today_s(budgeted) == PLANNED_S + 10.0


async def test_a_day_that_ends_during_an_apply(budgeted: Bench) -> None:
    """A request belongs to the day on which its intent was written, whenever its answer comes or it
    is billed.
    """
    midnight = (budgeted.virtual.now() // DAY_S + 1) * DAY_S
    budgeted.virtual.advance(midnight - budgeted.virtual.now() - 1)

    async def over_midnight(request: httpx.Request, send: Any) -> httpx.Response:
        budgeted.virtual.advance(10)
        response: httpx.Response = await send(request)
        return response

    budgeted.write_project(prices=PRICES, budget={"per_day": 5})
    budgeted.edit("snow", "make it snow")
    budgeted.network.trouble = [Trouble(*CREATE, over_midnight)]
    assert (await budgeted.apply()).exit_code == 0
    spending = budgeted.project().cost().spending
    days = [(day, each.billable_s) for day, each in group_lines(spending.paid, "day")]
    assert days == [("2026-01-01", 10.0), ("2026-01-02", 10.0)]
    assert billed_s(budgeted) == spent_s(budgeted) == 20.0
    assert spent_today_s(budgeted) == 10.0


async def test_environments_that_share_a_job(budgeted: Bench) -> None:
    """It is paid once, by the environment that asked first; the other one has it free, and its
    budget is whole.
    """
    budgeted.write_project(
        prices=PRICES, budget={"per_day": 3},
        environments={"draft": {"budget": {"per_day": 2}}, "final": {"budget": {"per_day": 2}}},
    )  # fmt: skip

    def project(environment: str) -> Project:
        variables = Variables(Secret("sk-mock"), budgeted.server.url, "", environment)
        return Project.open(
            budgeted.root, variables=variables, clock=budgeted.clock, transport=budgeted.network
        )

    assert (await budgeted.apply(project("draft"))).exit_code == 0
    assert (await budgeted.apply(project("final"))).exit_code == 0
    assert (await budgeted.apply(project("draft"))).exit_code == 0
    assert budgeted.creates() == 1
    spent = {
        day.name: day.spent.billable_s
        for each in ("draft", "final")
        for day in project(each).add_up_today()
    }
    assert spent == {
        "budget.per_day": billed_s(budgeted),
        "environments.draft.budget.per_day": billed_s(budgeted),
        "environments.final.budget.per_day": 0.0,
    }
    spending = project("final").cost().spending
    assert [(line.environment, line.billable_s) for line in spending.saved] == [
        ("final", billed_s(budgeted))
    ]


async def test_a_budget_is_for_everything_that_runs_at_once(budgeted: Bench) -> None:
    """A request in flight counts as what it may cost, so that a second edit beside it is
    refused.
    """
    budgeted.server.scenarios.add({"by_hand": True})
    stop = Stop()
    await budgeted.apply(
        observe=lambda event: stop.request("SIGINT") if event.task_id else None, stop=stop
    )
    assert spent_today_s(budgeted) == PLANNED_S
    budgeted.edit("snow", "make it snow")
    with pytest.raises(BudgetExceeded):
        await budgeted.apply()
    assert budgeted.creates() == 1


async def test_a_result_that_the_ledger_has_not_heard_of_yet(
    budgeted: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored, and SUCCEEDED cannot be written: the edit holds what it paid for, and nothing
    was saved.
    """
    end = SqliteLedger.end

    def no_room(ledger: SqliteLedger, attempt_id: str, state: State, **fields: Any) -> None:
        if state is State.SUCCEEDED:
            raise LedgerError("the disk is full.")
        end(ledger, attempt_id, state, **fields)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteLedger, "end", no_room)
        assert (await budgeted.apply()).exit_code != 0
    assert (await budgeted.apply()).exit_code == 0
    account = budgeted.project().cost()
    assert account.spending.saved == ()
    assert fates(account) == {"in use": billed_s(budgeted)}

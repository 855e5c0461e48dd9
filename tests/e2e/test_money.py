"""What was spent, saved and wasted: the ledger's books against the server's bill; and budgets of a
day.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Variables
from reconciler.errors import BudgetExceeded
from reconciler.formats.secret import Secret
from reconciler.history.cost import CostReport
from reconciler.history.spending import Fate, add_up, group_lines
from reconciler.plan.step import Action
from reconciler.project import Project
from reconciler.report.cost import write_cost
from reconciler.state.ledger import SqliteLedger
from reconciler.state.ledger.sql.schema import STEPS
from tests.e2e.bench import CREATE, Bench, Trouble, lost_after

DAY_S = 24 * 3600
GOLDEN = Path(__file__).parents[1] / "golden"
PRICES = {
    "currency": "USD",
    "models": {"wan2.7-videoedit": {"720P": 0.1, "1080P": 0.15}, "wan2.1-vace-plus": 0.1},
}


def billed_s(bench: Bench) -> float:
    """What the server says it bills."""
    return float(sum(task["billed_s"] for task in bench.server.bill()["tasks"]))


def fates(account: CostReport) -> dict[str, float]:
    """Billable seconds by fate."""
    return {
        fate.value: spent.billable_s for fate in Fate if (spent := account.spending.of(fate)).count
    }


async def test_every_paid_second_has_one_fate(bench: Bench) -> None:
    """Rendered, superseded, gone back to, shared: what the books add up to is the server's bill,
    and never more.
    """
    bench.edit("rain")
    bench.edit("twin")  # the same request: one job
    await bench.apply()
    account = bench.project().cost()
    assert add_up(account.spending.paid).billable_s == billed_s(bench) > 0
    assert fates(account) == {"in use": billed_s(bench)}
    assert [line.edit for line in account.spending.saved] == ["twin"]
    first = billed_s(bench)
    bench.edit("rain", "make it snow")
    await bench.apply()
    # the twin still asks for the first
    assert fates(bench.project().cost()) == {"in use": billed_s(bench)}
    bench.edit("twin", "make it hail")
    await bench.apply()
    account = bench.project().cost()
    assert fates(account) == {"in use": billed_s(bench) - first, "superseded": first}
    bench.edit("rain", "make it pour")  # until it is rendered, the edit has what it had
    assert fates(bench.project().cost()) == fates(account)
    bench.edit("rain")  # back to the first: free, and so it is worth a word
    await bench.apply()
    account = bench.project().cost()
    assert [line.edit for line in account.spending.saved] == ["twin", "rain"]
    assert fates(account)["in use"] + fates(account)["superseded"] == billed_s(bench)
    assert bench.creates() == 3
    await bench.apply()  # nothing to do is nothing to book
    assert bench.project().cost() == account


async def test_where_the_money_went(bench: Bench) -> None:
    """By edit, label, model, day; prices are those of the day it was sent, whatever the project
    file says later.
    """
    bench.edit("rain")
    bench.write(
        "snow.yaml",
        json.dumps(
            {
                "apiVersion": "cutlist/v1",
                "kind": "Edit",
                "metadata": {"name": "snow", "labels": {"campaign": "winter"}},
                "spec": {
                    "input": {
                        "prompt": "snow",
                        "media": [{"type": "video", "url": "https://clips.example/b.mp4"}],
                    },
                    "parameters": {"resolution": "1080P"},
                },
            }
        ),
    )
    await bench.apply(bench.project())
    bench.virtual.advance(DAY_S)
    bench.write_project(prices={**PRICES, "models": {"wan2.7-videoedit": 7}})
    bench.edit("rain", "make it hail")
    await bench.apply(bench.project())
    spending = bench.project().cost().spending
    seconds = {task["model"]: task["billed_s"] for task in bench.server.bill()["tasks"]}
    each_s = seconds["wan2.7-videoedit"]
    assert {name: s.price for name, s in group_lines(spending.paid, "edit")} == pytest.approx(
        {"rain": each_s * 0.1 + each_s * 7, "snow": each_s * 0.15}
    )
    assert {name: s.count for name, s in group_lines(spending.paid, "label")} == {
        "(no label)": 2,
        "campaign=winter": 1,
    }
    assert [s.count for _, s in group_lines(spending.paid, "day")] == [2, 1]
    assert [name for name, _ in group_lines(spending.paid, "model")] == ["wan2.7-videoedit"]
    later = spending.since(bench.project().cost().day)
    assert add_up(later.paid).count == 1


async def test_a_budget_of_a_day(bench: Bench) -> None:
    """What was spent today and what the plan may cost stay below it together; tomorrow is another
    day.
    """
    bench.write_project(prices=PRICES, budget={"per_day": 2.5})
    bench.edit("rain")  # at most 20 s, 2.00 USD
    await bench.apply()
    spent = billed_s(bench) * 0.1
    bench.edit("snow", "make it snow")
    with pytest.raises(
        BudgetExceeded, match=rf"{spent:.2f} of 2[.]50 were spent today [(]UTC[)]"
    ) as refused:
        await bench.apply()
    assert "budget.per_day of cutlist.yaml leaves" in str(refused.value)
    assert bench.creates() == 1
    bench.virtual.advance(DAY_S)
    await bench.apply()
    assert bench.creates() == 2


async def test_a_day_may_be_used_up_to_the_last_cent(bench: Bench) -> None:
    """0.10 and 0.20 are 0.30, whatever binary fractions make of it."""
    prices = {"currency": "USD", "models": {"wan2.7-videoedit": {"720P": 0.01, "1080P": 0.01}}}
    bench.write_project(prices=prices, budget={"per_day": 0.3})
    bench.edit("rain")
    await bench.apply()
    bench.edit("snow", "snow")
    assert [day.spent.price for day in bench.project().add_up_today()] == [0.1]
    assert bench.project().plan().total(Action.RENDER).price == 0.2
    assert (await bench.apply()).exit_code == 0


async def test_what_may_have_been_sent_counts_as_spent(bench: Bench) -> None:
    """A request whose answer was lost, and which nobody can be asked about, is in today's sum."""
    bench.write_project(prices=PRICES, budget={"per_day": 3})
    bench.edit("rain")
    bench.network.trouble = [
        Trouble(*CREATE, lost_after), Trouble("GET", "/tasks", lost_after, times=1000),
    ]  # fmt: skip
    await bench.apply()
    bench.network.trouble = []
    (day,) = bench.project().add_up_today()
    assert (day.spent.count, day.spent.price) == (1, 2.0)
    assert fates(bench.project().cost()) == {"uncertain": 20.0}


async def test_budgets_of_environments(bench: Bench) -> None:
    """An environment's day counts what it spends itself; the project's day counts all of them."""
    bench.write_project(
        prices=PRICES,
        budget={"per_day": 100},
        environments={
            "draft": {"budget": {"per_day": 2.5}},
            "final": {"parameters": {"resolution": "1080P"}},
        },
    )

    def project(environment: str) -> Project:
        variables = Variables(Secret("sk-mock"), bench.server.url, "", environment)
        return Project.open(
            bench.root, variables=variables, clock=bench.clock, transport=bench.network
        )

    bench.edit("rain")
    await bench.apply(project("final"))
    await bench.apply(project("draft"))
    names = {each.name: each.spent.count for each in project("draft").add_up_today()}
    assert names == {"environments.draft.budget.per_day": 1, "budget.per_day": 2}
    bench.edit("rain", "make it snow")
    with pytest.raises(BudgetExceeded, match=r"environments[.]draft[.]budget[.]per_day"):
        await bench.apply(project("draft"))


async def test_money_that_nobody_can_count(bench: Bench) -> None:
    """Without a price the seconds are told; a budget refuses what it cannot add up."""
    bench.write_project(prices={"currency": "USD", "models": {}})
    bench.edit("rain")
    await bench.apply()
    text = write_cost(bench.project().cost(), "edit")
    assert f"{billed_s(bench):.1f} billable seconds" in text
    bench.write_project(
        prices={"currency": "CNY", "models": PRICES["models"]}, budget={"per_day": 9}
    )
    bench.edit("snow", "make it snow")
    with pytest.raises(BudgetExceeded, match="billable seconds of today have no known price"):
        await bench.apply()


def take_back_to_version_1(path: Path) -> None:
    """What the first version of the ledger would have kept, in a file as it made them."""
    old = path.with_suffix(".old")
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.executescript(STEPS[0])
        connection.execute("attach ? as now", (str(path),))
        for table in ("tasks", "attempts", "uploads"):
            rows = connection.execute(f"select name from pragma_table_info('{table}')")
            columns = ", ".join(name for (name,) in rows)
            connection.execute(f"insert into {table} select {columns} from now.{table}")
        connection.execute("pragma user_version = 1")
        connection.commit()
    for each in path.parent.glob("ledger.db*"):
        each.unlink()
    old.rename(path)


async def test_books_of_an_earlier_ledger(bench: Bench) -> None:
    """A ledger from before there were books keeps what it knew; what it paid is counted at today's
    price.
    """
    bench.edit("rain")
    await bench.apply()
    path = bench.project().config.state_dir / "ledger.db"
    take_back_to_version_1(path)
    account = bench.project().cost()
    assert add_up(account.spending.paid).price == pytest.approx(billed_s(bench) * 0.1)
    bench.edit("rain", "make it snow")
    await bench.apply()
    ledger = SqliteLedger.open_readonly(path)
    assert ledger is not None
    assert [entry.booking is None for entry in ledger.books.entries()] == [True, False]
    ledger.close()


async def test_golden(bench: Bench, golden: Callable[[Path, str], None]) -> None:
    """What people and programs read."""
    bench.write_project(prices=PRICES, budget={"per_day": 20})
    bench.edit("rain")
    bench.edit("twin")
    await bench.apply()
    bench.edit("rain", "make it snow")
    bench.edit("twin", "make it snow")
    await bench.apply()
    bench.virtual.advance(DAY_S)
    bench.edit("hail", "make it hail")
    await bench.apply()
    account: Any = bench.project().cost()
    golden(GOLDEN / "cost.txt", write_cost(account, "day"))
    golden(GOLDEN / "cost-by-edit.txt", write_cost(account, "edit"))
    golden(GOLDEN / "cost.json", json.dumps(account.to_json(), indent=1) + "\n")


async def test_nothing_spent(bench: Bench) -> None:
    """Nothing is one line."""
    bench.edit("rain")
    assert (
        write_cost(bench.project().cost(), "day")
        == "Nothing was spent yet (realm mock, account default).\n"
    )

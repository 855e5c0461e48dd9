"""A saved plan is carried out exactly, once, without a question; or it is refused and nothing is
sent.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler import read_plan
from reconciler.errors import BudgetExceeded, PlanRefused
from reconciler.plan.decide import PlanOptions
from reconciler.plan.saved import read_saved_plan
from reconciler.plan.step import Action
from reconciler.report.plan import write_plan
from reconciler.system import shipped
from tests.e2e.bench import CREATE, Bench, Trouble, answer, lost_after, lost_before, through


def saved(bench: Bench, options: PlanOptions = PlanOptions()) -> Path:  # noqa: B008  (frozen)
    """The file of a plan."""
    path = bench.root / "night.plan"
    bench.project().save(path, options)
    return path


async def test_it_is_carried_out_once(bench: Bench) -> None:
    """A chain is rendered as planned; the second time it is refused before any request."""
    bench.edit("a")
    bench.edit("b", url="edit://a")
    path = saved(bench)
    report = await bench.apply(saved=read_plan(path))
    assert (report.exit_code, report.done(Action.RENDER)) == (0, 2)
    before = len(bench.network.requests)
    with pytest.raises(PlanRefused, match="applied already"):
        await bench.apply(saved=read_plan(path))
    assert len(bench.network.requests) == before
    assert bench.billed_tasks() == 2


async def test_it_keeps_to_its_target(bench: Bench) -> None:
    """The options of the plan are those of its apply; an edit that is left out may change."""
    bench.edit("a")
    bench.edit("b", prompt="snow")
    path = saved(bench, PlanOptions(target=("a",)))
    bench.edit("b", prompt="hail")
    report = await bench.apply(saved=read_plan(path))
    assert (report.exit_code, bench.billed_tasks(), report.plan.left_out) == (0, 1, 1)


async def test_a_result_that_appeared_makes_it_stale(bench: Bench) -> None:
    """Somebody else has applied meanwhile: nothing is paid twice, and it is said what moved."""
    bench.edit("a")
    path = saved(bench)
    await bench.apply()
    before = len(bench.network.requests)
    with pytest.raises(PlanRefused, match="a: a result appeared"):
        await bench.apply(saved=read_plan(path))
    assert len(bench.network.requests) == before


async def test_a_failure_uses_it_up(bench: Bench) -> None:
    """An apply that failed was the one apply of its plan; what is left is in a new plan."""
    bench.edit("a")
    path = saved(bench)
    bench.network.trouble = [Trouble(*CREATE, answer(400, code="InvalidParameter", message="no"))]
    assert (await bench.apply(saved=read_plan(path))).exit_code == 4
    with pytest.raises(PlanRefused, match="applied already"):
        await bench.apply(saved=read_plan(path))


async def test_a_budget_is_held_and_does_not_use_it_up(bench: Bench) -> None:
    """--max-cost refuses before the first request; the plan may be applied after that."""
    bench.edit("a")
    path = saved(bench)
    with pytest.raises(BudgetExceeded):
        await bench.apply(saved=read_plan(path), max_cost=0.01)
    assert bench.network.requests == []
    assert (await bench.apply(saved=read_plan(path))).exit_code == 0


@pytest.mark.parametrize("arrived", [True, False])
async def test_what_was_open_is_settled_and_never_paid_beyond_the_plan(
    bench: Bench, arrived: bool
) -> None:
    """Planned as `settle`, free: when the request turns out not to have arrived, it is not sent
    without a new plan.
    """
    bench.edit("a")
    unasked = Trouble("GET", "/tasks", answer(500, code="InternalError", message="oops"), times=99)
    before = Trouble("GET", "/tasks", through)  # the list is read once before anything is sent
    lost = Trouble(*CREATE, lost_after if arrived else lost_before)
    bench.network.trouble = [before, lost, unasked]
    await bench.apply()
    bench.network.trouble = []
    assert bench.project().plan().summary["settle"] == 1
    plan = read_plan(saved(bench))
    creates = bench.creates()
    if arrived:
        assert (await bench.apply(saved=plan)).exit_code == 0
        assert bench.billed_tasks() == 1
    else:
        with pytest.raises(PlanRefused, match="a would have to be rendered"):
            await bench.apply(saved=plan)
    assert bench.creates() == creates


async def test_manifests_saved_while_open_requests_are_settled_wait(bench: Bench) -> None:
    """What is rendered is what was compared with the saved plan, and not what a manifest says a
    second later.
    """
    bench.edit("open", prompt="open")
    unasked = Trouble("GET", "/tasks", answer(500, code="InternalError", message="oops"), times=99)
    bench.network.trouble = [Trouble(*CREATE, lost_after), unasked]
    await bench.apply()
    bench.edit("a", prompt="short")
    plan = read_plan(saved(bench))
    agreed = next(step.key for step in plan.plan.steps if step.name == "a")

    async def save_meanwhile(request: Any, send: Any) -> Any:
        bench.edit("a", prompt="something quite different")
        return await send(request)

    bench.network.trouble = [Trouble("GET", "/tasks", save_meanwhile)]
    report = await bench.apply(saved=plan)
    assert (report.exit_code, report.outcomes["a"].step.key) == (0, agreed)
    assert bench.project().plan().summary["render"] == 1  # what was saved meanwhile


async def test_the_file(bench: Bench) -> None:
    """For its owner's eyes, as its schema says, without a secret; what it shows is what the plan
    showed.
    """
    bench.edit("a", url="https://clips.example/a.mp4?Signature=hush&Expires=1")
    bench.edit("b", url="edit://a", model="wan2.7-videoedit", parameters={"resolution": "1080P"})
    path = saved(bench)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert "hush" not in text
    assert "Signature" not in text
    assert "sk-mock" not in text
    document = json.loads(text)
    jsonschema.validate(document, shipped.read_schema("saved-plan"))
    jsonschema.validate(document["plan"], shipped.read_schema("plan"))
    made = bench.project().plan()
    assert document["plan"] == made.to_json()
    assert write_plan(read_saved_plan(document)) == write_plan(made)
    bench.project().save(path)  # over itself
    assert json.loads(path.read_text())["id"] != document["id"]


async def test_prices_that_nobody_knows(bench: Bench) -> None:
    """A plan without prices can be saved, shown and applied; one that becomes known makes
    it stale.
    """
    bench.write_project(prices={"currency": "USD", "models": {}})
    bench.edit("a")
    plan = read_plan(saved(bench))
    assert write_plan(plan.plan) == write_plan(bench.project().plan())
    bench.write_project()
    with pytest.raises(PlanRefused, match="was not known and is"):
        await bench.apply(saved=plan)

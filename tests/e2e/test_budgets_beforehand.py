"""What a budget would refuse is told by whoever asks beforehand, below the plan; and the plan is
shown also where it is refused.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.errors import BudgetExceeded
from reconciler.plan.step import Plan
from reconciler.system import shipped
from tests.e2e.bench import Bench
from tests.repository import Repository
from tests.workspace import PROJECT, Said, Workspace

REFUSED = "! `cutlist apply` would refuse this (exit 6): the plan may cost 0.80 USD; "
LIMITS = {
    "per_apply": (
        "  budget: {per_apply: 0.5}\n",
        [],
        "budget.per_apply of cutlist.yaml allows 0.50.",
    ),
    "per_day": (
        "  budget: {per_day: 0.7}\n",
        [],
        "0.00 of 0.70 were spent today (UTC), and budget.per_day of cutlist.yaml leaves 0.70.",
    ),
    "of an environment": (
        "  environments: {draft: {budget: {per_apply: 0.1}}}\n",
        ["--env", "draft"],
        "environments.draft.budget.per_apply of cutlist.yaml allows 0.10.",
    ),
    "--max-cost": ("", ["--max-cost", "0.5"], "--max-cost allows 0.50."),
}


@pytest.fixture
def film(workspace: Workspace, media: Path) -> Workspace:
    """Two edits of 0.40 USD each."""
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    workspace.edit("snow")
    return workspace


def plain(said: Said) -> str:
    return " ".join(html.unescape(said.out).split())


@pytest.mark.parametrize("case", LIMITS)
def test_a_plan_says_what_would_be_refused(film: Workspace, case: str) -> None:
    """In text, Markdown and JSON, and where it is saved; the exit code is 6 only where that was
    asked for.
    """
    budget, arguments, why = LIMITS[case]
    film.write("cutlist.yaml", PROJECT + budget)
    asked = 6 if "--max-cost" in arguments else 0
    for form in ([], ["--markdown"], ["--out", "night.plan"]):
        said = film.run("plan", *arguments, *form)
        assert REFUSED + why in plain(said)
        assert said.code == asked
    said = film.run("plan", *arguments, "--json")
    document = json.loads(said.out)
    jsonschema.validate(document, shipped.read_schema("plan"))
    (held,) = document["budgets"]
    assert (held["refuses"], held["reason"]) == (True, "the plan may cost 0.80 USD; " + why)
    assert "budgets" not in json.loads((film.root / "night.plan").read_text())["plan"]
    assert film.run("plan", *arguments, "--detailed-exitcode").code == 6


@pytest.mark.parametrize("case", LIMITS)
def test_apply_shows_the_plan_that_it_refuses(film: Workspace, case: str) -> None:
    """The plan stands above the refusal, as text and as JSON; nothing is sent and nothing kept."""
    budget, arguments, why = LIMITS[case]
    film.write("cutlist.yaml", PROJECT + budget)
    said = film.run("apply", *arguments)
    assert said.code == 6
    assert "Plan: 2 to render, 0 to write, 0 to prune; 0 unchanged." in said.out
    assert f"the plan may cost 0.80 USD; {why}" in " ".join(said.err.split())
    (line,) = film.run("apply", *arguments, "--json").out.splitlines()
    event = json.loads(line)
    assert (event["event"], event["budgets"][0]["refuses"]) == ("plan", True)
    assert not (film.root / "renders").exists()


def test_what_is_kept_says_nothing(film: Workspace) -> None:
    """A plan within its limits has no word about them but what is left of the day, exit code 2
    for changes as ever, and 0 for --max-cost; nor is a plan without changes refused.
    """
    film.write("cutlist.yaml", PROJECT + "  budget: {per_apply: 0.8, per_day: 0.8}\n")
    said = film.run("plan", "--max-cost", "0.8")
    assert (said.code, "refuse" in said.out) == (0, False)
    assert "Today: 0.00 of 0.80 USD (budget.per_day" in said.out
    assert film.run("plan", "--detailed-exitcode", "--max-cost", "0.8").code == 2
    held = json.loads(film.run("plan", "--max-cost", "1", "--json").out)["budgets"]
    assert [(each["name"], each["per"], each["limit"], each["refuses"]) for each in held] == [
        ("budget.per_apply", "apply", 0.8, False),
        ("--max-cost", "apply", 1.0, False),
        ("budget.per_day", "day", 0.8, False),
    ]
    nothing = film.run("plan", "--refresh-only", "--max-cost", "0", "--detailed-exitcode")
    assert (nothing.code, "refuse" in nothing.out) == (0, False)


def test_an_unknown_price_keeps_no_limit(film: Workspace) -> None:
    """It is told as what it is, with the name of what has no price, and never counts as 0."""
    film.write("cutlist.yaml", PROJECT.replace("720P: 0.10, ", ""))
    said = film.run("plan", "--max-cost", "1000")
    why = "`prices` of cutlist.yaml names none for wan2.7-videoedit 720P"
    assert f"--max-cost is 1000.00, and the plan has work whose price is not known ({why})." in (
        plain(said)
    )
    assert "4.0 s billable, price not known here" in said.out
    assert (said.code, film.run("apply", "--max-cost", "1000").code) == (6, 6)


def test_what_a_pull_request_would_break(film: Workspace) -> None:
    """`diff` holds what a change brings against the same limits."""
    film.write("cutlist.yaml", PROJECT + "  budget: {per_apply: 0.3}\n")
    repository = Repository(film.root)
    repository.commit("base", "cutlist.yaml", "specs")
    film.edit("rain", parameters={"resolution": "720P", "seed": 5})
    why = "the plan may cost 0.40 USD; budget.per_apply of cutlist.yaml allows 0.30."
    for form in ([], ["--markdown"]):
        said = film.run("diff", "HEAD", *form)
        assert (said.code, why in plain(said)) == (0, True)
    document = json.loads(film.run("diff", "HEAD", "--json").out)
    jsonschema.validate(document, shipped.read_schema("diff"))
    assert [each["reason"] for each in document["budgets"]] == [why]
    assert film.run("diff", "HEAD", "--detailed-exitcode").code == 6
    film.write("cutlist.yaml", PROJECT)
    assert film.run("diff", "HEAD", "--max-cost", "0.39").code == 6
    assert film.run("diff", "HEAD", "--max-cost", "0.40").code == 0


async def test_a_plan_is_the_same_whatever_was_spent(bench: Bench) -> None:
    """What today has cost stands below a plan: the plan itself is the same to the byte, and what
    the limits say of it is not.
    """
    bench.write_project(budget={"per_day": 3.0})
    bench.edit("rain")
    await bench.apply()
    bench.edit("snow", "make it snow")
    project = bench.project()
    before = project.plan()
    refused: list[bool] = []
    for budget in (3.0, 2.5):
        bench.write_project(budget={"per_day": budget})
        project = bench.project()
        assert project.plan() == before
        refused.append(any(each.refusal for each in project.check_budgets(project.plan())))
    assert refused == [False, True]


async def test_a_refused_apply_has_shown_its_plan(bench: Bench) -> None:
    """Whoever calls the program from Python sees it, too, and is not asked."""
    bench.edit("rain")
    shown: list[Plan] = []

    def asked(_plan: Plan) -> bool:
        raise AssertionError("asked about what is refused")

    with pytest.raises(BudgetExceeded):
        await bench.apply(show=shown.append, approve=asked, max_cost=0.0)
    assert [plan.summary["render"] for plan in shown] == [1]
    assert bench.creates() == 0


@pytest.mark.parametrize("command", [["plan"], ["apply"], ["diff", "HEAD"], ["watch"]])
@pytest.mark.parametrize("amount", ["nan", "inf", "-1", "lots"])
def test_what_is_no_amount(film: Workspace, command: list[Any], amount: str) -> None:
    """`nan` is more than nothing, and so would never be passed: it is refused like a word."""
    said = film.run(*command, "--max-cost", amount)
    assert (said.code, said.out) == (64, "")
    assert "--max-cost" in said.err

"""A clone with the lock file and without the store: what a change costs is told as where the store
is, and never as nothing.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler import Project, read_plan
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action, Plan
from reconciler.system import shipped
from tests.e2e.bench import Bench, write_video
from tests.repository import Repository
from tests.workspace import Workspace

FILES = ("cutlist.yaml", "specs", "cutlist.lock")


@pytest.fixture
async def clone(
    bench: Bench, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> tuple[Bench, Workspace]:
    """On the way rain → poster → print, all rendered and pinned, poster's prompt changed. The
    clone has what is committed and nothing else.
    """
    bench.edit("rain", url="./clip.mp4")
    write_video(bench.root / "specs/clip.mp4", 2)
    bench.edit("poster", "As a poster", url="edit://rain")
    bench.edit("print", "As a print", url="edit://poster")
    project = bench.live_project()
    await bench.apply(project)
    repository = Repository(bench.root)
    repository.commit("base", *FILES)
    bench.edit("poster", "As a drawing", url="edit://rain")
    repository.commit("head", *FILES)
    there = tmp_path / "clone"
    repository.git("clone", "--quiet", str(bench.root), str(there))
    project_file = (there / "cutlist.yaml").read_bytes()
    film = Workspace(there, capfd)
    film.write("cutlist.yaml", project_file)
    return bench, film


def diffed(film: Workspace, *arguments: str) -> Mapping[str, Any]:
    """What `diff --json` says, held to its schema."""
    said = film.run("diff", *arguments, "--json")
    assert said.code == 0, said.err
    document: dict[str, Any] = json.loads(said.out)
    jsonschema.validate(document, shipped.read_schema("diff"))
    return document


def test_a_changed_link_of_a_chain(clone: tuple[Bench, Workspace]) -> None:
    """The lock file names the digest that it builds on: key, seconds and price are those of the
    machine that has the store, in every form.
    """
    bench, film = clone
    here = diffed(film, "HEAD~1...HEAD")
    project_file = (bench.root / "cutlist.yaml").read_bytes()
    whole = Workspace(bench.root, film._capfd)
    whole.write("cutlist.yaml", project_file)
    there = diffed(whole, "HEAD~1...HEAD")
    assert here["cost"] == there["cost"]
    assert (here["cost"]["price"], here["cost"]["at_most_price"]) == (0.4, 0.8)
    assert [each["key"] for each in here["changes"]] == [each["key"] for each in there["changes"]]
    assert [each["action"] for each in here["changes"]] == ["render", "wait"]
    text = film.run("diff", "HEAD~1...HEAD").out
    assert "4.0 s billable, 0.40 USD  (specs/poster.yaml" in text
    assert "Cost: 4.0 billable seconds, 0.40 USD now, at most 0.80 USD with what waits." in text
    comment = film.run("diff", "HEAD~1...HEAD", "--markdown").out
    assert "**Cost:** 4.0 billable seconds, 0.40 USD now" in comment
    assert "nothing" not in text + comment


def test_without_a_price_the_reason_is_told(clone: tuple[Bench, Workspace]) -> None:
    """Where the project names no price it is "not known here", with what is missing; null in JSON,
    with the same words.
    """
    _, film = clone
    fields = json.loads((film.root / "cutlist.yaml").read_text())
    why = "`prices` of cutlist.yaml names none for wan2.7-videoedit 720P"
    for prices in (None, {"currency": "USD", "models": {"wan2.1-vace-plus": 0.1}}):
        spec = {**fields["spec"], "prices": prices}
        if prices is None:
            del spec["prices"]
        film.write("cutlist.yaml", json.dumps({**fields, "spec": spec}))
        cost = diffed(film, "HEAD~1...HEAD")["cost"]
        assert (cost["price"], cost["price_reason"]) == (None, f"not known here: {why}")
        for form in ([], ["--markdown"]):
            out = html.unescape(film.run("diff", "HEAD~1...HEAD", *form).out)
            said = " ".join(out.split())
            assert f"price not known here: {why}." in said
            assert "nothing" not in said
            assert "0.00" not in said


def test_what_a_plan_holds_up(clone: tuple[Bench, Workspace]) -> None:
    """An apply here could not render it, so its plan counts nothing, asks nothing and sends
    nothing, and tells what it would come to.
    """
    bench, film = clone
    project = Project.open(film.root, clock=bench.clock)
    steps = {step.name: step for step in project.plan().steps}
    assert {name: (step.action, step.stuck) for name, step in steps.items()} == {
        "rain": (Action.BLOCKED, False),
        "poster": (Action.WAIT, True),
        "print": (Action.WAIT, True),
    }
    assert steps["poster"].key is not None
    text = film.run("plan").out
    assert "later, at most 4.0 s billable, 0.40 USD" in text
    assert "Cost: nothing now; what is held up would add at most 12.0 s billable, 1.20" in text
    cost = json.loads(film.run("plan", "--json").out)["cost"]
    assert (cost["at_most_price"], cost["held_up_price"]) == (0, 1.2)
    project.save(film.root / "night.plan")
    shown = film.run("show", "night.plan").out
    assert "what is held up would add at most 12.0 s billable, 1.20" in shown
    assert _held_up(project.plan()) == _held_up(project.plan(PlanOptions(target=("print",))))
    read_plan(film.root / "night.plan")


def _held_up(plan: Plan) -> float | None:
    return plan.held_up.price


def test_a_retake_in_a_clone(clone: tuple[Bench, Workspace]) -> None:
    """What another take will cost is told, and that it has to wait for what it builds on."""
    _, film = clone
    film.run("retake", "poster")
    said = " ".join(film.run("retake", "poster").out.split())
    assert (
        "with the next apply: 4.0 s billable, 0.40 USD, once it can go on: waits for rain" in said
    )


async def test_with_repay_the_chain_is_rendered_anew(clone: tuple[Bench, Workspace]) -> None:
    """What is paid again is another video: the digest that the lock file names is not taken for
    it, and the whole chain is counted and rendered.
    """
    bench, film = clone
    bench.root = film.root
    project = bench.live_project()
    plan = project.plan(PlanOptions(repay=True))
    assert [step.action for step in plan.steps] == [Action.WAIT, Action.WAIT, Action.RENDER]
    assert (plan.total(Action.RENDER, Action.WAIT).price, plan.held_up.price) == (1.2, 0)
    before = bench.billed_tasks()
    report = await bench.apply(project, options=PlanOptions(repay=True))
    assert (report.exit_code, bench.billed_tasks() - before) == (0, 3)


async def test_a_store_that_lacks_only_the_beginning(bench: Bench) -> None:
    """The end of a chain keeps its result, free, though what it was made of is gone."""
    bench.edit("rain")
    bench.edit("poster", "As a poster", url="edit://rain")
    await bench.apply(bench.live_project())
    (rain,) = [step for step in bench.live_project().plan().steps if step.name == "rain"]
    digest = str(rain.digest)
    (bench.root / ".cutlist/live/blobs" / digest[:2] / digest).unlink()
    bench.virtual.advance(25 * 3600)
    bench.output("poster").unlink()
    actions = {step.name: step.action for step in bench.live_project().plan().steps}
    assert actions == {"rain": Action.BLOCKED, "poster": Action.WRITE}
    creates = bench.creates()
    await bench.apply(bench.live_project())
    assert bench.output("poster").is_file()
    assert bench.creates() == creates

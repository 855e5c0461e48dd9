"""Yes to a plan: exactly that plan, once, by name, and to be stopped."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from reconciler.project import Project
from tests.web.conftest import ask_for
from tests.web.stage import WHO, serve
from tests.web.test_feed import Listener
from tests.workspace import PROJECT, manifest


def _ask_for_snow(project: Path) -> None:
    (project / "specs" / "snow.yaml").write_text(manifest("snow", ask_for("Let it snow")))


async def test_yes_carries_out_that_plan(project: Path) -> None:
    """The videos arrive, everybody sees it, and the books say who said yes."""
    _ask_for_snow(project)
    async with serve(project) as page, Listener(page) as listener:
        shown = await page.post("/api/v1/plans", {}, 201)
        assert shown["plan"]["summary"]["render"] == 1 and shown["expires"]
        assert await page.get(f"/api/v1/plans/{shown['id']}") == shown
        cost = shown["plan"]["cost"]["at_most_price"]
        begun = await page.post(f"/api/v1/plans/{shown['id']}/apply", {"max_cost": cost}, 202)
        phases = []
        while (told := await listener.hear("run")).get("state") in (None, "running"):
            phases += [told["phase"]] if "phase" in told else []
        assert told["state"] == "done" and told["run"] == begun["run"]
        assert phases[-1] == "written" and "RUNNING" in phases
        assert (project / "renders" / "snow.mp4").is_file()
        run = await page.get(f"/api/v1/runs/{begun['run']}")
        assert run["report"]["rendered"] == 1 and run["who"] == WHO
        (edit,) = run["edits"]
        assert edit["price"] == pytest.approx(cost)
        record = (await page.get("/api/v1/log?edit=snow"))["records"][0]
        assert record["approved_by"] == f"{WHO}, on the page"
        used = await page.post(f"/api/v1/plans/{shown['id']}/apply", {}, 409)
        assert used["code"] == "stale_plan"


async def test_stale_plan_is_refused_in_words(project: Path) -> None:
    """What changed between looking and saying yes is not paid for."""
    _ask_for_snow(project)
    async with serve(project) as page:
        shown = await page.post("/api/v1/plans", {}, 201)
        (project / "specs" / "snow.yaml").write_text(manifest("snow", ask_for("Let it hail")))
        refused = await page.post(f"/api/v1/plans/{shown['id']}/apply", {}, 409)
        assert refused["code"] == "stale_plan"
        assert "snow" in refused["message"] and refused["hint"]
        assert not (project / "renders" / "snow.mp4").exists()


async def test_budgets_and_limits_hold(project: Path) -> None:
    """Of the request and of the project file; and nonsense is told."""
    _ask_for_snow(project)
    async with serve(project) as page:
        shown = await page.post("/api/v1/plans", {}, 201)
        path = f"/api/v1/plans/{shown['id']}/apply"
        refused = await page.post(path, {"max_cost": 0.01}, 409)
        assert refused["code"] == "over_budget"
        for amount in (-1, "1", True, []):
            assert (await page.post(path, {"max_cost": amount}, 400))["code"] == "bad_amount"
        (project / "cutlist.yaml").write_text(f"{PROJECT}  budget: {{per_apply: 0.02}}\n")
        assert (await page.post(path, {}, 409))["code"] in ("over_budget", "stale_plan")
        assert not (project / "renders" / "snow.mp4").exists()


async def test_writes_are_json_from_the_page_itself(project: Path) -> None:
    """A form of another site changes nothing, whatever it sends."""
    async with serve(project) as page:
        url = f"{page.origin}/api/v1/plans"
        async with page.session.post(url, data="a=b") as answer:
            assert answer.status == 415
        async with page.session.post(
            url, data=b"{", headers={"Content-Type": "application/json"}
        ) as answer:
            assert answer.status == 400
        async with page.session.post(url, json=[]) as answer:
            assert answer.status == 400
        async with page.session.post(url, json={"a": "b" * (1 << 17)}) as answer:
            assert answer.status == 413
        foreign = await page.post("/api/v1/plans", {}, 403, Origin="https://evil.example")
        assert foreign["code"] == "foreign_site"
        cookie = {"Authorization": "", "Cookie": "cutlist-test=a-token-of-this-test"}
        assert (await page.post("/api/v1/plans", {}, 403, **cookie))["code"] == "foreign_site"
        await page.post("/api/v1/plans", {}, 201, **cookie, Origin=page.origin)


async def test_what_is_not_there_is_told(project: Path) -> None:
    """Plans and runs of a server that was started again."""
    async with serve(project) as page:
        assert (await page.get("/api/v1/plans/x", 404))["code"] == "no_plan"
        assert (await page.post("/api/v1/plans/x/apply", {}, 404))["code"] == "no_plan"
        assert (await page.get("/api/v1/runs/x", 404))["code"] == "no_run"
        assert (await page.post("/api/v1/runs/x/stop", {}, 404))["code"] == "no_run"


async def test_what_the_system_refuses_is_told(project: Path) -> None:
    """Such as a full disk; here a file lies where the bundled server would put its folder. It is
    no fault of the program.
    """
    _ask_for_snow(project)
    folder = project / ".cutlist" / "mock" / "server"
    shutil.rmtree(folder)
    folder.write_text("in the way")
    async with serve(project) as page, Listener(page) as listener:
        shown = await page.post("/api/v1/plans", {}, 201)
        await page.post(f"/api/v1/plans/{shown['id']}/apply", {}, 202)
        while (told := await listener.hear("run")).get("state") in (None, "running"):
            pass
        assert told["state"] == "failed"
        assert str(folder) in told["message"]


async def test_yes_said_twice_at_once_is_one_run(project: Path) -> None:
    """Two clicks, or two tabs: the second is told at once, and does not wait for the first."""
    _ask_for_snow(project)
    async with serve(project) as page, Listener(page) as listener:
        shown = await page.post("/api/v1/plans", {}, 201)
        url = f"{page.origin}/api/v1/plans/{shown['id']}/apply"
        answers = await asyncio.gather(*(page.session.post(url, json={}) for _ in range(2)))
        first, second = sorted(answers, key=lambda answer: answer.status)
        assert (first.status, second.status) == (202, 409)
        assert (await second.json())["code"] == "locked"
        while (await listener.hear("run")).get("state") in (None, "running"):
            pass


async def test_one_run_at_a_time_and_it_can_be_stopped(project: Path) -> None:
    """As by Ctrl-C: what is at the service goes on there, and the next run collects it."""
    _ask_for_snow(project)
    async with serve(project) as page, Listener(page) as listener:
        shown = await page.post("/api/v1/plans", {}, 201)
        path = f"/api/v1/plans/{shown['id']}/apply"
        run = (await page.post(path, {}, 202))["run"]
        while (await listener.hear("run")).get("phase") not in ("PENDING", "RUNNING"):
            pass
        assert (await page.post(path, {}, 409))["code"] == "locked"
        assert (await page.post(f"/api/v1/runs/{run}/stop", {}, 202))["state"] == "running"
        while (told := await listener.hear("run")).get("state") in (None, "running"):
            pass
        assert told["state"] == "stopped"
        assert (await page.get(f"/api/v1/runs/{run}"))["report"]["in_flight"]
        action = {step.name: step.action for step in Project.open(project).plan().steps}["snow"]
        assert action == "resume"

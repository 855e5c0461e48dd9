"""Every environment of a project on one page: each is as if it were alone, and costs nothing while
nobody looks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.planner import Pass
from reconciler.project import Project
from tests.web.conftest import ask_for
from tests.web.stage import serve
from tests.web.test_feed import Listener
from tests.workspace import PROJECT, manifest

DRAFT = "?environment=draft"


@pytest.fixture
def film(project: Path) -> Path:
    """The rendered project, with an environment in which nothing is rendered."""
    draft = "  environments: {draft: {parameters: {resolution: 1080P}}}\n"
    (project / "cutlist.yaml").write_text(PROJECT + draft)
    return project


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The environment of each pass that is made, in their order."""
    made: list[str] = []
    run_pass = Project.run_pass

    def note(project: Project) -> Pass:
        made.append(project.config.environment)
        return run_pass(project)

    monkeypatch.setattr(Project, "run_pass", note)
    return made


def change(film: Path, prompt: str) -> None:
    (film / "specs" / "rain.yaml").write_text(manifest("rain", ask_for(prompt)))


async def test_environment_is_asked_for_by_name(film: Path) -> None:
    """Board, edits and plans are those of that environment, down to what is written."""
    async with serve(film) as page:
        assert (await page.get("/api/v1/project"))["environments"] == ["default", "draft"]
        for query, actions in (("", ["keep", "keep"]), (DRAFT, ["wait", "render"])):
            board = await page.get(f"/api/v1/board{query}")
            assert (
                board["environment"] == (await page.get(f"/api/v1/project{query}"))["environment"]
            )
            assert [card["action"] for card in board["cards"]] == actions
        rain = await page.get(f"/api/v1/edits/rain{DRAFT}")
        assert rain["output"] == "renders/draft/rain.mp4"
        async with Listener(page, environment="draft") as listener:
            plan = await page.post(f"/api/v1/plans{DRAFT}", {}, 201)
            await page.get(f"/api/v1/plans/{plan['id']}", 404)
            await page.post(f"/api/v1/plans/{plan['id']}/apply{DRAFT}", {}, 202)
            while (await listener.hear("run")).get("state") in (None, "running"):
                pass
            while (await listener.hear("board"))["summary"]["actions"]["keep"] != 2:
                pass
        assert (film / "renders" / "draft" / "rain.mp4").is_file()
        for name in ("drift", "*"):
            refused = await page.get(f"/api/v1/board?environment={name}", 404)
            assert refused["code"] == "no_environment" and refused["hint"]


async def test_what_nobody_looks_at_costs_no_pass(film: Path, passes: list[str]) -> None:
    """Another environment is looked at once somebody asks, and again when it may have changed and
    somebody is told or asks again.
    """
    async with serve(film) as page:
        async with Listener(page) as own:
            await page.get("/api/v1/board")
            assert passes == ["default"]
            await page.get(f"/api/v1/board{DRAFT}")
            await page.get(f"/api/v1/board{DRAFT}")
            assert passes == ["default", "draft"]
            change(film, "Let it pour")
            assert (await own.hear("board"))["environment"] == "default"
            assert passes == ["default", "draft", "default"]
            board = await page.get(f"/api/v1/board{DRAFT}")
            assert board["cards"][1]["prompt"] == "Let it pour"
            assert passes == ["default", "draft", "default", "draft"]
        async with Listener(page, environment="*") as everything:
            boards = (await everything.hear("hello"))["boards"]
            assert boards["draft"] == board["etag"] and set(boards) == {"default", "draft"}
            change(film, "Let it drizzle")
            told = [await everything.hear("board") for _ in range(2)]
            assert [one["environment"] for one in told] == ["default", "draft"]
            assert {one["cards"][0]["prompt"] for one in told} == {"Let it drizzle"}


async def test_fault_of_one_environment_is_told_in_it(film: Path) -> None:
    """The others go on."""
    async with serve(film) as page:
        await page.get(f"/api/v1/board{DRAFT}")
        async with Listener(page, environment="draft") as listener:
            bad = "  environments: {draft: {parameters: {resolution: 7P}}}\n"
            (film / "cutlist.yaml").write_text(PROJECT + bad)
            while "7P" not in str((told := await listener.hear("faults"))["faults"]):
                pass  # the file was seen while it was written
            assert told["environment"] == "draft"
        assert not (await page.get("/api/v1/board"))["stale"]
        board = await page.get(f"/api/v1/board{DRAFT}")
        assert board["stale"] and len(board["cards"]) == 2

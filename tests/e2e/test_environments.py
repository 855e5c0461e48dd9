"""Environments: overlays with outputs and a lock file section of their own."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from reconciler import Project, read_plan
from reconciler.config import Variables
from reconciler.errors import InvalidInput, PlanRefused, UsageError
from reconciler.formats.secret import Secret
from reconciler.state import lockfile
from tests.e2e.bench import Bench
from tests.workspace import PROJECT, Workspace

OVERLAYS = {
    "draft": {"parameters": {"resolution": "720P"}, "labels": {"stage": "draft"}},
    "final": {"parameters": {"resolution": "1080P"}, "budget": {"per_apply": 0.5}},
}


@pytest.fixture
def film(bench: Bench) -> Bench:
    bench.write_project(endpoint=bench.server.url, realm="live", environments=OVERLAYS)
    bench.edit("rain", parameters={"resolution": "720P", "duration": 2}, output="films/rain.mp4")
    bench.edit("snow", "make it snow", parameters={"duration": 2})
    return bench


def project(bench: Bench, environment: str | None = None, variable: str = "") -> Project:
    variables = Variables(Secret("sk-mock"), environment=variable)
    return Project.open(
        bench.root,
        variables=variables,
        environment=environment,
        clock=bench.clock,
        transport=bench.network,
    )


def steps(made: Project) -> dict[str, tuple[str, str]]:
    return {step.name: (step.action.value, step.output) for step in made.plan().steps}


async def test_each_has_outputs_and_pins_of_its_own(film: Bench) -> None:
    """What the overlay says counts instead of what the edit says; equal jobs are paid once over all
    environments.
    """
    await film.apply(project(film, "draft"))
    assert film.creates() == 2
    assert steps(project(film, "final")) == {
        "rain": ("render", "films/final/rain.mp4"),
        "snow": ("render", "renders/final/snow.mp4"),
    }
    await film.apply(project(film))
    assert film.creates() == 2  # without an overlay they are the jobs of draft
    pins = lockfile.read(film.root)
    assert pins["default"] == pins["draft"]
    for path in (
        "films/rain.mp4",
        "films/draft/rain.mp4",
        "renders/snow.mp4",
        "renders/draft/snow.mp4",
    ):
        assert (film.root / path).is_file()
    assert set(steps(project(film, "draft")).values()) == {
        ("keep", "films/draft/rain.mp4"), ("keep", "renders/draft/snow.mp4"),
    }  # fmt: skip
    edits = project(film, "draft").load().edits
    assert edits["rain"].edit.labels == {"stage": "draft"}


async def test_the_one_that_is_chosen(film: Bench) -> None:
    """--env, else CUTLIST_ENV, else the project as it stands; a budget of its own counts."""
    assert project(film, "draft", variable="final").config.environment == "draft"
    assert [each.amount for each in project(film, variable="final").config.budget] == [0.5]
    assert (
        project(film).config.environment == project(film, "default").config.environment == "default"
    )
    with pytest.raises(UsageError, match=r'--env is "staging"; cutlist[.]yaml names draft, final'):
        project(film, "staging")


async def test_nothing_is_shared_between_environments(film: Bench) -> None:
    """A folder that an environment writes into is no place for an output of the others."""
    film.edit("rain", output="films/draft/rain.mp4")
    with pytest.raises(
        InvalidInput, match="the folder draft/ belongs to the environment draft: choose another"
    ):
        project(film).load()


async def test_a_saved_plan_belongs_to_its_environment(film: Bench) -> None:
    """Applied in another one it is refused by name, and nothing is sent."""
    path = film.root / "draft.plan"
    project(film, "draft").save(path)
    with pytest.raises(PlanRefused, match="its environment is draft, not final"):
        await film.apply(project(film, "final"), saved=read_plan(path))
    assert film.creates() == 0
    await film.apply(project(film, "draft"), saved=read_plan(path))
    assert film.creates() == 2


def test_people_are_told_which_environment_it_is(workspace: Workspace, media: Path) -> None:
    """Plan and status name it, and what a saved plan says of its own apply is a command
    that works.
    """
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    workspace.write(
        "cutlist.yaml", f"{PROJECT}  environments: {{draft: {{labels: {{stage: draft}}}}}}\n"
    )
    file = str(workspace.root / "night.plan")
    said = workspace.run("plan", "--env", "draft", "--endpoint", "mock", "--out", file)
    assert "environment draft)" in " ".join(said.out.split())
    assert (
        json.loads(workspace.run("plan", "--env", "draft", "--json").out)["environment"] == "draft"
    )
    assert json.loads(workspace.run("status", "--json").out)["environment"] == "default"
    assert "environment" not in workspace.run("plan").out
    command = " ".join(said.out.split("`")[-2].split())  # a page breaks it between words
    assert command == f"cutlist apply {file} --endpoint mock --env draft"
    assert workspace.run(*shlex.split(command)[1:]).code == 0

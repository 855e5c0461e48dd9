"""`cutlist status --wait`: looks until a goal is reached or the time is over, on injected time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.waiting import POLL_S, Goal, is_reached, wait_for_goal
from reconciler.plan.status import Status
from tests.clock import FakeClock
from tests.controller.test_reading import films
from tests.making import make_desired, make_edit, make_file, make_observed, make_plan, make_result
from tests.workspace import Workspace

NOW = 1_800_000_000.0


def one_film(*, rendered: bool) -> Status:
    """A project of one edit."""
    film = make_edit("film")
    asked = make_desired(film)
    results = [make_result(film, "film")] if rendered else []
    files = {"film": make_file("film", written="film")} if rendered else {}
    return Status(make_plan(asked, make_observed(asked, results=results, files=files)), "film", NOW)


async def test_it_looks_until_the_goal_is_reached(clock: FakeClock) -> None:
    """The third look finds it; nobody waits any longer."""
    looks: Iterator[Status] = iter([one_film(rendered=done) for done in (False, False, True, True)])
    status, reached = await wait_for_goal("healthy", lambda: next(looks), clock, 600)
    assert (reached, status.synced, clock.monotonic()) == (True, True, 2 * POLL_S)


@pytest.mark.parametrize(("timeout_s", "looks"), [(0, 1), (1, 2), (5, 4), (6, 4)])
async def test_it_gives_up_when_the_time_is_over(
    clock: FakeClock, timeout_s: float, looks: int
) -> None:
    """Not a moment later, with a last look at the end; at least one in any case."""
    seen: list[float] = []

    def look() -> Status:
        seen.append(clock.monotonic())
        return one_film(rendered=False)

    _, reached = await wait_for_goal("synced", look, clock, timeout_s)
    assert (reached, len(seen), clock.monotonic()) == (False, looks, timeout_s)


@pytest.mark.parametrize("goal", ["healthy", "synced"])
def test_what_the_goals_mean(goal: Goal) -> None:
    """What is to be rendered is neither."""
    assert is_reached(goal, one_film(rendered=True))
    assert not is_reached(goal, one_film(rendered=False))
    assert not is_reached(goal, Status(films(), "films", NOW))


def test_for_scripts(workspace: Workspace, media: Path) -> None:
    """Exit 0 and today's words when the goal is reached, 4 and a sentence when the time is over."""
    workspace.take(media, "ok.mp4")
    workspace.edit("film", suspend=True)
    usual = workspace.run("status")
    assert workspace.run("status", "--wait", "healthy", "--timeout", "0s") == usual
    assert workspace.run("status", "--wait", "synced") == usual
    workspace.edit("film")
    late = workspace.run("status", "--wait", "healthy", "--timeout", "0s")
    assert (late.code, late.err) == (4, "error: not all is healthy after 0s.\n")
    assert late.out == workspace.run("status").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--timeout", "10m"), "--timeout is for --wait"),
        (("--wait", "healthy", "--timeout", "10"), "write it with its unit, such as 10s"),
        (("--wait", "rendered"), "'rendered' is not one of 'healthy', 'synced'"),
    ],
)
def test_wrong_words(workspace: Workspace, arguments: tuple[str, ...], words: str) -> None:
    """Refused before anything is read, with what is legal."""
    said = workspace.run("status", *arguments)
    assert said.code == 64
    assert words in said.err

"""`--cancel-obsolete`: what waits at the service and no edit asks for any more is cancelled, free;
everything else is brought home as ever.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from reconciler import Project
from reconciler.apply.events import Event, Phase
from reconciler.apply.outcome import Report, Stop
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action
from reconciler.report.outcome import write_outcome
from reconciler.state.ledger import SqliteLedger
from reconciler.state.observed import State
from tests.e2e.bench import CREATE, Bench, Trouble, answer, lost_after, lost_before

CANCEL = ("POST", "/cancel")
LONG_S = 12 * 3600


@pytest.fixture
def film(bench: Bench) -> Bench:
    """A project in the live realm whose first task waits for hours."""
    write_project(bench)
    waits(bench, nth=1)
    bench.edit("rain")
    return bench


def write_project(bench: Bench, look_every_s: float = 300.0, **spec: Any) -> None:
    """The project file; whoever waits for hours need not look five times a second. Each look moves
    the clock of all.
    """
    short = {"parameters": {"resolution": "720P", "duration": 2}}
    fields = {
        "endpoint": bench.server.url,
        "realm": "live",
        "limits": {"poll_interval_s": look_every_s},
        "defaults": {"model": "wan2.7-videoedit", **short},
    }
    bench.write_project(**fields, **spec)


def waits(bench: Bench, **when: Any) -> None:
    """Tasks that wait for hours before they run."""
    bench.server.scenarios.add(
        {"when": when, "then": "succeed", "pending_s": LONG_S, "after_s": LONG_S + 60}
    )


def project(bench: Bench, environment: str | None = None) -> Project:
    """The project of the bench, in an environment."""
    return Project.open(
        bench.root,
        variables=Variables(Secret("sk-mock")),
        environment=environment,
        clock=bench.clock,
        transport=bench.network,
    )


async def leave(bench: Bench, tasks: int = 1, environment: str | None = None) -> None:
    """Apply until so many tasks are at the service, and no longer."""
    stop, seen = Stop(), set()

    def hear(event: Event) -> None:
        seen.add(event.task_id)
        if len(seen - {""}) == tasks:
            stop.request("SIGINT")

    report = await bench.apply(project(bench, environment), observe=hear, stop=stop)
    assert len(report.in_flight) == tasks
    bench.network.requests.clear()


async def cancel(bench: Bench, environment: str | None = None, **request: Any) -> Report:
    """An apply that cancels what is obsolete."""
    return await bench.apply(project(bench, environment), cancel_obsolete=True, **request)


def states(bench: Bench) -> list[State]:
    """The states of all attempts, in the order in which they were made."""
    ledger = SqliteLedger.open_readonly(project(bench).config.state_dir / "ledger.db")
    assert ledger is not None
    try:
        return [entry.state for entry in ledger.books.entries()]
    finally:
        ledger.close()


def posts(bench: Bench) -> list[str]:
    """What was posted, in order: `cancel` or `video-synthesis`."""
    return [each.rpartition("/")[2] for each in bench.network.requests if each.startswith("POST")]


# ------------------------------------------------------------------ what is done


async def test_what_waits_and_is_asked_for_no_more(film: Bench) -> None:
    """The edit is changed: its first task is cancelled before the new one is sent, for nothing, and
    that is told.
    """
    await leave(film)
    film.edit("rain", "make it snow")
    report = await cancel(film)
    assert (report.exit_code, report.done(Action.RENDER), film.billed_tasks()) == (0, 1, 1)
    assert posts(film) == ["cancel", "video-synthesis"]
    assert states(film) == [State.CANCELED, State.SUCCEEDED]
    (told,) = [event for event in film.events if event.phase is Phase.CANCELLED]
    assert "cancelled while it waited; nothing was billed" in told.note
    assert (report.cancelled, told.name) == ((told.task_id,), "rain")
    assert "1 rendered, 0 written, 0 pruned, 1 cancelled in" in write_outcome(report)
    assert report.to_json()["cancelled"] == [told.task_id]
    assert project(film).plan().orphans == ()


async def test_a_deleted_edit_leaves_only_the_cancel(film: Bench) -> None:
    """Nothing is sent beside it, and an edit that comes back is simply rendered."""
    await leave(film)
    film.take_out("rain")
    report = await cancel(film)
    assert (report.exit_code, report.outcomes, posts(film)) == (0, {}, ["cancel"])
    film.edit("rain")
    assert (await cancel(film)).exit_code == 0
    assert film.output("rain").exists() and film.billed_tasks() == 1


async def test_unasked_nothing_is_cancelled(film: Bench) -> None:
    """Without the option it is paid, and brought home, as it was ever."""
    await leave(film)
    film.take_out("rain")
    report = await film.apply(project(film))
    assert (report.exit_code, posts(film), film.billed_tasks()) == (0, [], 1)


async def test_refresh_only_cancels_nothing(film: Bench) -> None:
    """It brings home what is there."""
    await leave(film)
    film.edit("rain", "make it snow")
    await cancel(film, options=PlanOptions(refresh_only=True))
    assert (posts(film), film.billed_tasks()) == ([], 1)


async def test_what_runs_is_brought_home(film: Bench) -> None:
    """The service refuses: it is paid for, so it is stored."""
    await leave(film)
    film.edit("rain", "make it snow")
    film.virtual.advance(LONG_S + 1)
    report = await cancel(film)
    assert (report.exit_code, report.cancelled, film.billed_tasks()) == (0, (), 2)
    assert posts(film) == ["cancel", "video-synthesis"]
    film.edit("rain")
    assert [step.action for step in project(film).plan().steps] == [Action.WRITE]


async def test_what_was_seen_running_is_not_even_asked_about(film: Bench) -> None:
    """The last run has told that it runs."""
    write_project(film, look_every_s=0.5)
    film.server.scenarios.clear()
    stop = Stop()
    first = await film.apply(
        project(film),
        observe=lambda event: stop.request("SIGINT") if event.phase is Phase.RUNNING else None,
        stop=stop,
    )
    assert first.stopped_by
    film.network.requests.clear()
    film.take_out("rain")
    assert (await cancel(film)).exit_code == 0
    assert (posts(film), film.billed_tasks()) == ([], 1)


# ------------------------------------------------------------------ answers that are lost


@pytest.mark.parametrize(
    "act",
    [lost_before, lost_after, answer(500, code="InternalError", message="x")],
    ids=["lost before", "lost after", "500"],
)
async def test_a_lost_answer_is_looked_into(film: Bench, act: Any) -> None:
    """Whatever became of the answer: by its state the task is cancelled, in the end."""
    await leave(film)
    film.edit("rain", "make it snow")
    film.network.trouble = [Trouble(*CANCEL, act)]
    report = await cancel(film)
    assert (report.exit_code, film.billed_tasks()) == (0, 1)
    assert states(film) == [State.CANCELED, State.SUCCEEDED]


async def test_a_yes_is_not_believed(film: Bench) -> None:
    """Somebody on the way says yes to every cancel: the task goes on, is paid, and is stored."""
    await leave(film)
    film.take_out("rain")
    film.network.trouble = [Trouble(*CANCEL, answer(200, request_id="r"), times=9)]
    report = await cancel(film)
    assert (report.exit_code, report.cancelled, film.billed_tasks()) == (0, (), 1)
    assert states(film) == [State.SUCCEEDED]


async def test_a_service_that_is_never_heard_is_no_reason_to_wait(film: Bench) -> None:
    """After three tries the task is followed, and the new request is sent."""
    await leave(film)
    film.edit("rain", "make it snow")
    film.network.trouble = [Trouble(*CANCEL, lost_before, times=99)]
    report = await cancel(film)
    assert (report.exit_code, report.cancelled, film.billed_tasks()) == (0, (), 2)
    assert posts(film) == ["cancel"] * 3 + ["video-synthesis"]


async def interrupt_after(film: Bench, stop: Stop) -> None:
    """A run that ends as its cancel has been heard, and before that is written down."""

    async def act(request: httpx.Request, send: Any) -> httpx.Response:
        await (await send(request)).aread()
        stop.request("SIGTERM")
        raise httpx.ReadError("gone", request=request)

    film.network.trouble = [Trouble(*CANCEL, act), Trouble("GET", "/tasks/", lost_before, times=9)]
    await cancel(film, stop=stop)
    film.network.trouble = []


@pytest.mark.parametrize("cancels", [True, False])
async def test_a_run_that_ended_in_between(film: Bench, cancels: bool) -> None:
    """The next one finds it cancelled, whether it would cancel or not: free, and no failure."""
    await leave(film)
    film.take_out("rain")
    await interrupt_after(film, Stop())
    assert states(film) == [State.SUBMITTED]
    report = await film.apply(project(film), cancel_obsolete=cancels)
    assert (report.exit_code, len(report.cancelled), film.billed_tasks()) == (0, 1, 0)
    assert states(film) == [State.CANCELED]


async def test_a_key_that_comes_back_while_it_is_cancelled(film: Bench) -> None:
    """It is rendered again: the cancelled task cost nothing."""
    await leave(film)
    film.take_out("rain")
    await interrupt_after(film, Stop())
    film.edit("rain")
    first = await cancel(film)  # it is followed, and found to be cancelled
    second = await cancel(film) if first.exit_code else first
    assert (second.exit_code, film.billed_tasks()) == (0, 1)
    assert film.output("rain").exists()


# ------------------------------------------------------------------ whose it is


async def test_what_another_environment_waits_for(film: Bench) -> None:
    """Both share one ledger, and each cancels only what was made for it, even where nobody asks for
    it any more.
    """
    overlays = {"final": {"parameters": {"resolution": "1080P"}}}
    write_project(film, look_every_s=300.0, environments=overlays)
    waits(film, nth=2)
    await leave(film, environment="final")
    film.edit("rain", "make it snow")
    await leave(film, tasks=2)  # for it, the task of the other is one that no edit asks for
    film.edit("rain", "make it hail")
    report = await cancel(film, environment="final")
    assert (report.exit_code, len(report.cancelled), posts(film)[0]) == (0, 1, "cancel")
    assert states(film) == [State.CANCELED, State.SUCCEEDED, State.SUCCEEDED]


async def test_what_was_made_here_and_is_asked_for_there(film: Bench) -> None:
    """The overlay says what the edit said before: the environment waits for that very task."""
    overlays = {"final": {"parameters": {"resolution": "720P", "seed": 7}}}
    write_project(film, environments=overlays)
    film.edit("rain", parameters={"seed": 7})
    await leave(film)
    film.edit("rain", parameters={"seed": 8})
    report = await cancel(film)
    assert (report.exit_code, report.cancelled, posts(film)) == (0, (), ["video-synthesis"])
    await film.apply(project(film, "final"))
    assert film.billed_tasks() == 2


async def test_an_environment_that_cannot_be_read(film: Bench) -> None:
    """Nobody knows what it asks for: nothing is cancelled, and that is said."""
    overlays = {"final": {"parameters": {"seed": -1}}}
    await leave(film)
    write_project(film, environments=overlays)
    film.take_out("rain")
    film.edit("snow", "make it snow")
    report = await cancel(film)
    assert (report.exit_code, report.cancelled, film.billed_tasks()) == (0, (), 2)
    assert any("Nothing is cancelled" in line for line in film.said)


async def test_targets_and_exclusions_are_asked_for_all_the_same(film: Bench) -> None:
    """What they leave out is only not this plan's; what no edit asks for goes also then."""
    write_project(film, look_every_s=30.0)
    film.server.scenarios.clear()
    waits(film, prompt="rain")
    waits(film, prompt="snow")
    # long enough for all three to be at the service together
    soon = {"pending_s": 600, "after_s": 660}
    film.server.scenarios.add({"when": {"prompt": "hail"}, "then": "succeed", **soon})
    film.edit("snow", "make it snow")
    film.edit("hail", "make it hail")
    await leave(film, tasks=3)
    film.edit("rain", "make it rain harder")
    await cancel(film, options=PlanOptions(target=("hail",)))
    assert posts(film) == ["cancel"]
    assert sorted(states(film)) == ["CANCELED", "SUBMITTED", "SUCCEEDED"]


async def test_what_is_suspended_is_left_alone(film: Bench) -> None:
    """Also what an edit had asked for before it was changed and suspended: it is collected."""
    await leave(film)
    film.edit("rain", "make it snow", suspend=True)
    report = await cancel(film)
    assert (report.exit_code, posts(film), film.billed_tasks()) == (0, [], 1)


async def test_what_may_be_somebody_elses(film: Bench) -> None:
    """A task that was found in the list is ours for certain only when its prompt is told."""
    stop = Stop()
    film.network.trouble = [Trouble(*CREATE, lost_after)]
    await film.apply(
        project(film),
        observe=lambda event: stop.request("SIGINT") if event.phase is Phase.PENDING else None,
        stop=stop,
    )
    film.network.requests.clear()
    film.take_out("rain")
    assert (await cancel(film)).exit_code == 0
    assert (posts(film), film.billed_tasks()) == ([], 1)


async def test_what_builds_on_a_lost_video(film: Bench) -> None:
    """The video is fetched again as it was, and with it the key of what waits comes back: that is
    not cancelled.
    """
    film.server.scenarios.clear()
    await film.apply(project(film))
    waits(film)
    film.edit("wide", "make it wide", url="edit://rain")
    await leave(film)
    (blob,) = (project(film).store.folder / "blobs").glob("*/*")
    blob.unlink()
    (film.root / "cutlist.lock").unlink()
    report = await cancel(film)
    assert (report.exit_code, report.cancelled, film.billed_tasks()) == (0, (), 2)
    assert posts(film) == []


async def test_what_builds_on_a_changed_edit(film: Bench) -> None:
    """Its video will be another one, so what waits for the old one is obsolete."""
    film.server.scenarios.clear()
    await film.apply(project(film))
    waits(film, nth=2)
    film.edit("wide", "make it wide", url="edit://rain")
    await leave(film)
    film.edit("rain", "make it snow")
    report = await cancel(film)
    assert (report.exit_code, len(report.cancelled), film.billed_tasks()) == (0, 1, 3)


async def test_many_at_once(film: Bench) -> None:
    """Each is cancelled before anything new is sent."""
    write_project(film, look_every_s=30.0)
    waits(film)
    for number in range(8):
        film.edit(f"edit-{number}", f"prompt {number}")
    film.take_out("rain")
    await leave(film, tasks=5)
    for number in range(8):
        film.take_out(f"edit-{number}")
    film.server.scenarios.clear()
    film.edit("rain")
    report = await cancel(film)
    assert (report.exit_code, len(report.cancelled), film.billed_tasks()) == (0, 5, 1)
    *cancels, last = posts(film)  # one may be asked again, where the service is asked too fast
    assert (set(cancels), last) == ({"cancel"}, "video-synthesis")
    assert len(cancels) >= 5

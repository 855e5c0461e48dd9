"""Two that work with one ledger at once, without the lock that keeps processes of one machine
apart: answers that come late, keys and lanes that somebody else has taken.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.apply.events import Event
from reconciler.apply.outcome import Stop
from reconciler.apply.rivals import THEIRS
from reconciler.config import Variables
from reconciler.errors import BudgetExceeded, LedgerError, Locked
from reconciler.formats.secret import Secret
from reconciler.project import Project
from reconciler.report.outcome import write_outcome
from reconciler.state.booked import Booking
from reconciler.state.ledger import SqliteLedger
from reconciler.state.lock import FileLock
from reconciler.state.observed import Attempt, State
from reconciler.state.spill import Spill
from tests.e2e.bench import CREATE, Bench, Trouble


@contextlib.contextmanager
def other_process(bench: Bench) -> Iterator[SqliteLedger]:
    """The ledger, opened by somebody else."""
    ledger = SqliteLedger.open(bench.project().config.state_dir / "ledger.db")
    try:
        yield ledger
    finally:
        ledger.close()


def end(*states: State) -> Callable[[Bench, SqliteLedger, str, str], None]:
    """Somebody else settles the one open intent so."""

    def act(bench: Bench, ledger: SqliteLedger, attempt_id: str, _task_id: str) -> None:
        for state in states:
            ledger.end(attempt_id, state, at=bench.clock.now(), message="settled elsewhere")

    return act


def adopt(bench: Bench, ledger: SqliteLedger, attempt_id: str, task_id: str) -> None:
    ledger.submitted(attempt_id, task_id, at=bench.clock.now(), adopted=True)


def adopt_and_cancel(bench: Bench, ledger: SqliteLedger, attempt_id: str, task_id: str) -> None:
    adopt(bench, ledger, attempt_id, task_id)
    ledger.end(attempt_id, State.UNDECIDED, at=bench.clock.now())


def meanwhile(bench: Bench, settle: Callable[[Bench, SqliteLedger, str, str], None]) -> Trouble:
    """Between a POST and its answer somebody else settles its intent."""

    async def act(request: httpx.Request, send: Any) -> httpx.Response:
        response: httpx.Response = await send(request)
        task_id = json.loads(await response.aread())["output"]["task_id"]
        with other_process(bench) as ledger:
            (attempt_id,) = ledger.open_intents()
            settle(bench, ledger, attempt_id, task_id)
        return response

    return Trouble(*CREATE, act)


def strays(bench: Bench) -> list[str]:
    with other_process(bench) as ledger:
        return [stray.task_id for stray in ledger.strays.unanswered()]


SETTLED = {
    "not sent": end(State.NOT_SENT),
    "undecided": end(State.UNDECIDED),
    "sent again by a person": end(State.UNDECIDED, State.NOT_SENT),
    "adopted": adopt,
    "adopted, and not found again": adopt_and_cancel,
}


@pytest.mark.parametrize("settled", SETTLED)
async def test_a_late_answer_is_the_jobs(bench: Bench, settled: str) -> None:
    """What was paid is brought home for its job, whatever its attempt has become, and nothing is
    sent again.
    """
    bench.edit("rain")
    bench.network.trouble = [meanwhile(bench, SETTLED[settled])]
    assert (await bench.apply()).exit_code == 0
    assert bench.output("rain").exists()
    assert (bench.creates(), strays(bench)) == (1, [])
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == bench.billed_tasks() == 1


async def test_a_late_answer_to_what_a_person_gave_up(bench: Bench) -> None:
    """It is told as a stray until the person has answered; then it is brought home."""
    bench.edit("rain")
    bench.network.trouble = [meanwhile(bench, end(State.UNDECIDED, State.ABANDONED))]
    report = await bench.apply()
    (stray,) = strays(bench)
    assert (report.exit_code, [each.task_id for each in report.left.strays]) == (5, [stray])
    assert "nothing" not in str(report.failures[0].error)
    bench.project().resolve("rain", adopt=stray)
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == bench.billed_tasks() == 1


async def test_a_late_answer_beside_a_wrong_adoption(bench: Bench) -> None:
    """Somebody took a colleague's task for it: that is found out by its prompt, the task of the
    answer is told, and the person gives it to the job.
    """
    bench.edit("rain")
    theirs = await bench.ask_by_hand("theirs", "https://clips.example/theirs.mp4")

    def take_wrong(bench: Bench, ledger: SqliteLedger, attempt_id: str, _task_id: str) -> None:
        adopt(bench, ledger, attempt_id, theirs)

    bench.network.trouble = [meanwhile(bench, take_wrong)]
    assert (await bench.apply()).exit_code == 5
    (own,) = set(strays(bench)) - {theirs}
    bench.project().resolve(theirs)
    bench.project().resolve("rain", adopt=own)
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 2


async def test_a_refusal_of_what_was_undecided(bench: Bench) -> None:
    """The service's no is as good as ever, and the apply says it."""
    bench.edit("rain")

    async def act(request: httpx.Request, send: Any) -> httpx.Response:
        with other_process(bench) as ledger:
            end(State.UNDECIDED)(bench, ledger, ledger.open_intents()[0], "")
        body = {"code": "InvalidParameter", "message": "no", "request_id": "r"}
        return httpx.Response(400, json=body)

    bench.network.trouble = [Trouble(*CREATE, act)]
    report = await bench.apply()
    assert "InvalidParameter" in str(report.failures[0].error)
    assert report.left.undecided == ()
    assert (await bench.apply()).exit_code == 0


# ------------------------------------------------------------------ the spill file


async def spilled(bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception) -> str:
    """A task was accepted, and the ledger could not take it. Its id."""

    def cannot(*_: Any, **__: Any) -> None:
        raise error

    bench.edit("rain")
    with monkeypatch.context() as patch:
        patch.setattr(SqliteLedger, "submitted", cannot)
        assert (await bench.apply()).exit_code != 0
    (note,) = spill(bench).read()
    return note.task_id


def spill(bench: Bench) -> Spill:
    return Spill(bench.project().config.state_dir / "spill")


@pytest.mark.parametrize("error", [LedgerError("full"), Locked("busy")], ids=["full", "busy"])
@pytest.mark.parametrize("settled", [name for name in SETTLED if "not found" not in name])
async def test_the_spill_file_is_read_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, settled: str, error: Exception
) -> None:
    """Whatever somebody has made of the attempt meanwhile, the next apply brings the task home."""
    task_id = await spilled(bench, monkeypatch, error)
    with other_process(bench) as ledger:
        SETTLED[settled](bench, ledger, ledger.open_intents()[0], task_id)
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == bench.billed_tasks() == 1
    assert (spill(bench).read(), strays(bench)) == ([], [])


async def test_the_spill_file_of_what_a_person_gave_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task is told as a stray, and the file is empty again."""
    task_id = await spilled(bench, monkeypatch, LedgerError("full"))
    with other_process(bench) as ledger:
        settle = end(State.UNDECIDED, State.ABANDONED)
        settle(bench, ledger, ledger.open_intents()[0], task_id)
    assert (await bench.apply()).exit_code == 5
    assert (spill(bench).read(), strays(bench)) == ([], [task_id])
    assert any(task_id in said and "given up by a person" in said for said in bench.said)


async def test_the_spill_file_of_another_ledger(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody put an older ledger back: the task is told at every apply, which goes on with the
    rest, until the person has linked it.
    """
    task_id = await spilled(bench, monkeypatch, LedgerError("full"))
    folder = bench.project().config.state_dir
    for path in folder.glob("ledger.db*"):
        path.unlink()
    bench.take_out("rain")
    bench.edit("snow", "make it snow")
    for _ in range(2):
        bench.said.clear()
        assert (await bench.apply()).exit_code == 0
        assert any(task_id in said and "cutlist import" in said for said in bench.said)
    assert bench.output("snow").exists()
    bench.edit("rain")
    await bench.project().import_task("rain", task_id)
    bench.said.clear()
    assert (await bench.apply()).exit_code == 0
    assert not any("spill" in said for said in bench.said)
    assert (spill(bench).read(), bench.creates()) == ([], 2)


# ------------------------------------------------------------------ what somebody else has taken


@pytest.fixture
def clone(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A clone that shares ledger and store, and that no lock keeps apart from the bench's own."""

    @contextlib.contextmanager
    def open_door(*_: Any, **__: Any) -> Iterator[None]:
        yield

    monkeypatch.setattr(FileLock, "hold", open_door)
    for name in ("rain", "snow"):
        bench.edit(name, f"make it {name}")
    other = tmp_path / "other"
    shutil.copytree(bench.root, other)
    (bench.root / ".cutlist").mkdir()
    (other / ".cutlist").symlink_to(bench.root / ".cutlist")
    return Project.open(
        other,
        variables=Variables(Secret("sk-mock"), bench.server.url, ""),
        clock=bench.clock,
        transport=bench.network,
    )


def just_before_sending(bench: Bench, act: Callable[[], Any]) -> None:
    """Something happens after a plan was made and before its first request is sent."""

    async def trouble(request: httpx.Request, send: Any) -> httpx.Response:
        await act()
        response: httpx.Response = await send(request)
        return response

    bench.network.trouble = [Trouble("GET", "/tasks", trouble)]


def intend_elsewhere(bench: Bench, key: str, lane: str, price: float = 0.1) -> Callable[[], Any]:
    """What somebody else does who begins to send, at a price for each of 10 s."""

    async def begin() -> None:
        now, job = bench.clock.now(), {"model": "wan2.7-videoedit", "take": 1}
        attempt = Attempt(
            "theirs", key, lane, "rain", State.INTENT, bench.server.url, now, billable_s=10.0
        )
        booking = Booking("default", {}, "wan2.7-videoedit", price, "USD")
        with other_process(bench) as ledger:
            ledger.intend(
                attempt, request_sha256="", prompt=None, job=job, server_time=None, booking=booking
            )

    return begin


async def test_what_somebody_else_sends_is_followed(bench: Bench, clone: Project) -> None:
    """Both apply the same plan: each job is paid once and billed to the one who sent it, and the
    other takes the result.
    """
    sent: list[str] = []

    async def apply_elsewhere() -> None:
        stop = Stop()

        def observe(event: Event) -> None:
            sent.extend({event.task_id} - {"", *sent})
            if len(sent) == 2:
                stop.request("SIGINT")

        await bench.apply(clone, stop=stop, observe=observe)

    just_before_sending(bench, apply_elsewhere)
    report = await bench.apply()
    assert (report.exit_code, report.billed_s) == (0, 0.0)
    assert bench.creates() == len(sent) == bench.billed_tasks() == 2
    assert {step.reason for step in (each.step for each in report.outcomes.values())} == {THEIRS}
    assert {event.note for event in bench.events} >= {THEIRS}
    assert all(bench.output(name).exists() for name in ("rain", "snow"))
    assert (await bench.apply(clone)).exit_code == 0
    assert bench.creates() == 2


@pytest.mark.parametrize(
    ("states", "exit_code"),
    [
        ((State.UNDECIDED,), 5),
        ((State.UNDECIDED, State.ABANDONED), 4),
        ((State.REJECTED,), 4),
        ((State.NOT_SENT,), 0),
    ],
)
async def test_what_somebody_else_has_given_up(
    bench: Bench, clone: Project, states: tuple[State, ...], exit_code: int
) -> None:
    """An attempt that was begun beside ours ends: what waits for a person is told, and nothing is
    sent for it; all else goes on.
    """
    (step,) = (each for each in bench.project().run_pass().plan.steps if each.name == "rain")

    begin = intend_elsewhere(bench, str(step.key), "another lane")

    def observe(event: Event) -> None:
        if "another process is sending it" in event.note:
            with other_process(bench) as ledger:
                end(*states)(bench, ledger, "theirs", "")

    just_before_sending(bench, begin)
    report = await bench.apply(observe=observe)
    assert report.exit_code == exit_code
    assert bench.output("snow").exists()
    assert bench.creates() == (2 if exit_code == 0 else 1)


async def test_what_nobody_can_tell_of_and_only_another_clone_asks_for(
    bench: Bench, clone: Project
) -> None:
    """Whoever decides it here, where no edit asks for it, does not give up what the other clone
    waits for.
    """
    (step,) = (each for each in clone.run_pass().plan.steps if each.name == "rain")
    await intend_elsewhere(bench, str(step.key), "another lane")()
    with other_process(bench) as ledger:
        end(State.UNDECIDED)(bench, ledger, "theirs", "")
    bench.take_out("rain")
    report = await bench.apply()
    told = " ".join(write_outcome(report).split())
    assert "rain is not asked for like this here, and it is not certain" in told
    assert f"cutlist resolve {str(step.key)[:12]} --adopt TASK_ID | --retry" in told
    assert (report.exit_code, bench.creates()) == (5, 1)
    said = bench.project().resolve(str(step.key)[:12], retry=True)
    assert said == "rain: the next apply that asks for it sends it again, and pays."
    assert ((await bench.apply()).exit_code, bench.creates()) == (0, 1)
    assert ((await bench.apply(clone)).exit_code, bench.creates()) == (0, 2)
    assert (Path(clone.config.root) / "renders/rain.mp4").exists()


async def test_a_lane_in_which_somebody_else_sends(bench: Bench, clone: Project) -> None:
    """It is waited for, and nothing fails by it."""
    lane = f"{bench.server.url} default wan2.7-videoedit"

    begin = intend_elsewhere(bench, "another key", lane)

    waits: list[str] = []

    def observe(event: Event) -> None:
        if "sending in its lane" in event.note and not waits:
            waits.append(event.name)
            with other_process(bench) as ledger:
                end(State.NOT_SENT)(bench, ledger, "theirs", "")

    just_before_sending(bench, begin)
    assert (await bench.apply(observe=observe)).exit_code == 0
    assert waits
    assert bench.creates() == bench.billed_tasks() == 2


async def test_a_lane_that_stays_taken(bench: Bench, clone: Project) -> None:
    """A request that nobody settles ends the waiting: it is told, and nothing is sent."""

    begin = intend_elsewhere(bench, "another key", f"{bench.server.url} default wan2.7-videoedit")

    just_before_sending(bench, begin)
    report = await bench.apply()
    assert {str(each.error) for each in report.failures} == {
        "not sent: whether an earlier request of this model arrived could not be settled yet."
    }
    assert (report.exit_code, bench.creates()) == (4, 0)


@pytest.mark.parametrize(("theirs", "sent"), [(0.0, 2), (0.2, 1), (0.4, 0)])
async def test_a_day_budget_that_two_spend_at_once(
    bench: Bench, clone: Project, theirs: float, sent: int
) -> None:
    """What somebody else has sent since the plan was made counts: what does not fit any more is not
    sent, and is told.
    """
    bench.write_project(budget={"per_day": 4.5})
    just_before_sending(bench, intend_elsewhere(bench, "another key", "another lane", theirs))
    report = await bench.apply()
    assert bench.creates() == bench.billed_tasks() == sent
    assert report.exit_code == (0 if sent == 2 else 4)
    for failure in report.failures:
        assert isinstance(failure.error, BudgetExceeded)
        assert "budget.per_day of cutlist.yaml leaves 0.50 of 4.50 today" in str(failure.error)

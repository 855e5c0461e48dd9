"""An answer is lost, and clocks, hosts, lists and statuses lie: the bill shows one task, or a
person is asked.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.apply.events import Phase
from reconciler.apply.outcome import Report, Stop
from reconciler.apply.settle import LOOK_AGAIN_S
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action
from reconciler.report.plan import write_plan
from reconciler.service.retry import UNKNOWN_LOOKS
from tests.e2e.bench import (
    CREATE,
    FETCH,
    Bench,
    Trouble,
    answer,
    lost_after,
    lost_before,
    write_video,
)
from tests.e2e.test_money_in_trouble import asked_by_hand
from tests.e2e.test_trouble import Killed, killed, unknown_to_the_service

HOUR = 3600.0
VACE = {
    "model": "wan2.1-vace-plus",
    "input": {
        "function": "video_outpainting",
        "prompt": "wide",
        "video_url": "https://c.example/v",
    },
    "parameters": {"top_scale": 1.5},
}
Change = Callable[[dict[str, Any]], Any]


class Listed(Trouble):
    """What happens to a reading of the account's list, and to no other request."""

    def __init__(self, act: Callable[..., Any], *, times: int = 10_000, after: int = 0) -> None:
        super().__init__("GET", "", act, times=times)
        self._before = after

    def wants(self, request: httpx.Request) -> bool:
        if request.method != "GET" or not request.url.path.endswith("/tasks"):
            return False
        self._before -= 1
        return self._before < 0 and self.left > 0


def page(change: Change) -> Callable[..., Any]:
    """The list's answer with a change."""

    async def act(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
        response = await send(request)
        body = json.loads(await response.aread())
        change(body)
        headers = {"Date": response.headers["Date"]}
        return httpx.Response(response.status_code, json=body, headers=headers)

    return act


def rows(**fields: Any) -> Callable[..., Any]:
    """The list with these fields in every row; `...` takes one out."""

    def change(body: dict[str, Any]) -> None:
        for row in body["data"]:
            for name, value in fields.items():
                row[name] = value(row[name]) if callable(value) else value
                if value is ...:
                    del row[name]

    return page(change)


def without_rows(body: dict[str, Any]) -> None:
    """Tasks are counted, and not named."""
    body |= {"data": [], "total": 1, "total_page": 1}


def set_clock(bench: Bench, ahead_s: float) -> None:
    """The machine's clock is wrong from now on; time that only grows, and the service's,
    are not.
    """
    bench.clock.now = lambda: bench.virtual.now() + ahead_s  # type: ignore[method-assign]


def tasks(bench: Bench) -> int:
    """How many tasks the service has made: each of them is billed."""
    return len(bench.server.bill()["tasks"])


def blocked(bench: Bench) -> str:
    """What the plan says of the only edit, which waits for a person."""
    (step,) = bench.project().plan().steps
    assert (step.action, step.needs_person) == (Action.BLOCKED, True)
    return " ".join(step.details)


# ------------------------------------------------------------------ clocks


@pytest.mark.parametrize("ahead_s", [600.0, 3 * HOUR, 72 * HOUR, -600.0, -72 * HOUR])
@pytest.mark.parametrize("trouble", [lost_after, lost_before])
async def test_a_clock_that_is_wrong(bench: Bench, ahead_s: float, trouble: Any) -> None:
    """Nothing was asked before, and the machine's clock is minutes to days off."""
    set_clock(bench, ahead_s)
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, trouble)]
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == bench.billed_tasks() == 1


@pytest.mark.parametrize("jump_s", [3 * HOUR, -3 * HOUR])
async def test_a_clock_that_jumps_as_the_answer_is_lost(bench: Bench, jump_s: float) -> None:
    """It is set in the middle of the request."""

    async def jumping(request: httpx.Request, send: Any) -> httpx.Response:
        set_clock(bench, jump_s)
        return await lost_after(request, send)

    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, jumping)]
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == 1


async def test_the_date_of_another_host(bench: Bench) -> None:
    """The upload host's clock is 10 s ahead of the task API's."""

    async def ahead(request: httpx.Request, send: Any) -> httpx.Response:
        response = await send(request)
        await response.aread()
        return httpx.Response(
            response.status_code, headers={"Date": "Thu, 01 Jan 2099 00:00:10 GMT"}
        )

    (bench.root / "specs").mkdir()
    write_video(bench.root / "specs" / "clip.mp4", 2.0)
    bench.edit("rain", url="clip.mp4")
    bench.network.trouble = [Trouble("POST", "/oss", ahead), Trouble(*CREATE, lost_after)]
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == 1


async def killed_while_sending(bench: Bench, trouble: Any = killed) -> None:
    """A run ends between the intent and the answer."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, trouble)]
    with pytest.raises(Killed):
        await bench.apply()
    bench.network.trouble = []


async def killed_before(request: httpx.Request, send: Any) -> httpx.Response:
    """The process dies before a byte has left."""
    raise Killed


@pytest.mark.parametrize("ahead_s", [0.0, -30 * HOUR])
async def test_a_run_that_begins_a_day_later(bench: Bench, ahead_s: float) -> None:
    """The list has forgotten by then, and says nothing: also where this machine's clock says that
    it was a moment ago.
    """
    await killed_while_sending(bench)
    bench.virtual.advance(30 * HOUR)
    set_clock(bench, ahead_s)
    assert (await bench.apply()).exit_code == 5
    assert "more than 23 h ago" in blocked(bench)
    assert tasks(bench) == 1


async def test_a_run_that_begins_a_moment_later_with_another_clock(bench: Bench) -> None:
    """By the service's clock a minute has passed, so that its list proves that nothing arrived."""
    await killed_while_sending(bench, killed_before)
    bench.virtual.advance(60)
    set_clock(bench, 72 * HOUR)
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == bench.billed_tasks() == 1


async def test_a_later_run_without_any_clock_of_the_service(bench: Bench) -> None:
    """Where no answer carries a Date, an empty list says nothing about a request of another run."""

    async def dateless(request: httpx.Request, send: Any) -> httpx.Response:
        response = await send(request)
        return httpx.Response(response.status_code, content=await response.aread())

    bench.edit("rain")
    everything = [Trouble("GET", "", dateless, times=999), Trouble("POST", "", dateless, times=999)]
    bench.network.trouble = [Trouble(*CREATE, killed_before), *everything]
    with pytest.raises(Killed):
        await bench.apply()
    bench.network.trouble = everything
    assert (await bench.apply()).exit_code == 5
    assert "how long ago the service's clock does not tell" in blocked(bench)
    assert tasks(bench) == 0


@pytest.mark.parametrize("repay", [False, True])
async def test_a_young_task_is_not_expired_by_this_clock(bench: Bench, repay: bool) -> None:
    """The service does not know it for a while, and the machine's clock is three days ahead: a
    person is asked, and nothing is paid again.
    """
    bench.edit("rain")
    stop = Stop()
    await bench.apply(
        observe=lambda event: stop.request("SIGINT") if event.task_id else None, stop=stop
    )
    set_clock(bench, 72 * HOUR)
    bench.network.trouble = [Trouble(*FETCH, unknown_to_the_service, times=UNKNOWN_LOOKS)]
    for _ in range(2):
        assert (await bench.apply(options=PlanOptions(repay=repay))).exit_code == 5
    assert "not certain that 24 h are over" in blocked(bench)
    assert tasks(bench) == 1


async def test_a_lost_result_is_asked_for_before_it_is_paid_again(bench: Bench) -> None:
    """The store has lost it, and this clock says that the service has too: it is fetched, free."""
    bench.edit("rain")
    await bench.apply()
    for blob in (bench.project().store.folder / "blobs").glob("*/*"):
        blob.unlink()
    set_clock(bench, 72 * HOUR)
    assert "paid and is lost" in write_plan(bench.project().plan())
    assert (await bench.apply(options=PlanOptions(repay=True))).exit_code == 0
    assert tasks(bench) == 1
    bench.virtual.advance(30 * HOUR)
    for blob in (bench.project().store.folder / "blobs").glob("*/*"):
        blob.unlink()
    assert (await bench.apply(options=PlanOptions(repay=True))).exit_code == 0
    assert tasks(bench) == 2


# ------------------------------------------------------------------ lists


@pytest.mark.parametrize(
    "garbled",
    [
        rows(gmt_create=str),
        rows(gmt_create="2026-01-01 08:00:00.000"),
        rows(gmt_create="yesterday", start_time=None),
        rows(gmt_create=lambda ms: ms / 1000),
        rows(gmt_create=..., start_time=...),
        rows(gmt_create=0, start_time=0),
        rows(gmt_create=-9e15, start_time=1),
        rows(model_name=...),
        rows(model_name=None),
        rows(model_name=7),
        rows(model_name="wan2.7-videoedit-2026-03-01"),
        rows(model_name="wan9-of-next-year"),
        rows(status=None),
    ],
)
async def test_rows_that_say_little(bench: Bench, garbled: Any) -> None:
    """Times, models and states of rows that are missing, or not as they are documented: the one new
    task is it, and its prompt must say so in the end.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, lost_after), Listed(garbled)]
    stop = Stop()
    await bench.apply(
        observe=lambda event: stop.request("SIGINT") if event.phase is Phase.RUNNING else None,
        stop=stop,
    )
    (task,) = bench.server.bill()["tasks"]
    (step,) = bench.project().plan().steps
    assert step.action is Action.RESUME
    assert task["task_id"] in f"{step.reason} {step.details}"


@pytest.mark.parametrize(
    ("garbled", "why"),
    [
        (rows(task_id=12345), "task_id"),
        (rows(task_id=None), "task_id"),
        (rows(task_id=...), "task_id"),
        (rows(task_id="../secret"), "task_id"),
        (page(without_rows), "rows"),
        (page(lambda body: body.update(data=[])), "rows"),
        (page(lambda body: body.update(total=0)), "0"),
        (page(lambda body: body.update(total=7)), "7"),
        (page(lambda body: body.pop("total")), "how many tasks"),
        (page(lambda body: body.update(total="1")), "how many tasks"),
        (page(lambda body: body.update(total_page=0)), "0 pages"),
        (page(lambda body: body.update(data=[None])), "task_id"),
        (page(lambda body: body.update(data=body["data"] * 2)), "twice"),
        (page(lambda body: body.update(page_no=4)), "page 4"),
    ],
)
async def test_a_list_that_contradicts_itself(bench: Bench, garbled: Any, why: str) -> None:
    """It proves nothing, however often it is read: the lane waits, and then a person is asked, with
    the reason.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, lost_after), Listed(garbled, after=1)]
    assert (await bench.apply()).exit_code == 5
    assert why in blocked(bench)
    assert tasks(bench) == 1


async def test_a_list_that_contradicts_itself_from_the_first(bench: Bench) -> None:
    """Already before the request: that is told, and what a person adopts in the end is
    collected.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, lost_after), Listed(page(without_rows))]
    for _ in range(2):
        assert (await bench.apply()).exit_code == 5
    assert sum("you may have to decide" in line for line in bench.said) == 1
    assert tasks(bench) == 1
    (task,) = bench.server.bill()["tasks"]
    bench.project().resolve("rain", adopt=task["task_id"])
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == 1


async def test_a_list_that_comes_to_itself(bench: Bench) -> None:
    """A row that cannot be read is read again: soon it can be, and is adopted."""
    bench.edit("rain")
    bench.network.trouble = [
        Trouble(*CREATE, lost_after),
        Listed(rows(task_id=12345), after=1, times=2),
    ]
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == 1


async def test_a_list_that_shows_the_task_late(bench: Bench) -> None:
    """One whole listing after settle without it is no proof: the second one has it."""

    def empty(body: dict[str, Any]) -> None:
        body |= {"data": [], "total": 0, "total_page": 0}

    async def until_settled(request: httpx.Request, send: Any) -> httpx.Response:
        past.append(bench.virtual.now())
        return await (page(empty) if past[-1] - past[0] <= 2.0 else page(dict))(request, send)

    past: list[float] = []
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, lost_after), Listed(until_settled, after=1)]
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == 1


async def test_a_list_that_leaves_out_what_this_run_was_given(bench: Bench) -> None:
    """It lags, or hides rows; of a task that it does not show it proves nothing."""
    asked: list[int] = []

    async def second_is_lost(request: httpx.Request, send: Any) -> httpx.Response:
        asked.append(1)
        if len(asked) == 2:
            return await lost_after(request, send)
        response: httpx.Response = await send(request)
        return response

    def empty(body: dict[str, Any]) -> None:
        body |= {"data": [], "total": 0, "total_page": 0}

    bench.edit("rain")
    bench.edit("snow", "make it snow")
    bench.network.trouble = [Trouble(*CREATE, second_is_lost, times=9), Listed(page(empty))]
    assert (await bench.apply()).exit_code == 5
    assert tasks(bench) == 2
    (step,) = bench.project().plan().by_action(Action.BLOCKED)
    assert "lacks" in " ".join(step.details)


async def test_a_list_that_cannot_be_read_at_all(bench: Bench) -> None:
    """It is told once, before the first request; a lost answer then waits, and is not sent
    again.
    """
    bench.edit("rain")
    bench.edit("snow", "make it snow")
    bench.network.trouble = [Listed(answer(500)), Trouble(*CREATE, lost_after)]
    report = await bench.apply()
    assert report.exit_code != 0
    assert tasks(bench) == 1
    (told,) = (line for line in bench.said if "cannot be read" in line)
    assert "Nothing is sent twice" in told
    bench.network.trouble = []
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == bench.creates() == 2


async def test_a_refused_key_is_found_before_anything_is_sent(bench: Bench) -> None:
    """The list is asked first: no request for a task goes out with a key that is refused."""
    bench.edit("rain")
    assert (await bench.apply(bench.project(key="sk-wrong"))).exit_code == 1
    assert bench.creates() == 0


# ------------------------------------------------------------------ answers


@pytest.mark.parametrize("status", [201, 202, 203, 206, 299])
async def test_a_success_by_another_name(bench: Bench, status: int) -> None:
    """Any 2xx with a task_id is an acceptance."""

    async def renamed(request: httpx.Request, send: Any) -> httpx.Response:
        response = await send(request)
        return httpx.Response(status, content=await response.aread())

    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, renamed)]
    assert (await bench.apply(options=PlanOptions(retry_failed=True))).exit_code == 0
    assert tasks(bench) == 1


async def test_an_error_that_names_the_task(bench: Bench) -> None:
    """The list shows it, beside that of somebody else who was as quick: it is ours."""

    async def act(request: httpx.Request, send: Any) -> httpx.Response:
        response = await send(request)
        body = await response.aread()
        await asked_by_hand(bench)
        return httpx.Response(500, content=body)

    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, act)]
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 2  # ours and theirs


@pytest.mark.parametrize("named", ["0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11", 17, "../x"])
async def test_an_error_that_names_a_task_which_the_list_does_not(
    bench: Bench, named: object
) -> None:
    """Something was made, or not: a person sees the id, and nothing is sent."""

    async def act(request: httpx.Request, send: Any) -> httpx.Response:
        return httpx.Response(500, json={"output": {"task_id": named}})

    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, act)]
    assert (await bench.apply()).exit_code == 5
    assert str(named) in blocked(bench)
    assert tasks(bench) == 0


async def test_an_answer_with_the_task_of_another_request(bench: Bench) -> None:
    """It is not linked again: the list is asked, finds the true one, and both are collected."""
    answers: list[bytes] = []

    async def repeated(request: httpx.Request, send: Any) -> httpx.Response:
        response = await send(request)
        answers.append(await response.aread())
        return httpx.Response(200, content=answers[0])

    bench.edit("rain")
    bench.edit("snow", "make it snow")
    bench.network.trouble = [Trouble(*CREATE, repeated, times=9)]
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == bench.billed_tasks() == 2
    assert any("belongs to another request" in event.note for event in bench.events)
    results = bench.project().store.read_all_results()[0].values()
    assert len({result.task["task_id"] for each in results for result in each}) == 2


async def test_an_answer_with_a_task_that_was_there_before(bench: Bench) -> None:
    """A proxy repeats an answer of yesterday; ours is found in the list."""
    theirs = await asked_by_hand(bench)

    async def stale(request: httpx.Request, send: Any) -> httpx.Response:
        await (await send(request)).aread()
        return httpx.Response(200, json={"output": {"task_id": theirs}})

    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, stale)]
    assert (await bench.apply()).exit_code == 0
    ((result,),) = bench.project().store.read_all_results()[0].values()
    assert result.task["task_id"] != theirs
    assert tasks(bench) == 2


# ------------------------------------------------------------------ others on the account


async def test_tasks_of_others_from_before(bench: Bench) -> None:
    """The same model, a moment ago: what was there before the request is not it."""
    await asked_by_hand(bench)
    bench.edit("rain", "another prompt")
    bench.network.trouble = [Trouble(*CREATE, lost_after)]
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == 2


async def test_a_task_of_others_in_the_same_moment(bench: Bench) -> None:
    """Two tasks could be it, though the times of one are days off: a person sees both."""

    async def act(request: httpx.Request, send: Any) -> httpx.Response:
        await (await send(request)).aread()
        await asked_by_hand(bench)
        raise httpx.ReadTimeout("no answer", request=request)

    bench.edit("rain", "another prompt")
    first_is_old = page(lambda body: body["data"] and body["data"][0].update(gmt_create=1))
    bench.network.trouble = [Trouble(*CREATE, act), Listed(first_is_old)]
    assert (await bench.apply()).exit_code == 5
    told = blocked(bench)
    assert "2 tasks could be it" in told
    assert all(task["task_id"] in told for task in bench.server.bill()["tasks"])


async def test_a_row_that_tells_no_model_is_not_enough_without_a_prompt(bench: Bench) -> None:
    """VACE shows no prompt: a row that tells no model cannot be vouched for, and one that
    does can.
    """
    bench.write("wide.yaml", json.dumps(
        {"apiVersion": "cutlist/v1", "kind": "Edit", "metadata": {"name": "wide"}, "spec": VACE}
    ))  # fmt: skip
    bench.network.trouble = [Trouble(*CREATE, lost_after), Listed(rows(model_name=None))]
    assert (await bench.apply()).exit_code == 5
    assert "does not tell its model" in blocked(bench)
    bench.project().resolve("wide", adopt=bench.server.bill()["tasks"][0]["task_id"])
    bench.network.trouble = []
    assert (await bench.apply()).exit_code == 0
    assert tasks(bench) == 1


async def test_two_lanes_lost_at_once(bench: Bench) -> None:
    """The list tells no models: neither lane takes what may be the other's, and nothing is paid
    again.
    """
    bench.edit("rain")
    bench.write("wide.yaml", json.dumps(
        {"apiVersion": "cutlist/v1", "kind": "Edit", "metadata": {"name": "wide"}, "spec": VACE}
    ))  # fmt: skip
    bench.network.trouble = [
        Trouble(*CREATE, lost_after, times=2),
        Listed(rows(model_name=None), after=1),
    ]
    await bench.apply()
    bench.network.trouble = []
    await bench.apply()
    assert tasks(bench) == 2


# ------------------------------------------------------------------ the second look


async def given_up(bench: Bench, held_back: list[Any], edit: str = "rain") -> Report:
    """A request that the network holds back is given up, and sent again."""

    async def late(request: httpx.Request, send: Any) -> httpx.Response:
        copy = httpx.Request(
            "POST", request.url, headers=request.headers, content=await request.aread()
        )
        held_back.append(functools.partial(send, copy))
        raise httpx.ReadTimeout("no answer", request=request)

    bench.edit(edit, prompt=f"make it {edit}")
    bench.network.trouble = [Trouble(*CREATE, late)]
    return await bench.apply()


async def arrives(bench: Bench, held_back: list[Any], wait_s: float = 1.0) -> None:
    """The request that was held back reaches the service."""
    await (await held_back[0]()).aread()
    bench.virtual.advance(wait_s)


async def test_a_late_task_that_waits_is_cancelled(bench: Bench) -> None:
    """It is the only one that nobody knows, on an account without others: it costs nothing."""
    held_back: list[Any] = []
    bench.server.scenarios.add({"when": {"nth": 2}, "then": "succeed", "pending_s": 3600})
    assert (await given_up(bench, held_back)).exit_code == 0
    bench.virtual.advance(LOOK_AGAIN_S)
    await arrives(bench, held_back)
    assert (await bench.apply()).exit_code == 0
    assert any("still waiting and is cancelled, free" in line for line in bench.said)
    assert (tasks(bench), bench.billed_tasks()) == (2, 1)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_may_be_a_colleagues_is_not_cancelled(bench: Bench, when: str) -> None:
    """Somebody else has a task on the account: what turns up late is told, and left alone."""
    if when == "before":
        await asked_by_hand(bench)
    held_back: list[Any] = []
    await given_up(bench, held_back)
    bench.virtual.advance(LOOK_AGAIN_S)
    await arrives(bench, held_back)
    if when == "after":
        await asked_by_hand(bench)
    bench.network.trouble = [Listed(rows(status="PENDING"))]
    assert (await bench.apply()).exit_code == 5
    assert not any("cancel" in each for each in bench.network.requests)
    assert len(bench.project().status().plan.strays) == (2 if when == "after" else 1)


async def test_a_stray_that_was_let_be_is_still_somebodys(bench: Bench) -> None:
    """Somebody else's task was told as a stray, and a person let it be: the next one that turns up
    late and waits is not cancelled either.
    """
    await given_up(bench, [])
    await asked_by_hand(bench)
    bench.virtual.advance(LOOK_AGAIN_S)
    assert (await bench.apply()).exit_code == 5
    (stray,) = bench.project().status().plan.strays
    bench.project().resolve(stray.task_id)
    held_back: list[Any] = []
    assert (await given_up(bench, held_back, "snow")).exit_code == 0
    bench.virtual.advance(LOOK_AGAIN_S)
    await arrives(bench, held_back)
    bench.network.trouble = [Listed(rows(status="PENDING"))]
    assert (await bench.apply()).exit_code == 5
    assert not any("cancel" in each for each in bench.network.requests)


@pytest.mark.parametrize("ahead_s", [2 * HOUR, -2 * HOUR])
async def test_a_second_look_at_the_right_time(bench: Bench, ahead_s: float) -> None:
    """The clock was set after the verdict: ten minutes are ten minutes of the service's."""
    held_back: list[Any] = []
    await given_up(bench, held_back)
    set_clock(bench, ahead_s)
    bench.virtual.advance(60)
    await bench.apply()
    await arrives(bench, held_back, LOOK_AGAIN_S)
    await bench.apply()
    assert len(bench.project().status().plan.strays) == 1


async def test_a_second_look_at_a_list_that_contradicts_itself(bench: Bench) -> None:
    """It stays due until the list can be read."""
    held_back: list[Any] = []
    await given_up(bench, held_back)
    bench.virtual.advance(LOOK_AGAIN_S)
    await arrives(bench, held_back)
    bench.network.trouble = [Listed(rows(task_id=7))]
    await bench.apply()
    bench.network.trouble = []
    await bench.apply()
    assert len(bench.project().status().plan.strays) == 1


async def test_an_upload_that_cannot_be_fetched_is_made_anew(bench: Bench, tmp_path: Path) -> None:
    """The clock went back, and an upload that is dead counts as alive: the next try
    uploads again.
    """
    (bench.root / "specs").mkdir()
    write_video(bench.root / "specs" / "clip.mp4", 2.0)
    bench.edit("rain", url="clip.mp4")
    await bench.apply()
    bench.virtual.advance(50 * HOUR)
    set_clock(bench, -50 * HOUR)
    bench.edit("rain", "make it snow", url="clip.mp4")
    assert (await bench.apply()).exit_code == 0
    assert bench.billed_tasks() == 2

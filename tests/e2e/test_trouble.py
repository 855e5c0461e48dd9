"""Everything that can go wrong on the way, and what it costs: at most one paid task for a job."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.apply.events import Event, Phase
from reconciler.apply.outcome import Stop
from reconciler.errors import EXIT_NEEDS_PERSON, Declined, Unauthorized, UsageError
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action
from reconciler.report.outcome import write_outcome
from reconciler.report.status import write_status
from reconciler.service.retry import UNKNOWN_LOOKS
from tests.e2e.bench import CREATE, FETCH, Bench, Trouble, answer, failed, lost_after, lost_before

HOUR = 3600.0


async def cut_short(request: httpx.Request, send: Any) -> httpx.Response:
    """A download whose second half never comes."""
    response = await send(request)
    body = await response.aread()
    return httpx.Response(200, content=body[: len(body) // 2])


async def corrupted(request: httpx.Request, send: Any) -> httpx.Response:
    """A download of the right length with wrong bytes."""
    response = await send(request)
    body = await response.aread()
    return httpx.Response(200, content=b"\0" * len(body))


class Killed(BaseException):
    """What no handler of ours may catch."""


async def killed(request: httpx.Request, send: Any) -> httpx.Response:
    """The process dies after the server has acted: nothing that would follow may happen."""
    response = await send(request)
    await response.aread()
    raise Killed


async def unknown_to_the_service(request: httpx.Request, send: Any) -> httpx.Response:
    """The service says that it does not know the task."""
    output = {"task_id": request.url.path.rpartition("/")[2], "task_status": "UNKNOWN"}
    return httpx.Response(200, json={"request_id": "r-1", "output": output})


@pytest.mark.parametrize(
    "trouble",
    [
        lost_after,
        answer(500),
        answer(200),
        answer(302),
        answer(503, code="ModelUnavailable", message="later"),
    ],
)
async def test_lost_answer_never_pays_twice(bench: Bench, trouble: Any) -> None:
    """Whatever happens to the answer of the POST, one task is billed in the end."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, trouble)]
    report = await bench.apply()
    assert report.exit_code == 0
    assert bench.billed_tasks() == 1
    assert bench.output("rain").exists()


async def test_lost_answer_is_adopted_from_the_list(bench: Bench) -> None:
    """A task whose answer was lost is found, checked by its prompt, and marked as adopted."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, lost_after)]
    await bench.apply()
    assert bench.creates() == 1
    (result,) = (
        each for results in bench.project().store.read_all_results()[0].values() for each in results
    )
    assert result.adopted


async def test_request_that_never_arrived_is_sent_again(bench: Bench) -> None:
    """When SETTLE has passed and the list shows nothing, the request is proved NOT_SENT and sent
    anew.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, lost_before)]
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 1
    assert bench.billed_tasks() == 1


async def test_kill_between_post_and_answer_is_recovered_before_any_post(bench: Bench) -> None:
    """The next run asks the service first, adopts the task, says so, and sends nothing."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, killed)]
    with pytest.raises(Killed):
        await bench.apply()
    (step,) = bench.project().plan().steps
    assert step.action is Action.SETTLE
    bench.network.trouble = []
    report = await bench.apply()
    assert report.exit_code == 0
    assert bench.creates() == bench.billed_tasks() == 1
    assert any("adopted" in line for line in bench.said)


async def test_a_stop_is_heard_while_an_earlier_run_is_looked_into(bench: Bench) -> None:
    """Ctrl-C while the service is asked about a lost request: it ends there, sends nothing, and the
    next run asks.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, killed)]
    with pytest.raises(Killed):
        await bench.apply()
    stop = Stop()

    async def interrupted(request: httpx.Request, send: Any) -> httpx.Response:
        stop.request("SIGINT")
        await asyncio.sleep(0)
        raise httpx.ConnectError("down", request=request)

    bench.network.trouble = [Trouble("GET", "/tasks", interrupted, times=99)]
    asked: list[Any] = []
    report = await bench.apply(stop=stop, approve=asked.append)
    assert (report.exit_code, report.outcomes, asked) == (130, {}, [])
    assert bench.network.trouble[0].left > 90
    bench.network.trouble = []
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == bench.billed_tasks() == 1


async def test_interrupted_apply_resumes_without_paying(bench: Bench) -> None:
    """After Ctrl-C the task goes on at the service, is named, and is collected by the next
    apply.
    """
    bench.edit("rain")
    stop = Stop()

    def interrupt(event: Event) -> None:
        if event.phase is Phase.RUNNING:
            stop.request("SIGINT")

    report = await bench.apply(observe=interrupt, stop=stop)
    assert report.exit_code == 130
    (task,) = bench.server.bill()["tasks"]
    assert report.in_flight == (task["task_id"],)
    assert [step.action for step in bench.project().plan().steps] == [Action.RESUME]
    report = await bench.apply()
    assert (report.exit_code, report.done(Action.RESUME)) == (0, 1)
    assert bench.creates() == bench.billed_tasks() == 1


async def test_wrong_key_stops_everything_with_one_reason(bench: Bench) -> None:
    """A refused key: nothing is billed, exit 1, the attempts are NOT_SENT and free to be sent
    later.
    """
    for name in "abc":
        bench.edit(name, prompt=name)
    report = await bench.apply(bench.project(key="sk-wrong"))
    assert report.exit_code == 1
    assert any(isinstance(each.error, Unauthorized) for each in report.failures)
    assert bench.server.bill()["tasks"] == []
    assert "sk-wrong" not in "".join(
        path.read_text(errors="ignore") for path in bench.root.rglob("*") if path.is_file()
    )
    assert (await bench.apply()).exit_code == 0
    assert bench.billed_tasks() == 3


async def test_throttled_submit_is_repeated(bench: Bench) -> None:
    """429 means that nothing was accepted: wait, go slower, send again."""
    bench.edit("rain")
    trouble = answer(
        429,
        code="Throttling.RateQuota",
        message="Requests rate limit exceeded, please try again later.",
    )
    bench.network.trouble = [Trouble(*CREATE, trouble, times=3)]
    assert (await bench.apply()).exit_code == 0
    assert bench.billed_tasks() == 1


async def test_exhausted_quota_pauses_the_lane(bench: Bench) -> None:
    """No balance: the lane stops after the first refusal instead of asking for each edit."""
    for name in "abcdef":
        bench.edit(name, prompt=name)
    trouble = answer(
        400,
        code="Arrearage",
        message="Access denied, please make sure your account is in good standing.",
    )
    bench.network.trouble = [Trouble(*CREATE, trouble, times=99)]
    report = await bench.apply()
    assert report.exit_code == 4
    assert sum(1 for each in bench.network.requests if each.startswith("POST")) == 1
    assert len(report.failures) == 6


async def test_refused_request_is_not_sent_again_unless_asked(bench: Bench) -> None:
    """REJECTED is final for the key; --retry-failed and a changed request are the ways on."""
    bench.edit("rain")
    bench.network.trouble = [
        Trouble(
            *CREATE, answer(400, code="InvalidParameter", message="url error, please check url!")
        )
    ]
    assert (await bench.apply()).exit_code == 4
    (step,) = bench.project().plan().steps
    assert step.action is Action.BLOCKED
    assert (await bench.apply()).exit_code == 4
    assert bench.creates() == 0
    assert (await bench.apply(options=PlanOptions(retry_failed=True))).exit_code == 0
    assert bench.billed_tasks() == 1


async def test_internal_error_is_tried_twice_more_and_no_further(bench: Bench) -> None:
    """A task the service fails by its own fault is sent again, three times in all; failed tasks are
    free.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble(*FETCH, failed("InternalError.Algo", "oops"), times=99)]
    report = await bench.apply()
    assert report.exit_code == 4
    assert bench.creates() == 3
    assert (await bench.apply()).exit_code == 4
    assert bench.creates() == 3


async def test_internal_error_once_heals_by_itself(bench: Bench) -> None:
    """One fault of the service's costs a second, unbilled attempt within the same apply."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*FETCH, failed("InternalError", "oops"))]
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 2


@pytest.mark.parametrize("trouble", [cut_short, corrupted, answer(500), lost_before])
async def test_bad_download_is_never_visible(bench: Bench, trouble: Any) -> None:
    """A download that breaks, or brings other bytes, is fetched again; nothing incomplete
    appears.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble("GET", ".mp4", trouble, times=2)]
    assert (await bench.apply()).exit_code == 0
    assert bench.output("rain").stat().st_size > 500
    assert list((bench.root / ".cutlist/mock/tmp").iterdir()) == []
    assert bench.billed_tasks() == 1


async def test_expired_task_is_paid_again_only_on_request(bench: Bench) -> None:
    """After 24 h the service has forgotten: the edit waits for a person, --repay renders
    it anew.
    """
    bench.edit("rain")
    stop = Stop()
    await bench.apply(
        observe=lambda event: stop.request("SIGINT") if event.task_id else None, stop=stop
    )
    bench.virtual.advance(30 * HOUR)
    report = await bench.apply()
    assert report.exit_code == 5
    (step,) = bench.project().plan().steps
    assert (step.action, step.needs_person) == (Action.BLOCKED, True)
    assert "--repay" in step.details[-1]
    assert (await bench.apply()).exit_code == 5
    assert bench.creates() == 1
    assert (await bench.apply(options=PlanOptions(repay=True))).exit_code == 0
    assert bench.creates() == 2


async def test_two_candidates_wait_for_a_person(bench: Bench) -> None:
    """When two unknown tasks could be the lost one, nothing is sent until somebody decides;
    adopting collects it.
    """

    async def twice(request: httpx.Request, send: Any) -> httpx.Response:
        first = await send(request)
        await first.aread()
        body = httpx.Request("POST", request.url, headers=request.headers, content=request.content)
        second = await send(body)
        await second.aread()
        raise httpx.ReadTimeout("no answer", request=request)

    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, twice)]
    report = await bench.apply()
    assert report.exit_code == 5
    assert [step.action for step in bench.project().plan().steps] == [Action.BLOCKED]
    before = bench.creates()
    assert (await bench.apply()).exit_code == 5
    assert bench.creates() == before == 2
    task_id = bench.server.bill()["tasks"][0]["task_id"]
    assert "adopted" in bench.project().resolve("rain", adopt=task_id)
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == before


async def test_a_task_that_was_forgotten_for_a_while_can_be_adopted_again(bench: Bench) -> None:
    """UNKNOWN for ten minutes waits for a person, who may name the attempt's own task, and is told
    which that is where they name another; nothing is sent.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble(*FETCH, unknown_to_the_service, times=UNKNOWN_LOOKS)]
    assert (await bench.apply()).exit_code == 5
    (task,) = bench.server.bill()["tasks"]
    with pytest.raises(UsageError, match=f"has a task, {task['task_id']}, and takes no other"):
        bench.project().resolve("rain", adopt="0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11")
    assert "adopted" in bench.project().resolve("rain", adopt=task["task_id"])
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 1


async def test_server_down_sends_nothing_and_says_so(bench: Bench) -> None:
    """No server: after a few tries it is said once, exit 1; nothing is left open in the ledger."""
    bench.edit("rain")
    await bench.server.stop()
    report = await bench.apply()
    assert report.exit_code == 1
    assert "cannot be reached" in str(report.failures[0].error)
    assert [step.action for step in bench.project().plan().steps] == [Action.RENDER]


async def test_declined_question_sends_nothing(bench: Bench) -> None:
    """Anything but yes ends the apply before the first request."""
    bench.edit("rain")
    with pytest.raises(Declined):
        await bench.apply(approve=lambda plan: False)
    assert bench.network.requests == []


async def test_orphaned_task_is_brought_home(bench: Bench) -> None:
    """An edit is deleted while its task runs: what is paid is stored anyway, and nothing is
    published.
    """
    bench.edit("rain")
    stop = Stop()
    await bench.apply(
        observe=lambda event: stop.request("SIGINT") if event.task_id else None, stop=stop
    )
    (bench.root / "specs/rain.yaml").unlink()
    assert (await bench.apply()).exit_code == 0
    assert not bench.output("rain").exists()
    bench.edit("rain")
    assert [step.action for step in bench.project().plan().steps] == [Action.WRITE]


async def test_an_undecided_request_that_nobody_asks_for_any_more(bench: Bench) -> None:
    """It stays in plan, status and the exit codes of apply and status until a person has
    answered.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble(*FETCH, unknown_to_the_service, times=UNKNOWN_LOOKS)]
    await bench.apply()
    bench.edit("rain", "make it snow")
    (note,) = bench.project().plan().notes
    key = bench.project().plan().orphans[0].key[:12]
    ways = f"cutlist resolve {key} --adopt TASK_ID | --retry (who asks for it sends it again)"
    assert note.endswith(f"{ways} | --abandon")
    report = await bench.apply()
    assert report.exit_code == EXIT_NEEDS_PERSON
    assert "it is not certain whether" in write_outcome(report)
    status = bench.project().status()
    assert status.needs_person == ["rain"]
    assert key in write_status(status)
    bench.project().resolve(key)
    assert (await bench.apply()).exit_code == 0
    assert bench.project().status().needs_person == []


async def test_a_clock_that_is_set_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A jump in the middle of a run is told once, by it; a clock behind the ledger by the next run
    and by status.
    """
    bench.edit("rain")
    true_time = bench.clock.now

    def set_forward(event: Event) -> None:
        if event.phase is Phase.RUNNING:
            monkeypatch.setattr(bench.clock, "now", lambda: true_time() + 2 * HOUR)

    assert (await bench.apply(observe=set_forward)).exit_code == 0
    (told,) = bench.said
    assert "clock went 2h 00m forward" in told
    monkeypatch.setattr(bench.clock, "now", true_time)
    bench.said.clear()
    assert (await bench.apply()).exit_code == 0
    (told,) = bench.said
    assert "an entry of 2h 00m from now" in told
    status = bench.project().status()
    assert "an entry of 2h 00m from now" in write_status(status)
    assert not status.needs_person


async def test_a_steady_clock_is_not_mentioned(bench: Bench) -> None:
    """Hours of waiting and minutes of skew are no jump."""
    bench.edit("rain")
    true_time = bench.clock.now
    await bench.apply()
    bench.virtual.advance(9 * HOUR)
    bench.clock.now = lambda: true_time() - 200  # type: ignore[method-assign]
    bench.edit("snow", prompt="snow")
    await bench.apply()
    assert bench.said == []


async def test_tasks_of_others_are_told_once(bench: Bench) -> None:
    """Tasks that nobody here made are told once a run, and are never taken for ours: they were
    there before.
    """
    other = {
        "task_id": "not-ours",
        "model_name": "another-model",
        "gmt_create": 9e15,
        "status": "PENDING",
    }

    async def with_another(request: httpx.Request, send: Any) -> httpx.Response:
        response = await send(request)
        body = json.loads(await response.aread())
        if "data" in body:
            body["data"].append(other)
            body |= {"total": body["total"] + 1, "total_page": 1}
        return httpx.Response(response.status_code, json=body)

    bench.edit("rain")
    with_others = Trouble("GET", "/tasks", with_another, times=99)
    bench.network.trouble = [Trouble(*CREATE, killed), with_others]
    with pytest.raises(Killed):
        await bench.apply()
    bench.said.clear()
    assert (await bench.apply()).exit_code == 0
    (told,) = (line for line in bench.said if "did not make" in line)
    assert "has 1 task of the last 24 h" in told
    assert "not-ours" in told
    assert bench.billed_tasks() == 1
    assert not any("cancel" in each for each in bench.network.requests)


async def test_result_is_fetched_only_from_allowed_hosts(bench: Bench) -> None:
    """An answer that names another host leads nowhere."""

    async def elsewhere(request: httpx.Request, send: Any) -> httpx.Response:
        response = await send(request)
        body = (await response.aread()).decode().replace("http://127.0.0.1", "http://evil.example")
        return httpx.Response(
            response.status_code, text=body, headers={"Content-Type": "application/json"}
        )

    bench.edit("rain")
    bench.network.trouble = [Trouble(*FETCH, elsewhere, times=999)]
    report = await bench.apply()
    assert report.exit_code == 4
    assert "not an allowed host" in str(report.failures[0].error)
    assert not any("evil" in each for each in bench.network.requests)


async def test_media_changed_during_the_run_is_not_sent(bench: Bench, tmp_path: Path) -> None:
    """What is uploaded is what the plan looked at, or nothing."""
    from tests.e2e.bench import write_video

    (bench.root / "specs").mkdir()
    clip = write_video(bench.root / "specs" / "clip.mp4", 2.0)
    bench.edit("rain", url="clip.mp4")
    report = await bench.apply(approve=lambda plan: bool(write_video(clip, 3.0, colour=1)))
    assert report.exit_code == 4
    assert "changed while this run" in str(report.failures[0].error)
    assert bench.creates() == 0


async def test_two_undecided_requests_of_one_edit(bench: Bench) -> None:
    """The plan names each by what `resolve` takes: its edit, and its key once the edit has two."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*FETCH, unknown_to_the_service, times=2 * UNKNOWN_LOOKS)]
    await bench.apply()
    (first,) = bench.project().plan().steps
    assert "cutlist resolve rain --adopt" in first.details[-1]
    bench.edit("rain", "make it snow")
    await bench.apply()
    (second,) = bench.project().plan().steps
    assert second.key is not None
    assert f"cutlist resolve {second.key[:12]} --adopt" in second.details[-1]
    with pytest.raises(UsageError, match="rain has 2 undecided requests") as refused:
        bench.project().resolve("rain", retry=True)
    assert second.key[:12] in refused.value.hint
    for slip in ("", second.key[:1], second.key[:7]):  # too little of a key to mean it
        with pytest.raises(UsageError, match="names no undecided request"):
            bench.project().resolve(slip, retry=True)
    bench.project().resolve(second.key[:12], retry=True)
    bench.project().resolve("rain", retry=True)  # one is left
    assert (await bench.apply()).exit_code == 0

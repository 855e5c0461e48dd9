"""What is ordered to become of tasks: by a rule over model, prompt, label, account or n-th
request.
"""

import pytest

from mockserver import ServerError
from mockserver.server import MockServer

TEN = {"task_seconds": (10, 10)}


async def output(api, task_id):
    return (await api.fetch(task_id))["output"]


async def statuses(api, task_id, times):
    return [await api.status(task_id) for _ in range(times)]


async def test_at_once(serve):
    """`after_s: 0`: the first fetch shows the end."""
    async with serve(scenarios={"after_s": 0}) as api:
        assert await api.status(await api.create(api.wan())) == "SUCCEEDED"
        assert api.server.bill()["total_billed_s"] == 10.0


async def test_after_polls(serve):
    """The n-th fetch shows the end, however little time has passed; a list is no fetch."""
    async with serve(scenarios={"after_polls": 3}) as api:
        task_id = await api.create(api.wan())
        await api.get("/tasks")
        assert await statuses(api, task_id, 4) == ["RUNNING", "RUNNING", "SUCCEEDED", "SUCCEEDED"]
        done = await output(api, task_id)
        assert (await api.http.get(done["video_url"])).status_code == 200


async def test_after_a_time(serve):
    """`after_s` counts from the POST; `pending_s` is how much of it is PENDING."""
    async with serve(scenarios={"after_s": 100, "pending_s": 30}) as api:
        task_id = await api.create(api.wan())
        seen = []
        for seconds in (29, 1, 69, 1):
            api.clock.advance(seconds)
            seen.append(await api.status(task_id))
    assert seen == ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]


async def test_by_hand(serve):
    """It runs until the controls end it; then it has the end time and is billed; a second end is
    refused.
    """
    async with serve(scenarios={"by_hand": True}) as api:
        task_id = await api.create(api.wan())
        api.clock.advance(3600)
        assert await api.status(task_id) == "RUNNING"
        answer = await api.mock("POST", f"tasks/{task_id}/finish")
        assert (answer.status_code, answer.json()["status"]) == (200, "SUCCEEDED")
        assert (await output(api, task_id))["end_time"] == "2026-01-01 09:00:00.000"
        assert api.server.bill()["total_billed_s"] == 10.0
        assert (await api.mock("POST", f"tasks/{task_id}/finish")).status_code == 409


@pytest.mark.parametrize(
    "code", ["DataInspectionFailed", "InternalError.Timeout", "IPInfringementSuspect"]
)
async def test_fail_with_any_code(serve, code):
    """output.code and the catalogue's message, or one of your own; free; no film is made."""
    rules = [
        {"then": "fail", "code": code, "when": {"nth": 1}},
        {"then": "fail", "code": code, "message": "mine"},
    ]
    async with serve(scenarios=rules) as api:
        first, second = await api.finished(api.wan()), await api.finished(api.wan())
        assert (first["output"]["task_status"], first["output"]["code"]) == ("FAILED", code)
        assert (first["output"]["message"], second["output"]["message"]) == (
            api.server._catalogue.service["errors"][code]["message"],
            "mine",
        )
        assert api.server.bill()["total_billed_s"] == 0
        assert not api.server._renderer.rendered


async def test_cancelled_by_the_service(serve):
    """CANCELED at its end, without a film, free."""
    async with serve(scenarios={"then": "cancel"}, **TEN) as api:
        task_id = await api.create(api.wan())
        api.clock.advance(5)
        assert await api.status(task_id) == "RUNNING"
        api.clock.advance(5)
        assert (await output(api, task_id)).keys() == {
            "task_id",
            "task_status",
            "submit_time",
            "end_time",
        }
        assert api.server.bill()["tasks"][0]["status"] == "CANCELED"
        assert api.server.bill()["total_billed_s"] == 0


async def test_expire(serve):
    """UNKNOWN from its end on, gone from the list too; the bill stands."""
    async with serve(scenarios={"then": "expire"}) as api:
        task_id = await api.create(api.wan())
        api.clock.advance(60)
        assert await output(api, task_id) == {"task_id": task_id, "task_status": "UNKNOWN"}
        assert (await api.get("/tasks")).json()["total"] == 0
        assert api.server.bill()["total_billed_s"] == 10.0


async def test_succeed_without_a_url(serve):
    """SUCCEEDED with usage and no video_url."""
    async with serve(scenarios={"then": "no_url"}) as api:
        done = await api.finished(api.wan())
    assert done["output"]["task_status"] == "SUCCEEDED"
    assert "video_url" not in done["output"]
    assert done["usage"]["duration"] == 10.0


async def test_running_for_ever(serve):
    """Until 24 h are over it is RUNNING, and keeps its running place; ending others by hand lets
    the next ones move.
    """
    async with serve(scenarios={"then": "never", "when": {"prompt": "for ever"}}, **TEN) as api:
        held = [await api.create(api.wan(prompt="for ever and ever")) for _ in range(5)]
        waiting = await api.create(api.wan())
        api.clock.advance(80_000)
        assert [await api.status(task) for task in (held[0], waiting)] == ["RUNNING", "PENDING"]
        await api.mock("POST", f"tasks/{held[1]}/fail", json={"code": "SystemError"})
        assert (await output(api, held[1]))["code"] == "SystemError"
        assert await api.status(waiting) == "RUNNING"
        api.clock.advance(10)
        assert await api.status(waiting) == "SUCCEEDED"
        api.clock.advance(6400)
        assert await api.status(held[0]) == "UNKNOWN"


async def test_lose_the_result_early(serve):
    """The URL is given and was good; `lost_after_s` after the end the object is gone."""
    async with serve(scenarios={"then": "lose", "after_s": 10, "lost_after_s": 60}) as api:
        task_id = await api.create(api.wan())
        api.clock.advance(10)
        url = (await output(api, task_id))["video_url"]
        assert (await api.http.get(url)).status_code == 200
        api.clock.advance(60)
        answer = await api.http.get((await output(api, task_id))["video_url"])
        assert (answer.status_code, "<Code>NoSuchKey</Code>" in answer.text) == (404, True)


async def test_the_first_rule_that_fits_decides(serve):
    """Model, part of the prompt, regular expression, label, n-th request, and how often a rule may
    decide.
    """
    rules = [
        {"when": {"model": "wan2.1-vace-plus"}, "then": "fail", "code": "ModelUnavailable"},
        {"when": {"prompt": "snow", "nth": [2, 4]}, "then": "fail", "code": "DataInspectionFailed"},
        {"when": {"prompt_regex": "^cat|dog$"}, "then": "fail", "code": "InvalidURL"},
        {"when": {"label": "slow-one"}, "then": "never"},
        {"when": {"account": "nobody"}, "then": "never"},
        {"then": "fail", "code": "SystemError", "times": 1},
    ]
    async with serve(scenarios=rules) as api:
        vace = api.vace("video_outpainting", video_url="https://e.com/1.mp4")
        codes = [(await api.finished(vace))["output"]["code"]]
        for prompt in ("snow", "more snow", "snow", "snow", "a dog", "rain"):
            codes.append((await api.finished(api.wan(prompt=prompt)))["output"].get("code"))
        labelled = await api.finished(api.wan(), **{"X-Mock-Label": "slow-one"})
        shown = (await api.mock("GET", "scenarios")).json()["scenarios"]
        assert api.server.journal()["requests"][-2]["label"] == "slow-one"
    assert codes == [
        "ModelUnavailable",
        "SystemError",
        "DataInspectionFailed",
        None,
        "DataInspectionFailed",
        "InvalidURL",
        None,
    ]
    assert labelled["output"]["task_status"] == "RUNNING"
    assert [(rule["seen"], rule["used"]) for rule in shown] == [
        (1, 1),
        (5, 2),
        (1, 1),
        (1, 1),
        (0, 0),
        (8, 1),
    ]


async def test_a_request_that_is_wrong_stays_wrong(serve):
    """A scenario says how a task goes that the service accepts; others fail as they do."""
    async with serve(scenarios={"after_s": 0}) as api:
        done = await api.finished(api.wan(duration=11))
    assert done["output"]["message"] == "Duration should be between 2 and 10"


async def test_rules_come_and_go_by_the_controls(api):
    """POST adds one or several, DELETE drops them, reset goes back to those of the start."""
    await api.mock("POST", "scenarios", json={"then": "never"})
    await api.mock("POST", "scenarios", json={"scenarios": [{"then": "fail"}, {"then": "cancel"}]})
    shown = (await api.mock("GET", "scenarios")).json()["scenarios"]
    assert [rule["then"] for rule in shown] == ["never", "fail", "cancel"]
    assert (await api.mock("DELETE", "scenarios")).json() == {"scenarios": []}
    await api.mock("POST", "scenarios", json={"then": "never"})
    await api.mock("POST", "reset")
    assert (await api.finished(api.wan()))["output"]["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"then": "explode"}, r"scenarios\[0\].then should be one of succeed, fail, cancel"),
        ({"then": "fial"}, r"not 'fial'\. Did you mean fail\?"),
        ({"then": "fail", "code": ""}, r"scenarios\[0\].code is empty; write a code, such as"),
        (
            {"when": {"promt": "x"}},
            r"scenarios\[0\].when has no field promt; it knows model.*Did you mean prompt\?",
        ),
        ({"after_s": -1}, "should be a number from 0, not -1"),
        ({"after_s": True}, "should be of type int or float, not True"),
        ({"after_s": 1, "after_polls": 1}, "only one of after_s, after_polls"),
        ({"when": {"prompt_regex": "("}}, "no regular expression"),
        ({"when": {"nth": 0}}, "whole numbers from 1"),
        ({"code": "SystemError"}, "are for then: fail"),
        ("never", "should be a mapping, not 'never'"),
    ],
)
async def test_a_rule_that_is_none(api, rule, words):
    """One error that says where, what, and what would do: from Python and from the controls."""
    with pytest.raises(ServerError, match=words):
        MockServer(scenarios=[rule])
    answer = await api.mock("POST", "scenarios", json={"scenarios": [rule]})
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidControl")
    assert api.server.scenarios.show() == []


async def test_a_code_that_the_service_may_have_tomorrow(api):
    """Any text can be rehearsed as the code of a failure, with a message of its own or a
    plain one.
    """
    await api.mock(
        "POST", "scenarios", json={"then": "fail", "code": "Moderation.V3", "after_s": 0}
    )
    output = (await api.fetch(await api.create(api.wan())))["output"]
    assert (output["task_status"], output["code"]) == ("FAILED", "Moderation.V3")
    assert output["message"] == "ordered by a scenario"

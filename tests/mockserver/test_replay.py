"""Answers from a recording: in its order, at its pace, and nothing that is not in it."""

import base64
import json
from contextlib import asynccontextmanager

import httpx
import pytest

from mockserver import Replay, ServerError, VirtualClock
from tests.mockserver.conftest import Api


@asynccontextmanager
async def replaying(file):
    """A client of a replay, on a clock that stands still."""
    clock = VirtualClock()
    replay = Replay(file, clock=clock)
    async with replay, httpx.AsyncClient(base_url=replay.url, timeout=60) as http:
        replay.clock = clock
        yield Api(replay, http)


async def live(api):
    """A task from its POST to its end, looked at now and then; a second one of the same request."""
    task_id = await api.create(api.wan())
    for wait_s in (0, 10, 30):
        api.clock.advance(wait_s)
        await api.fetch(task_id)
    api.clock.advance(100)
    await api.create(api.wan())
    await api.get("/tasks", start_time="20260101080000", end_time="20260101080200")


async def test_a_task_goes_as_it_went(taped):
    """Its id, its states by time from its POST, and another address of its video."""
    file = await taped(live)
    async with replaying(file) as api:
        api.clock.advance(5000)  # when it is replayed does not matter
        task_id = await api.create(api.wan(), key="sk-of-somebody-else")
        seen = []
        for wait_s in (0, 9, 1, 25, 5, 1000):
            api.clock.advance(wait_s)
            seen.append((await api.fetch(task_id))["output"]["task_status"])
        assert seen == ["PENDING", "PENDING", "RUNNING", "RUNNING", "SUCCEEDED", "SUCCEEDED"]
        done = await api.fetch(task_id)
        assert done["usage"]["duration"] == 10.0
        assert await api.create(api.wan()) != task_id
        video = await api.http.get(done["output"]["video_url"])
        assert (video.status_code, "holds no files" in video.text) == (404, True)
        listed = await api.get("/tasks", start_time="20270101080000", end_time="20270101090000")
        assert listed.json()["total"] == 1


async def test_uploads_and_refusals_are_replayed_too(taped, clip, image_of):
    """Whatever the file is called now: the upload, the task with it, an image in the request."""

    async def run(api, name, key):
        data = "data:image/png;base64," + base64.b64encode(image_of()).decode()
        url = await api.upload(name, clip)
        media = [{"type": "video", "url": url}, {"type": "reference_image", "url": data}]
        answers = [await api.post(api.wan(media=media)), await api.post(api.wan(), key=key)]
        return [answer.status_code for answer in answers]

    async def first(api):
        assert await run(api, "a.mp4", "sk-wrong") == [200, 401]

    async with replaying(await taped(first)) as api:
        assert await run(api, "b.mp4", "sk-also-wrong") == [200, 401]


async def test_what_is_not_in_it_is_refused_with_the_nearest(taped):
    """404, which recorded request is most like it, and where the two differ."""
    async with replaying(await taped(live)) as api:
        answer = await api.post(api.wan("make it rain", resolution="1080P"))
        assert (answer.status_code, answer.json()["code"]) == (404, "NotInRecording")
        assert answer.json()["message"] == (
            "Not in day.jsonl. The nearest is line 2, POST"
            " /services/aigc/video-generation/video-synthesis: body.input.prompt is"
            ' "make it snow" there and "make it rain" here; body.parameters.resolution is "720P"'
            ' there and "1080P" here.'
        )
        unknown = await api.get("/tasks/nobody")
        assert "The nearest is line 3, GET /tasks/" in unknown.json()["message"]
        bare = await api.post(api.wan(), key=None)
        assert 'headers.authorization is "bearer" there and absent here' in bare.json()["message"]


async def test_a_request_is_answered_as_often_as_it_was(taped):
    """Tasks are not made up: the third of two is one too many."""
    async with replaying(await taped(live)) as api:
        first, second, third = [await api.post(api.wan()) for _ in range(3)]
        assert first.json()["output"]["task_id"] != second.json()["output"]["task_id"]
        assert third.status_code == 404
        assert "holds this request 2 times" in third.json()["message"]


async def test_an_empty_recording_answers_nothing(taped):
    """And says so."""

    async def nothing(api):
        pass

    async with replaying(await taped(nothing)) as api:
        assert "no requests at all" in (await api.post(api.wan())).json()["message"]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "close"])
async def test_answers_of_strangers_stay_answers(tmp_path, value):
    """What somebody writes into the file comes as a body, and steers no connection."""
    exchange = {
        "at_s": 0,
        "took_s": 0,
        "asked": {"method": "GET", "path": "/tasks"},
        "answered": {"status": 200, "headers": {"connection": value}, "body": "plain"},
    }
    file = tmp_path / "x.jsonl"
    file.write_text('{"recording": 1}\n' + json.dumps(exchange) + "\n")
    if not value.isprintable():
        with pytest.raises(ServerError, match="2 is no exchange"):
            Replay(file)
        return
    async with replaying(file) as api:
        answer = await api.http.get("/tasks")
        assert (answer.text, "connection" in answer.headers) == ("plain", False)

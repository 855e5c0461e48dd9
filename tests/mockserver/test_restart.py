"""One state folder, several lives of the server."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys

import httpx
import pytest

from mockserver import MockServer, ScaledClock, ServerError, VirtualClock
from mockserver.state.schema import SCHEMA

CREATE = "/services/aigc/video-generation/video-synthesis"
BODY = {
    "model": "wan2.7-videoedit",
    "input": {"media": [{"type": "video", "url": "https://e.com/1.mp4"}]},
}
HEADERS = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable"}


async def test_everything_goes_on(serve, tmp_path, clip):
    """Tasks, uploads, bill, journal, numbering and signed URLs survive a restart; tasks go on
    meanwhile.
    """
    clock = VirtualClock()
    async with serve(state_dir=tmp_path, clock=clock) as api:
        url = await api.upload("clip.mp4", clip)
        body = api.wan(media=[{"type": "video", "url": url}])
        first = await api.create(body)
        clock.advance(60)
        film = (await api.http.get((await api.fetch(first))["output"]["video_url"])).content
        second = await api.create(body)
        bill, journal = api.server.bill(), api.server.journal()
    clock.advance(60)  # nobody serves
    async with serve(state_dir=tmp_path, clock=clock, seed=0) as api:
        assert api.server.journal() == journal
        assert [task["task_id"] for task in api.server.bill()["tasks"]] == [first, second]
        assert api.server.bill()["total_billed_s"] == 2 * bill["total_billed_s"]
        done = await api.fetch(first)
        assert (await api.http.get(done["output"]["video_url"])).content == film
        assert await api.status(second) == "SUCCEEDED"
        third = await api.create(body)
        assert len({first, second, third}) == 3
        assert api.server.journal()["requests"][-1]["n"] == len(journal["requests"]) + 4
        clock.advance(60)
        assert await api.status(third) == "SUCCEEDED"


async def test_an_id_is_known_without_an_index(serve, tmp_path, monkeypatch):
    """By its id a task is found, told and changed after a restart, also in a state of before, whose
    table has an index of ids.
    """
    indexed = SCHEMA.replace("task_id TEXT NOT NULL,", "task_id TEXT NOT NULL UNIQUE,")
    assert indexed != SCHEMA
    with monkeypatch.context() as patched:
        patched.setattr("mockserver.state.state.SCHEMA", indexed)
        async with serve(state_dir=tmp_path) as api:
            first, second = [await api.create(api.wan()) for _ in range(2)]
    async with serve(state_dir=tmp_path) as api:
        third = await api.create(api.wan())
        for task_id in (first, second, third):
            assert (await api.mock("GET", f"tasks/{task_id}")).json()["task_id"] == task_id
        api.server.finish(second)
    async with serve(state_dir=tmp_path) as api:
        assert [task["status"] == "SUCCEEDED" for task in api.server.tasks()] == [
            False,
            True,
            False,
        ]
        assert (await api.mock("GET", "tasks/nobody")).status_code == 404
        assert await api.status("nobody") == "UNKNOWN"


async def test_time_does_not_go_back(serve, tmp_path):
    """A clock that was ahead when the server ended is moved there again."""
    ahead = ScaledClock(1)
    ahead.advance(10_000_000)
    async with serve(state_dir=tmp_path, clock=ahead) as api:
        task_id = await api.create(api.wan())
        before = ahead.now()
    later = ScaledClock(1)
    async with serve(state_dir=tmp_path, clock=later) as api:
        assert later.now() >= before
        later.advance(60)
        assert await api.status(task_id) == "SUCCEEDED"


async def test_a_killed_server_loses_nothing_it_has_said(serve, tmp_path):
    """kill -9 after the answer: the task and the journal are there for the next process."""
    command = [sys.executable, "-m", "mockserver", "--state", str(tmp_path), "--seed", "5"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            url = process.stdout.readline().removeprefix("listening on ").strip()
            async with httpx.AsyncClient(verify=False) as http:
                answer = await http.post(url + CREATE, json=BODY, headers=HEADERS)
        finally:
            process.kill()
    task_id = answer.json()["output"]["task_id"]
    async with serve(state_dir=tmp_path) as api:
        assert [entry["task_id"] for entry in api.server.journal()["requests"]] == [task_id]
        api.clock.advance(60)
        assert await api.status(task_id) == "SUCCEEDED"


async def test_a_kill_among_concurrent_requests_loses_no_answer(serve, tmp_path):
    """kill -9 while many requests share commits: every task that was answered is still there."""
    command = [sys.executable, "-m", "mockserver", "--state", str(tmp_path), "--seed", "5"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        url = process.stdout.readline().removeprefix("listening on ").strip()
        answered, seen = [], []
        refused = {"model": "wan2.7-videoedit", "input": {}}  # a task that fails, without a film

        async def post_on(http):
            """Post one task after the other, and have them listed, until the server is gone."""
            with contextlib.suppress(httpx.TransportError):
                while True:
                    created = await http.post(url + CREATE, json=refused, headers=HEADERS)
                    answered.append(created.json()["output"]["task_id"])
                    page = await http.get(f"{url}/tasks?page_size=50", headers=HEADERS)
                    seen.extend(row["task_id"] for row in page.json()["data"])
                    if len(answered) >= 100:
                        process.kill()

        async with httpx.AsyncClient(verify=False) as http:
            await asyncio.gather(*(post_on(http) for _ in range(8)))
    assert len(answered) >= 100
    async with serve(state_dir=tmp_path) as api:
        kept = {task["task_id"] for task in api.server.tasks()}
        assert kept >= {*answered, *seen}
        noted = {entry.get("task_id") for entry in api.server.journal()["requests"]}
        assert noted >= set(answered)


async def test_a_commit_that_fails_is_no_answer(serve, tmp_path, monkeypatch):
    """With a full disk the request fails, and nobody waits for ever."""

    def fail(self):
        raise sqlite3.OperationalError("database or disk is full")

    async with serve(state_dir=tmp_path, described=False) as api:
        with monkeypatch.context() as patch:
            patch.setattr("mockserver.state.state.State.commit", fail)
            answers = await asyncio.gather(*(api.post(api.wan()) for _ in range(3)))
            assert [answer.status_code for answer in answers] == [500] * 3
        await api.create(api.wan())


async def test_two_servers_on_one_state(serve, tmp_path):
    """The second one says so; the first goes on."""
    async with serve(state_dir=tmp_path) as api:
        with pytest.raises(ServerError, match="another server is using it"):
            await MockServer(state_dir=tmp_path).start()
        await api.create(api.wan())


async def test_states_that_cannot_be_used(tmp_path):
    """A file in place of the folder, or of the database: one clear error each."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ServerError, match="state folder"):
        await MockServer(state_dir=tmp_path / "file").start()
    (tmp_path / "server.db").write_text("no database " * 100)
    with pytest.raises(ServerError, match="no state of this server"):
        await MockServer(state_dir=tmp_path).start()


async def test_a_server_without_a_state_folder_leaves_nothing(serve):
    """Its temporary folder goes with it."""
    async with serve() as api:
        folder = api.server._service.storage.get_film("x").parent.parent
        assert folder.is_dir()
    assert not folder.exists()

"""The life of a task on the clock: its states, its times, its place in the queue, its end after a
day.
"""

import re

import pytest

from mockserver import Account, ApiKey

CREATE = "/services/aigc/video-generation/video-synthesis"
TEN = {"task_seconds": (10, 10)}  # PENDING for 0.4 s, then RUNNING for 9.6 s


async def test_pending_running_succeeded(serve):
    """Each state shows the documented fields, and no other."""
    async with serve(**TEN) as api:
        task_id = await api.create(api.wan())
        pending = await api.fetch(task_id)
        api.clock.advance(0.5)
        running = await api.fetch(task_id)
        api.clock.advance(9.5)
        done = await api.fetch(task_id)
    assert pending["output"] == {
        "task_id": task_id,
        "task_status": "PENDING",
        "submit_time": "2026-01-01 08:00:00.000",
    }
    assert running["output"] == {
        **pending["output"],
        "task_status": "RUNNING",
        "scheduled_time": "2026-01-01 08:00:00.400",
    }
    assert done["output"].pop("video_url").startswith("http://127.0.0.1:")
    assert done["output"] == {
        **running["output"],
        "task_status": "SUCCEEDED",
        "end_time": "2026-01-01 08:00:10.000",
        "orig_prompt": "make it snow",
    }
    assert all(answer.keys() == {"request_id", "output"} for answer in (pending, running))
    assert done.keys() == {"request_id", "output", "usage"}


async def test_times_are_utc_plus_8_to_the_millisecond(serve):
    """`YYYY-MM-DD HH:mm:ss.SSS` without a zone."""
    async with serve() as api:
        api.clock.advance(57_599.9994)
        output = (await api.finished(api.wan()))["output"]
    assert output["submit_time"] == "2026-01-01 23:59:59.999"
    for name in ("submit_time", "scheduled_time", "end_time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", output[name])


async def test_task_times_are_drawn_within_the_range(serve):
    """From the seed and the task's number; with None from the model's own usual times."""
    async with serve(task_seconds=(3.0, 5.0)) as api:
        for i in range(5):
            await api.create(api.wan(prompt=str(i)))
        rows = (await api.get("/tasks")).json()["data"]
        api.clock.advance(10)
        rows = (await api.get("/tasks")).json()["data"]
        times = [row["end_time"] - row["gmt_create"] for row in rows]
    assert all(3000 <= time <= 5000 for time in times)
    assert len(set(times)) == 5
    async with serve(task_seconds=None) as api:
        task_id = await api.create(api.wan())
        api.clock.advance(59)
        assert await api.status(task_id) == "RUNNING"
        api.clock.advance(640)
        assert await api.status(task_id) == "SUCCEEDED"


@pytest.mark.parametrize(("model", "places"), [("wan", 5), ("vace", 2)])
async def test_more_tasks_than_may_run_wait_as_pending(serve, model, places):
    """The model's running_tasks per account; the next one begins when a place is free."""
    async with serve(**TEN) as api:
        body = (
            api.wan()
            if model == "wan"
            else api.vace("image_reference", ref_images_url=["https://e.com/1.png"])
        )
        tasks = [await api.create(body) for _ in range(places * 2 + 1)]
        api.clock.advance(1)
        states = [await api.status(task) for task in tasks]
        assert states == ["RUNNING"] * places + ["PENDING"] * (places + 1)
        api.clock.advance(9.5)
        states = [await api.status(task) for task in tasks]
        assert states == ["SUCCEEDED"] * places + ["RUNNING"] * places + ["PENDING"]
        api.clock.advance(19.2)
        assert await api.status(tasks[-1]) == "SUCCEEDED"


async def test_places_are_per_model_and_account(serve):
    """A full lane does not hold up another one."""
    accounts = (
        Account("a", "1", (ApiKey("1", "sk-a"),)),
        Account("b", "2", (ApiKey("2", "sk-b"),)),
    )
    async with serve(accounts=accounts, **TEN) as api:
        for _ in range(5):
            await api.create(api.wan(), key="sk-a")
        waiting = await api.create(api.wan(), key="sk-a")
        vace = api.vace("image_reference", ref_images_url=["https://e.com/1.png"])
        others = [
            (await api.create(vace, key="sk-a"), "sk-a"),
            (await api.create(api.wan(), key="sk-b"), "sk-b"),
        ]
        api.clock.advance(1)
        assert await api.status(waiting, "sk-a") == "PENDING"
        assert [await api.status(*other) for other in others] == ["RUNNING", "RUNNING"]


async def test_a_refused_task_takes_no_place(serve):
    """Tasks that fail on their fields do not hold up the others."""
    async with serve(**TEN) as api:
        for _ in range(9):
            await api.create(api.wan(duration=11))
        task_id = await api.create(api.wan())
        api.clock.advance(0.5)
        assert await api.status(task_id) == "RUNNING"


async def test_cancel_while_pending(serve):
    """200 with a request_id only; the task shows CANCELED, with one L, and costs nothing."""
    async with serve() as api:
        task_id = await api.create(api.wan())
        answer = await api.cancel(task_id)
        assert (answer.status_code, answer.json().keys()) == (200, {"request_id"})
        api.clock.advance(60)
        done = await api.fetch(task_id)
        assert done["output"]["task_status"] == "CANCELED"
        assert "video_url" not in done["output"]
        assert "usage" not in done
        assert [(task["status"], task["billed_s"]) for task in api.server.bill()["tasks"]] == [
            ("CANCELED", 0.0)
        ]


async def test_cancel_of_any_other_task_is_refused(serve):
    """400 UnsupportedOperation for RUNNING, ended, cancelled and unknown tasks."""
    async with serve(**TEN) as api:
        task_id, cancelled = await api.create(api.wan()), await api.create(api.wan())
        await api.cancel(cancelled)
        answers = [await api.cancel(cancelled), await api.cancel("unknown")]
        for seconds in (1, 10):
            api.clock.advance(seconds)
            answers.append(await api.cancel(task_id))
        assert await api.status(task_id) == "SUCCEEDED"
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (400, "UnsupportedOperation")
        assert answer.json()["message"] == (
            "Failed to cancel the task, please confirm if the task is in PENDING status."
        )


async def test_those_behind_a_cancelled_task_move_up(serve):
    """The cancelled task's place in the queue goes to the next one."""
    async with serve(**TEN) as api:
        body = api.vace("image_reference", ref_images_url=["https://e.com/1.png"])
        tasks = [await api.create(body) for _ in range(5)]  # two run, two next, one last
        await api.cancel(tasks[2])
        api.clock.advance(11)
        states = [await api.status(task) for task in tasks]
    assert states == ["SUCCEEDED", "SUCCEEDED", "CANCELED", "RUNNING", "RUNNING"]


async def test_unknown_after_24_hours(api):
    """From 24 h after submit on: UNKNOWN, with task_id and task_status alone; the bill stands."""
    task_id = await api.create(api.wan())
    api.clock.advance(86_399)
    assert await api.status(task_id) == "SUCCEEDED"
    api.clock.advance(1)
    done = await api.fetch(task_id)
    assert done["output"] == {"task_id": task_id, "task_status": "UNKNOWN"}
    assert done.keys() == {"request_id", "output"}
    assert api.server.bill()["total_billed_s"] == 10.0


async def test_a_task_of_nobody_or_of_another_account_is_unknown(serve):
    """200 UNKNOWN, never 404; every key of the account sees its task."""
    accounts = (
        Account("a", "1", (ApiKey("1", "sk-a"), ApiKey("2", "sk-a2"))),
        Account("b", "2", (ApiKey("3", "sk-b"),)),
    )
    async with serve(accounts=accounts) as api:
        task_id = await api.create(api.wan(), key="sk-a")
        assert await api.status(task_id, "sk-a2") == "PENDING"
        assert await api.status(task_id, "sk-b") == "UNKNOWN"
        assert await api.status("0385dc79-5ff8-4d82-bcb6-000000000000", "sk-a") == "UNKNOWN"
        assert (await api.cancel(task_id, "sk-b")).status_code == 400


async def test_usage_of_wan(api):
    """duration = input + output, floats with two digits, SR a number."""
    done = await api.finished(api.wan(resolution="1080P", duration=3))
    assert done["usage"] == {
        "duration": 6.0,
        "input_video_duration": 3.0,
        "output_video_duration": 3.0,
        "video_count": 1,
        "SR": 1080,
    }
    default = api.wan()
    del default["parameters"]["resolution"]
    assert (await api.finished(default))["usage"]["SR"] == 1080


async def test_usage_and_prompt_of_vace(api):
    """video_count and video_duration; no orig_prompt."""
    done = await api.finished(api.vace("image_reference", ref_images_url=["https://e.com/1.png"]))
    assert done["usage"] == {"video_count": 1, "video_duration": 5}
    assert "orig_prompt" not in done["output"]


async def test_orig_prompt_is_what_the_service_read(api):
    """Cut at 5,000 characters; absent when no prompt was sent."""
    assert (await api.finished(api.wan(prompt="雪" * 5001)))["output"]["orig_prompt"] == "雪" * 5000
    assert "orig_prompt" not in (await api.finished(api.wan(prompt=None)))["output"]


async def test_a_film_that_cannot_be_made_fails_the_task(serve, caplog):
    """InternalError.Algo, and free: the server's own trouble is no success."""

    class Broken:
        def render(self, plan, medium, target):
            raise RuntimeError("no encoder")

    async with serve(renderer=Broken()) as api:
        done = await api.finished(api.wan())
        assert (done["output"]["task_status"], done["output"]["code"]) == (
            "FAILED",
            "InternalError.Algo",
        )
        assert api.server.bill()["total_billed_s"] == 0
    assert "no encoder" in caplog.text


async def test_a_fetch_and_a_list_tell_the_same_status(serve, tmp_path):
    """Of new and of old tasks, at every moment of their lives, also of a cancelled one."""
    async with serve(state_dir=tmp_path) as api:
        ids = [await api.create(api.wan(prompt=f"take {n}")) for n in range(3)]
        refused = await api.create({"model": "wan2.7-videoedit", "input": {}})
        assert (await api.cancel(ids[2])).status_code == 200
        told = set()
        for seconds in (0.0, 0.1, 0.5, 2.5, 2.0):
            api.clock.advance(seconds)
            listed = {task["task_id"]: task["status"] for task in api.server.tasks()}
            fetched = {task_id: await api.status(task_id) for task_id in (*ids, refused)}
            assert fetched == listed
            told |= set(fetched.values())
            await api.mock("POST", "restart")  # the next ones are read anew
        assert told == {"PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED"}

"""The list of tasks: rows, window, filters and pages."""

import pytest

from mockserver import Account, ApiKey

START = 1_767_225_600_000  # of the virtual clock, in ms: 2026-01-01 08:00:00 UTC+8


async def rows(api, **params):
    answer = await api.get("/tasks", **params)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_row_shows_times_and_states_and_no_inputs(serve):
    """Exactly the documented fields; epoch milliseconds; end_time only when ended."""
    async with serve(task_seconds=(10, 10)) as api:
        answer = await api.post(api.wan())
        task_id = answer.json()["output"]["task_id"]
        (pending,) = await rows(api)
        api.clock.advance(1)
        (running,) = await rows(api)
        api.clock.advance(9)
        (done,) = await rows(api)
    assert pending == {
        "api_key_id": "100001",
        "caller_parent_id": "1000000000000001",
        "caller_uid": "1000000000000001",
        "gmt_create": START,
        "model_name": "wan2.7-videoedit",
        "region": "ap-southeast-1",
        "request_id": answer.json()["request_id"],
        "status": "PENDING",
        "task_id": task_id,
        "user_api_unique_key": "apikey:v1:aigc:video-generation:video-synthesis:wan2.7-videoedit",
    }
    assert running == {**pending, "status": "RUNNING", "start_time": START + 400}
    assert done == {**running, "status": "SUCCEEDED", "end_time": START + 10_000}


async def test_pages_are_newest_first(api):
    """page_no and page_size with total and total_page; ten rows by default."""
    tasks = []
    for i in range(12):
        tasks.append(await api.create(api.wan(prompt=str(i))))
        api.clock.advance(1)
    first = (await api.get("/tasks")).json()
    assert (first["total"], first["total_page"], first["page_no"], first["page_size"]) == (
        12,
        2,
        1,
        10,
    )
    assert first.keys() == {"total", "data", "total_page", "page_no", "page_size", "request_id"}
    pages = [await rows(api, page_no=n, page_size=5) for n in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [5, 5, 2, 0]
    assert [row["task_id"] for page in pages for row in page] == tasks[::-1]


async def test_filters(serve):
    """By status as of now, model, task_id, key and region; together too."""
    accounts = (Account("a", "1", (ApiKey("k1", "sk-mock"), ApiKey("k2", "sk-2"))),)
    async with serve(accounts=accounts, task_seconds=(10, 10)) as api:
        done = await api.create(api.wan())
        api.clock.advance(20)
        running = await api.create(
            api.vace("image_reference", ref_images_url=["https://e.com/1.png"])
        )
        api.clock.advance(5)
        cancelled, failed = (
            await api.create(api.wan(), key="sk-2"),
            await api.create(api.wan(seed=-1)),
        )
        await api.cancel(cancelled)
        api.clock.advance(0.2)
        pending = await api.create(api.wan())

        async def found(**params):
            return {row["task_id"] for row in await rows(api, **params)}

        by_state = [
            await found(status=s) for s in ("SUCCEEDED", "RUNNING", "CANCELED", "FAILED", "PENDING")
        ]
        assert by_state == [{done}, {running}, {cancelled}, {failed}, {pending}]
        assert await found(model_name="wan2.1-vace-plus") == {running}
        assert await found(task_id=done) == {done}
        assert await found(task_id="unknown") == await found(task_id=done, status="FAILED") == set()
        assert await found(api_key_id="k2") == {cancelled}
        assert await found(region="cn-beijing") == set()
        assert (
            await found(region="ap-southeast-1", status="RUNNING", model_name="wan2.7-videoedit")
            == set()
        )
        assert len(await found(region="ap-southeast-1")) == 5


async def test_the_window_is_the_last_24_hours(api):
    """By default; start_time and end_time (UTC+8) narrow or move it."""
    early = await api.create(api.wan(prompt="early"))
    api.clock.advance(80_000)
    late = await api.create(api.wan(prompt="late"))

    async def found(**params):
        return [row["task_id"] for row in await rows(api, **params)]

    assert await found() == [late, early]
    assert await found(start_time="20260101080001") == [late]
    assert await found(start_time="20260101080000", end_time="20260101080001") == [early]
    assert await found(end_time="20260101080001") == [early]
    api.clock.advance(7_000)
    assert await found() == [late]
    assert await found(start_time="20260101000000") == [early]  # 24 h from there on


@pytest.mark.parametrize(
    "params",
    [
        {"page_no": 0},
        {"page_size": 0},
        {"page_size": 1001},
        {"page_no": "x"},
        {"page_no": "9" * 30},
        {"start_time": "2026-01-01"},
        {"end_time": "99999999999999"},
        {"start_time": "20260101080000", "end_time": "20260102080001"},
        {"start_time": "20260102080000", "end_time": "20260101080000"},
    ],
)
async def test_unusable_queries_are_refused(api, params):
    """400 InvalidParameter."""
    answer = await api.get("/tasks", **params)
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")


async def test_other_accounts_tasks_are_not_listed(serve):
    """An account sees its own tasks, whichever of its keys asks."""
    accounts = (
        Account("a", "1", (ApiKey("1", "sk-a"), ApiKey("2", "sk-a2"))),
        Account("b", "2", (ApiKey("3", "sk-b"),)),
    )
    async with serve(accounts=accounts) as api:
        await api.create(api.wan(), key="sk-a")
        totals = [
            (await api.get("/tasks", key)).json()["total"] for key in ("sk-a", "sk-a2", "sk-b")
        ]
    assert totals == [1, 1, 0]

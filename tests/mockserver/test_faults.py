"""Trouble on order, as a client meets it on a real connection, and what the server knows of it."""

import asyncio

import httpx
import pytest

from mockserver import Account, ApiKey, ServerError
from mockserver.orders.faults import LENGTHS, Faults
from mockserver.server import MockServer

CUT = (httpx.RemoteProtocolError, httpx.ReadError)


def creates(api):
    return [e for e in api.server.journal()["requests"] if e["path"].endswith("video-synthesis")]


async def finished_url(api):
    return (await api.finished(api.wan(seed=1)))["output"]["video_url"]


async def test_reset_before_the_server_has_acted(serve):
    """The connection is cut; no task; the journal has the request with status 0."""
    async with serve(faults={"route": "create", "nth": 1, "do": "reset"}) as api:
        with pytest.raises(CUT):
            await api.post(api.wan())
        assert api.server.bill()["tasks"] == []
        assert [(e["status"], e["fault"]) for e in creates(api)] == [(0, "reset")]
        assert (await api.post(api.wan())).status_code == 200


async def test_lost_answer_after_acceptance(serve):
    """The client sees the same; but the task is there, in the list and on the bill."""
    async with serve(faults={"route": "create", "nth": 1, "do": "lost"}) as api:
        with pytest.raises(CUT):
            await api.post(api.wan())
        (entry,) = creates(api)
        assert (entry["status"], entry["fault"]) == (200, "reset")
        assert (await api.get("/tasks")).json()["data"][0]["task_id"] == entry["task_id"]
        api.clock.advance(60)
        assert api.server.bill()["total_billed_s"] == 10.0


async def test_hang(serve):
    """No answer until the client gives up; the server's end is not held up. With `seconds` it comes
    late.
    """
    faults = [
        {"route": "fetch", "nth": 1, "do": "hang"},
        {"route": "fetch", "do": "hang", "seconds": 0.01},
    ]
    async with serve(faults=faults) as api:
        with pytest.raises(httpx.ReadTimeout):
            await api.http.get(
                "/tasks/x", headers={"Authorization": "Bearer sk-mock"}, timeout=0.05
            )
        assert await api.status("x") == "UNKNOWN"


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (
            {"status": 429},
            429,
            '"code":"Throttling.RateQuota","message":"Requests rate limit exceeded',
        ),
        ({"status": 500}, 500, '"code":"InternalError"'),
        (
            {"status": 503, "code": "ModelServingError", "message": "mine"},
            503,
            '"ModelServingError","message":"mine"',
        ),
        ({"status": 502, "body": "html"}, 502, "<html>"),
        ({"status": 500, "body": "none"}, 500, ""),
    ],
)
async def test_other_answers(serve, fault, status, text):
    """With the catalogue's words, your own, no JSON, no body; before (no task) or after (a task)
    the server acted.
    """
    for side, tasks in (("before", 0), ("after", 1)):
        async with serve(faults={"route": "create", "do": "answer", "side": side, **fault}) as api:
            answer = await api.post(api.wan())
            assert answer.status_code == status
            assert text in answer.text if text else answer.content == b""
            assert answer.headers["x-request-id"]
            assert len(api.server.bill()["tasks"]) == tasks


async def test_not_json(serve):
    """200 whose body is a page of some gateway."""
    async with serve(faults={"route": "list", "do": "not_json"}) as api:
        answer = await api.get("/tasks")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (
        200,
        "text/html",
    )
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


async def download(api, url):
    """What came, whether an error told of the break, and the length that was promised."""
    data = b""
    async with api.http.stream("GET", url) as answer:
        try:
            async for chunk in answer.aiter_raw():
                data += chunk
        except httpx.RemoteProtocolError:
            return data, True, answer.headers.get("content-length")
    return data, False, answer.headers.get("content-length")


async def test_truncated_downloads(serve):
    """With Content-Length the client can see it; without, a third of a film looks like a
    whole one.
    """
    faults = [
        {"route": "result", "nth": 2, "do": "truncate", "keep": 0.3},
        {"route": "result", "nth": 3, "do": "truncate", "keep": 0.3, "length": "none"},
    ]
    async with serve(faults=faults) as api:
        url = await finished_url(api)
        whole, _, _ = await download(api, url)
        part = whole[: int(len(whole) * 0.3)]
        assert await download(api, url) == (part, True, str(len(whole)))
        assert await download(api, url) == (part, False, None)
        assert await download(api, url) == (whole, False, str(len(whole)))


async def test_corrupted_downloads(serve):
    """The right number of bytes, some of them wrong; the length right, absent or wrong."""
    faults = [
        {"route": "result", "nth": i + 1, "do": "corrupt", "length": how}
        for i, how in enumerate(LENGTHS)
    ]
    async with serve(faults=faults) as api:
        url = await finished_url(api)
        got = [await download(api, url) for _ in range(3)]
        whole, _, _ = await download(api, url)
    assert [len(data) for data, _, _ in got] == [len(whole)] * 3
    assert [broken for _, broken, _ in got] == [False, False, True]
    assert all(data != whole and data[:10] == whole[:10] for data, _, _ in got)
    assert [length for _, _, length in got] == [str(len(whole)), None, str(len(whole) + 1000)]


async def test_a_wrong_content_length(serve):
    """Too high: the end is missed; too low: the rest is cut off."""
    faults = [
        {"route": "result", "nth": i + 1, "do": "wrong_length", "off_by": n}
        for i, n in enumerate((500, -500))
    ]
    async with serve(faults=faults) as api:
        url = await finished_url(api)
        high, broken, _ = await download(api, url)
        assert broken
        try:
            low = (await api.http.get(url)).content
        except httpx.RemoteProtocolError:
            low = high[:-500]  # more came than was promised, and the client said so
        assert low == high[:-500]


async def test_slow_bytes(serve):
    """Piece by piece, whole in the end."""
    slow = {"do": "slow", "chunk_bytes": 100, "pause_s": 0.001}
    async with serve(faults=[{"route": "result", **slow}, {"route": "fetch", **slow}]) as api:
        url = await finished_url(api)
        data, broken, length = await download(api, url)
    assert not broken
    assert len(data) == int(length) > 1000


async def test_duplicate_delivery(serve):
    """One POST, two tasks; the answer names the first; the list of tasks tells of both."""
    async with serve(faults={"route": "create", "nth": 1, "do": "duplicate"}) as api:
        task_id = await api.create(api.wan())
        tasks = [task["task_id"] for task in api.server.bill()["tasks"]]
        assert (len(tasks), tasks[0]) == (2, task_id)
        assert [entry["fault"] for entry in creates(api)] == ["duplicate"] * 2
        await api.create(api.wan())
        assert len(api.server.bill()["tasks"]) == 3


async def test_the_clock_jumps(serve):
    """Before the request it sees the later time, after it the earlier one."""
    faults = [
        {"route": "fetch", "nth": 1, "do": "jump", "seconds": 60, "side": "after"},
        {"route": "fetch", "nth": 2, "do": "jump", "seconds": 86_400},
    ]
    async with serve(faults=faults) as api:
        task_id = await api.create(api.wan())
        assert await api.status(task_id) == "PENDING"
        assert api.clock.now() == 1_767_225_660
        assert await api.status(task_id) == "UNKNOWN"


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_restart(serve, tmp_path, side):
    """Connections are cut and the state is read again: what was accepted is there, numbers
    go on.
    """
    async with serve(
        state_dir=tmp_path, faults={"route": "create", "nth": 2, "do": "restart", "side": side}
    ) as api:
        first = await api.create(api.wan())
        idle = httpx.AsyncClient(base_url=api.server.url, verify=False)
        await idle.get("/tasks")
        with pytest.raises(CUT):
            await api.post(api.wan())
        assert len(api.server.bill()["tasks"]) == (1 if side == "before" else 2)
        assert await api.status(first) == "PENDING"
        assert (await idle.get("/tasks")).status_code == 401
        await idle.aclose()
        third = await api.create(api.wan())
        assert third != first
        numbers = [entry["n"] for entry in api.server.journal()["requests"]]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_by_a_seeded_rate(serve):
    """The same seed strikes the same requests; about as many as the rate says."""

    async def struck(seed):
        async with serve(
            seed=seed, faults={"route": "fetch", "rate": 0.3, "do": "answer", "status": 503}
        ) as api:
            return [(await api.get("/tasks/x")).status_code for _ in range(60)]

    first, again, other = await struck(1), await struck(1), await struck(2)
    assert first == again != other
    assert 8 <= first.count(503) <= 30


async def test_whom_a_rule_meets(serve):
    """Route, label, number and how often; the first rule that strikes is the one."""
    rules = [
        {"route": "list", "label": "x", "do": "answer", "status": 429, "times": 1},
        {"route": "list", "nth": [2, 4], "do": "answer", "status": 500},
    ]
    async with serve(faults=rules) as api:
        headers = {"Authorization": "Bearer sk-mock"}
        labels = ("x", "x", None, None, None)
        sent = [{**headers, **({"X-Mock-Label": label} if label else {})} for label in labels]
        codes = [(await api.http.get("/tasks", headers=each)).status_code for each in sent]
        assert codes == [429, 500, 200, 500, 200]
        await api.fetch("x")
        shown = (await api.mock("GET", "faults")).json()["faults"]
        assert [(rule["seen"], rule["used"]) for rule in shown] == [(2, 1), (5, 2)]
        await api.mock("DELETE", "faults")
        await api.mock("POST", "faults", json={"do": "answer", "status": 418})
        assert (await api.get("/tasks")).status_code == 418
        assert (await api.mock("GET", "health")).status_code == 200  # the controls meet none


async def test_a_rule_for_one_account(serve):
    """By any of its keys; requests of others, of nobody and without a key do not even count."""
    accounts = (
        Account("a", "1", (ApiKey("1", "sk-1"), ApiKey("2", "sk-2"))),
        Account("b", "2", (ApiKey("3", "sk-3"),)),
    )
    rule = {"account": "a", "do": "answer", "status": 503, "nth": 2}
    async with serve(accounts=accounts, faults=rule) as api:
        assert [
            (await api.get("/tasks", key)).status_code for key in ("sk-1", "sk-3", "sk-none")
        ] == [200, 200, 401]
        assert (await api.http.get("/tasks")).status_code == 401
        assert [(await api.get("/tasks", key)).status_code for key in ("sk-2", "sk-1")] == [
            503,
            200,
        ]
        assert api.server.faults.show() == [{**rule, "seen": 3, "used": 1}]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"do": "explode"}, "do should be one of reset, lost, hang"),
        ({}, "do should be one of"),
        ({"do": "reset", "route": "nowhere"}, "route should be one of create, fetch"),
        ({"do": "truncate", "side": "before"}, "truncate happens after the server has acted"),
        ({"do": "reset", "rate": 2}, "a share from 0 to 1"),
        ({"do": "answer", "status": 700}, "100 to 599"),
        ({"do": "duplicate", "route": "upload"}, "cannot be delivered twice"),
        ({"do": "jump"}, "needs seconds"),
        ({"do": "reset", "rout": "x"}, "has no field rout"),
        ({"do": "reset", "route": "result", "account": "a"}, "carries no key"),
    ],
)
def test_a_rule_that_is_none(rule, words):
    """One error that says where, what, and what would do."""
    with pytest.raises(ServerError, match=words):
        MockServer(faults=[rule])


def test_a_rule_counts_even_when_another_strikes():
    """So that the numbers of a rule do not depend on the rules before it."""
    faults = Faults({}, 0, [{"do": "reset", "nth": 1}, {"do": "answer", "nth": 2}])
    drawn = [faults.draw("list", None, None) for _ in range(3)]
    assert [trouble and trouble.kind for trouble in drawn] == ["reset", "answer", None]


async def test_without_a_connection_a_cut_is_an_exception():
    """A simulation without sockets sees it as one."""
    from aiohttp.test_utils import make_mocked_request

    from mockserver.orders.wire import NoConnection, cut_connection

    request = make_mocked_request("GET", "/")
    request._protocol.transport = None
    with pytest.raises(NoConnection):
        cut_connection(request)
    await asyncio.sleep(0)

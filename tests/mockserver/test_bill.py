"""What the server tells of itself: bill, journal, clock, health, reset."""

import json
from base64 import b64encode
from urllib.parse import urlsplit

import pytest

from mockserver import MockServer, ServerError


async def test_the_bill_names_every_task(api):
    """The shape of /_mock/bill: only successes cost; wan2.7 bills input and output, VACE the
    output.
    """
    wan = await api.create(api.wan())
    vace = await api.create(api.vace("video_outpainting", video_url="https://e.com/1.mp4"))
    failed, cancelled = await api.create(api.wan(duration=1)), await api.create(api.wan())
    await api.cancel(cancelled)
    assert api.server.bill()["total_billed_s"] == 0  # nothing has succeeded yet
    api.clock.advance(60)
    bill = (await api.mock("GET", "bill")).json()
    assert bill == api.server.bill()
    assert bill["total_billed_s"] == 15.0
    tasks = {task.pop("task_id"): task for task in bill["tasks"]}
    assert list(tasks) == [wan, vace, failed, cancelled]
    assert [task["billed_s"] for task in tasks.values()] == [10.0, 5.0, 0.0, 0.0]
    assert [task["status"] for task in tasks.values()] == [
        "SUCCEEDED",
        "SUCCEEDED",
        "FAILED",
        "CANCELED",
    ]
    assert tasks[vace].keys() == {
        "account",
        "model",
        "request_sha256",
        "job_sha256",
        "status",
        "billed_s",
    }
    assert (tasks[vace]["account"], tasks[vace]["model"]) == ("default", "wan2.1-vace-plus")


async def test_one_job_through_two_uploads(api, clip, image_of):
    """job_sha256 sees the bytes behind uploads and data URIs; request_sha256 sees what was
    written.
    """
    png, jpeg = image_of(), image_of(colour=(1, 2, 3))

    def body(url, image):
        inlined = f"data:image/png;base64,{b64encode(image).decode()}"
        return api.wan(
            media=[{"type": "video", "url": url}, {"type": "reference_image", "url": inlined}]
        )

    first, second = await api.upload("a.mp4", clip), await api.upload("b.mp4", clip)
    for request in (body(first, png), body(second, png), body(first, jpeg)):
        await api.create(request)
    uploaded = await api.upload("c.png", png)
    await api.create(
        api.wan(
            media=[{"type": "video", "url": first}, {"type": "reference_image", "url": uploaded}]
        )
    )
    tasks = api.server.bill()["tasks"]
    jobs, requests = (
        [task["job_sha256"] for task in tasks],
        [task["request_sha256"] for task in tasks],
    )
    assert jobs[0] == jobs[1] == jobs[3] != jobs[2]
    assert len(set(requests)) == 4


async def test_request_digest_ignores_the_order_of_keys(api):
    """It is that of the canonical JSON."""
    body = api.wan(seed=1)
    await api.create(body)
    await api.create(dict(reversed(body.items())))
    first, second = api.server.bill()["tasks"]
    assert first["request_sha256"] == second["request_sha256"]


async def test_the_journal_tells_every_request_and_no_secret(api, clip):
    """Number, time, method, path, status and more; no key, no query of a signed URL, no prompt."""
    url = await api.upload("clip.mp4", clip)
    done = await api.finished(api.wan(prompt="prompt-text", media=[{"type": "video", "url": url}]))
    await api.http.get(done["output"]["video_url"])
    await api.post(api.wan(), key="sk-wrong")
    await api.get("/tasks", page_no=1)
    journal = (await api.mock("GET", "journal")).json()
    assert journal == api.server.journal()
    requests = journal["requests"]
    assert [entry["n"] for entry in requests] == list(range(1, 8))
    assert [(entry["method"], entry["status"]) for entry in requests] == [
        *(
            ("GET", 200),
            ("POST", 200),
            ("POST", 200),
            ("GET", 200),
            ("GET", 200),
            ("POST", 401),
            ("GET", 200),
        ),
    ]
    created = requests[2]
    assert created["at"] == 1_767_225_600.0
    assert created["path"] == "/api/v1/services/aigc/video-generation/video-synthesis"
    assert (created["account"], created["task_id"]) == ("default", done["output"]["task_id"])
    assert len(created["body_sha256"]) == 64
    assert requests[5]["code"] == "InvalidApiKey"
    assert requests[6]["query"] == {"page_no": "1"}
    text = json.dumps(journal)
    assert not [
        secret for secret in ("sk-mock", "sk-wrong", "Signature", "prompt-text") if secret in text
    ]


@pytest.mark.parametrize("kept", [False, True])
async def test_the_journal_is_a_ring(serve, monkeypatch, tmp_path, kept):
    """Only the last requests are kept, with a state folder and without; the numbers go on, over a
    restart too.
    """
    monkeypatch.setattr("mockserver.state.journal.JOURNAL_LENGTH", 3)
    async with serve(state_dir=tmp_path if kept else None) as api:
        for _ in range(5):
            await api.get("/tasks")
        assert [entry["n"] for entry in api.server.journal()["requests"]] == [3, 4, 5]
        if kept:
            await api.mock("POST", "restart")
            await api.get("/tasks")
            assert [entry["n"] for entry in api.server.journal()["requests"]] == [4, 5, 6]


async def test_the_clock_is_moved_by_hand(api):
    """POST /_mock/clock {"advance_s": N}; tasks follow."""
    task_id = await api.create(api.wan())
    answer = await api.mock("POST", "clock", json={"advance_s": 30.5})
    assert answer.json() == {"now": 1_767_225_630.5}
    assert await api.status(task_id) == "SUCCEEDED"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"advance_s": -1}', b'{"advance_s": "x"}', b'{"advance_s": 1e999}']
)
async def test_an_unusable_advance_is_refused(api, content):
    """400 that says what the body should be; time stays."""
    answer = await api.mock("POST", "clock", content=content)
    assert answer.status_code == 400
    assert "the body should be" in answer.json()["message"]
    assert api.clock.now() == 1_767_225_600.0


async def test_a_stopped_server_has_no_bill():
    """It says so, rather than show an empty one."""
    server = MockServer()
    with pytest.raises(ServerError, match="not running"):
        server.bill()


async def test_health(api):
    """That it is up, its time and its number of tasks."""
    await api.create(api.wan())
    assert (await api.mock("GET", "health")).json() == {
        "status": "ok",
        "now": 1_767_225_600.0,
        "tasks": 1,
    }


async def test_reset_forgets_everything(api, clip):
    """After it the server answers like a fresh one: same ids, no tasks, no uploads, an empty
    journal.
    """
    first = await api.create(api.wan())
    url = await api.upload("clip.mp4", clip)
    assert (await api.mock("POST", "reset")).status_code == 200
    assert api.server.bill() == {"tasks": [], "total_billed_s": 0}
    assert api.server.journal() == {"requests": []}
    assert await api.create(api.wan()) == first
    done = await api.finished(api.wan(media=[{"type": "video", "url": url}]))
    assert done["output"]["task_status"] == "FAILED"


async def test_controls_are_local(serve, monkeypatch):
    """Other machines get 403 from /_mock/ (here: a request whose peer is not this machine)."""
    monkeypatch.setattr("aiohttp.web.Request.remote", "192.0.2.7")
    async with serve() as api:
        parts = urlsplit(api.server.url)
        answers = [
            await api.http.get(f"http://{parts.netloc}/_mock/{name}")
            for name in ("health", "bill", "journal")
        ]
    assert [answer.status_code for answer in answers] == [403] * 3

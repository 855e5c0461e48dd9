"""Where the server itself is a client: webhooks that are told of the ends of tasks, and inputs that
are fetched.
"""

import gzip
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from mockserver import Account, ApiKey, ServerError, VirtualClock
from mockserver.catalogue import load_catalogue
from mockserver.errors import MediaError
from mockserver.media.fetcher import Fetcher
from mockserver.media.storage import Storage
from mockserver.state.state import State


@asynccontextmanager
async def listening(handler):
    """A small server on this machine: gives its root."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Inbox:
    """Takes events; the first `refusals` of them with 500."""

    def __init__(self, refusals=0):
        self.events, self.types, self.refusals = [], [], refusals

    async def take(self, request):
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=500)
        self.types.append(request.content_type)
        self.events.append(await request.json())
        return web.Response(status=204)


async def test_the_end_of_a_task_is_told(serve):
    """A CloudEvent for each end: SUCCEEDED, FAILED, CANCELED; none before, none twice."""
    inbox = Inbox()
    async with listening(inbox.take) as root, serve(webhooks=[root + "/hook"]) as api:
        good, bad, gone = (
            await api.create(api.wan()),
            await api.create(api.wan(duration=1)),
            await api.create(api.wan()),
        )
        await api.server.deliver_events()
        assert inbox.events == []
        await api.cancel(gone)
        await api.mock("POST", "clock", json={"advance_s": 60})
        await api.server.deliver_events()
        request_id = api.server.journal()["requests"][0]["request_id"]
    assert sorted((e["data"]["task_id"], e["data"]["task_status"]) for e in inbox.events) == sorted(
        [(gone, "CANCELED"), (bad, "FAILED"), (good, "SUCCEEDED")]
    )
    event = next(event for event in inbox.events if event["data"]["task_id"] == good)
    assert event["data"] == {
        "task_id": good,
        "task_status": "SUCCEEDED",
        "start_time": "2026-01-01 08:00:00",
        "end_time": event["data"]["end_time"],
        "contain_result": False,
        "user_api_unique_key": "apikey:v1:aigc:video-generation:video-synthesis:wan2.7-videoedit",
        "api_key_id": "100001",
        "region": "ap-southeast-1",
        "request_id": request_id,
        "model_name": "wan2.7-videoedit",
    }
    assert event["data"]["end_time"].startswith("2026-01-01 08:00:")
    assert (event["type"], event["source"]) == ("dashscope:System:AsyncTaskFinish", "acs.dashscope")
    assert (event["specversion"], event["time"][:17]) == ("1.0", "2026-01-01T00:00:")
    assert event["datacontenttype"] == "application/json;charset=utf-8"
    assert event["aliyunaccountid"] == event["aliyunoriginalaccountid"] != ""
    assert event["aliyunpublishtime"] == event["time"]
    assert (event["aliyuneventbusname"], event["aliyunregionid"]) == ("default", "ap-southeast-1")
    assert set(inbox.types) == {"application/json"}


async def test_duplicates_on_order_and_one_account_only(serve):
    """`copies: 2` says everything twice, under one id; a webhook can be for one account."""
    inbox = Inbox()
    accounts = (
        Account("a", "1", (ApiKey("1", "sk-a"),)),
        Account("b", "2", (ApiKey("2", "sk-b"),)),
    )
    async with listening(inbox.take) as root, serve(accounts=accounts) as api:
        await api.mock("POST", "webhooks", json={"url": root, "account": "b", "copies": 2})
        for key in ("sk-a", "sk-b"):
            await api.create(api.wan(), key=key)
        api.clock.advance(60)
        await api.server.deliver_events()
        assert len((await api.mock("GET", "webhooks")).json()["webhooks"]) == 1
        await api.mock("DELETE", "webhooks")
        await api.create(api.wan(), key="sk-b")
        api.clock.advance(60)
        await api.server.deliver_events()
    assert len(inbox.events) == 2
    assert inbox.events[0] == inbox.events[1]


async def test_a_token_goes_with_the_events(serve):
    """As the event bus sends that of an HTTP target; without one there is no such header."""
    tokens = []

    async def take(request):
        tokens.append(request.headers.get("x-eventbridge-signature-token"))
        return web.Response(status=204)

    async with listening(take) as root, serve(webhooks=[{"url": root, "token": "t0ken"}]) as api:
        shown = (await api.mock("POST", "webhooks", json={"url": root})).json()["webhooks"]
        assert [webhook.get("token") for webhook in shown] == ["t0ken", None]
        await api.create(api.wan())
        api.clock.advance(60)
        await api.server.deliver_events()
        answer = await api.mock("POST", "webhooks", json={"url": root, "token": "a\nb"})
        assert "token should be printable ASCII without blanks" in answer.text
    assert tokens == ["t0ken", None]


async def test_an_event_that_is_refused_comes_again(serve):
    """At least once: until it is taken, or five times have failed."""
    inbox = Inbox(refusals=2)
    async with listening(inbox.take) as root, serve(webhooks={"url": root}) as api:
        await api.create(api.wan())
        api.clock.advance(60)
        for _ in range(3):
            await api.server.deliver_events()
    assert len(inbox.events) == 1


async def test_a_restored_server_tells_of_tasks_from_before(serve):
    """The webhooks of the snapshot hear of the end of a task that was running in it."""
    inbox = Inbox()
    async with listening(inbox.take) as root:
        async with serve(webhooks=[root]) as api:
            task_id = await api.create(api.wan())
            saved = api.server.snapshot()
        async with serve() as api:
            api.server.restore(saved)
            api.clock.advance(60)
            await api.server.deliver_events()
    assert [event["data"]["task_id"] for event in inbox.events] == [task_id]


async def test_a_webhook_that_is_none(api):
    """The refusal says what would do."""
    answer = await api.mock("POST", "webhooks", json={"url": "ftp://x"})
    assert "should be an http(s) URL, not 'ftp://x'" in answer.json()["message"]


async def test_inputs_are_fetched_on_request(serve, clip):
    """The bytes behind the URL are looked into: their length is billed, their limits count, the job
    is the URL's.
    """

    async def media(request):
        return web.Response(body=clip) if request.path == "/clip.mp4" else web.Response(status=404)

    async with listening(media) as root, serve(fetch_inputs=True) as api:
        good = await api.finished(api.wan(media=[{"type": "video", "url": root + "/clip.mp4"}]))
        assert good["usage"]["input_video_duration"] == 2.0
        gone = await api.finished(api.wan(media=[{"type": "video", "url": root + "/gone.mp4"}]))
        assert (gone["output"]["task_status"], gone["output"]["code"]) == (
            "FAILED",
            "InvalidParameter",
        )
        assert gone["output"]["message"] == f"Failed to download {root}/gone.mp4"
        bill = api.server.bill()["tasks"]
        assert bill[0]["job_sha256"] == bill[0]["request_sha256"]


async def test_an_input_that_cannot_be_reached(serve):
    """A refused connection is a failed download too."""
    async with serve(fetch_inputs=True) as api:
        done = await api.finished(
            api.wan(media=[{"type": "video", "url": "http://127.0.0.1:1/clip.mp4"}])
        )
    assert done["output"]["message"] == "Failed to download http://127.0.0.1:1/clip.mp4"


def test_scenario_files(tmp_path):
    """Scenarios, faults, accounts and webhooks in one file; what is wrong is said with the file's
    name.
    """
    from mockserver.orders.scenario_file import read_settings

    path = tmp_path / "s.yaml"
    path.write_text(
        "scenarios:\n  - when: {prompt: snow}\n    then: fail\nfaults: {route: create, do: lost,"
        " nth: 1}\naccounts:\n  - name: a\n    keys: [{secret: sk-a}]\nwebhooks:"
        " http://127.0.0.1:1/\n"
    )
    with pytest.raises(ServerError, match=r"s\.yaml\.webhooks should be of type list or dict"):
        read_settings(path)
    path.write_text(
        path.read_text().replace("webhooks: http://127.0.0.1:1/", "webhooks: [http://127.0.0.1:1/]")
    )
    options = read_settings(path, ["http://127.0.0.1:2/"])
    assert options["webhooks"] == ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]
    assert [key.secret for key in options["accounts"][0].keys] == ["sk-a"]
    assert (options["faults"]["do"], len(options["scenarios"])) == ("lost", 1)
    for text, words in (("a: [", "is no YAML"), ("scenario: []", "has no field scenario")):
        path.write_text(text)
        with pytest.raises(ServerError, match=words):
            read_settings(path)
    with pytest.raises(ServerError, match="cannot read the scenario file"):
        read_settings(tmp_path / "none.yaml")


async def test_a_webhook_that_redirects_has_taken_nothing(serve):
    """The event goes to the URL that was named, and is told again."""
    places = []

    async def elsewhere(request):
        places.append(request.path)
        if len(places) == 1:
            raise web.HTTPFound("/elsewhere")
        return web.Response()

    async with listening(elsewhere) as root, serve(webhooks=[root + "/hook"]) as api:
        await api.create(api.wan(duration=1))
        await api.mock("POST", "clock", json={"advance_s": 60})
        await api.server.deliver_events()
        await api.server.deliver_events()
    assert places == ["/hook", "/hook"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "http://", "http://[::1", "ftp://a/"])
async def test_a_webhook_that_is_no_address_is_refused(serve, url):
    """When it is ordered, not every time an event is to be told."""
    async with serve() as api:
        answer = await api.mock("POST", "webhooks", json={"url": url})
        assert (answer.status_code, "should be an http(s) URL" in answer.text) == (400, True)


async def test_inputs_that_never_end_or_burst_are_refused(tmp_path):
    """A promise beyond the limit, an endless body, endless redirects, a bomb: a code, and no more
    bytes than are allowed.
    """
    taken = []

    async def act(request):
        if request.path == "/round":
            raise web.HTTPFound("/round")
        if request.path == "/packed":
            packed = gzip.compress(bytes(1 << 20))
            taken.append(len(packed))
            return web.Response(body=packed, headers={"Content-Encoding": "gzip"})
        response = web.StreamResponse()
        if request.path == "/promised":
            response.content_length = 1 << 40
        await response.prepare(request)
        for _ in range(9999):
            taken.append(65536)
            await response.write(bytes(65536))
        return response

    state = State(None)
    storage = Storage(tmp_path, state, VirtualClock(), load_catalogue().service, "secret")
    fetcher = Fetcher(storage, 1 << 18)
    async with listening(act) as root:
        for path, code in (
            ("/endless", "InvalidFile.Size"),
            ("/promised", "InvalidFile.Size"),
            ("/round", "InvalidParameter"),
        ):
            with pytest.raises(MediaError) as refused:
                await fetcher.fetch(root + path)
            assert refused.value.failure.code == code
        for bad in ("http://127.0.0.1:99999/", "http://", "http://\u00e4..x/", "http://[::1"):
            with pytest.raises(MediaError):
                await fetcher.fetch(bad)
        await fetcher.fetch(root + "/packed")  # stored as it came: a thousand bytes
    state.close()
    assert sum(taken) < 64 << 20

"""The application alone: no socket, no thread, as a simulation drives it."""

import asyncio
import json

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from mockserver import MockServer, VirtualClock


async def inline(function, *args):
    return function(*args)


class Nothing:
    """A renderer that writes a few bytes."""

    def probe(self, path, kind):
        raise AssertionError("nothing is uploaded here")

    def render(self, plan, medium, target):
        target.write_bytes(b"film")


class Sent(asyncio.Protocol):
    """What a response writes."""

    def __init__(self):
        self.data = b""

    async def write(self, chunk):
        self.data += bytes(chunk)


def call(app, method, path, body=None):
    """One request through the application's handler, with nothing below it."""
    headers = {
        "Authorization": "Bearer sk-mock",
        "X-DashScope-Async": "enable",
        "Content-Type": "application/json",
    }
    headers["Host"] = "mock.example"
    data = b"" if body is None else json.dumps(body).encode()
    payload = asyncio.StreamReader()
    payload.feed_data(data)
    payload.feed_eof()
    request = make_mocked_request(method, path, headers=headers, app=app)
    request._read_bytes = data
    return app._handle(request)


async def test_a_task_without_sockets_and_threads(monkeypatch):
    """Create, fetch and download on one loop; the film's body can be read from the response."""

    def refused(*args, **kwargs):
        raise AssertionError("a thread was used")

    monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", refused)
    clock = VirtualClock()
    server = MockServer(clock=clock, run_blocking=inline, renderer=Nothing())
    app = server.app
    assert isinstance(app, web.Application)
    app.freeze()
    body = {
        "model": "wan2.7-videoedit",
        "input": {"media": [{"type": "video", "url": "https://e.com/1.mp4"}]},
    }
    created = await call(
        app, "POST", "/api/v1/services/aigc/video-generation/video-synthesis", body
    )
    task_id = json.loads(created.body)["output"]["task_id"]
    clock.advance(10)
    done = json.loads((await call(app, "GET", f"/api/v1/tasks/{task_id}")).body)
    url = done["output"]["video_url"]
    assert url.startswith("http://mock.example/oss/")
    response = await call(app, "GET", url.removeprefix("http://mock.example"))
    sent = Sent()
    await response.body.write(sent)
    assert sent.data == b"film"
    assert response.headers["Content-Length"] == "4"
    assert server.bill()["total_billed_s"] == 10.0
    await server.stop()


async def test_requests_at_the_same_time_share_a_commit(tmp_path):
    """Twelve posts that are at hand together are one commit, and durable when they are answered."""
    server = MockServer(state_dir=tmp_path, clock=VirtualClock(), run_blocking=inline)
    app, statements = server.app, []
    app.freeze()
    server._service.state._db.set_trace_callback(statements.append)
    body = {"model": "wan2.7-videoedit", "input": {}}  # a task that fails, without a film
    path = "/api/v1/services/aigc/video-generation/video-synthesis"
    answers = await asyncio.gather(*(call(app, "POST", path, body) for _ in range(12)))
    ids = {json.loads(answer.body)["output"]["task_id"] for answer in answers}
    assert len(ids) == 12
    assert statements.count("COMMIT") == 1
    await server.stop()
    server = MockServer(state_dir=tmp_path, clock=VirtualClock())
    assert server.app is not None
    assert {task["task_id"] for task in server.tasks()} == ids
    await server.stop()

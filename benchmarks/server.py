"""Requests per second of the mock server beside a bare aiohttp JSON handler, with few tasks and
with 100,000 held.

Client, server and handler are processes of their own, so that the client does not share a core's
loop with either. A second is one of the serving process's CPU, which is all that an idle machine
would give it, and does not depend on who else is using this one. Films are not rendered: rendering
is FFmpeg's speed, and a busy server leaves it for later anyway.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from typing import Any

from aiohttp import web

from mockserver import MockServer, VirtualClock

TASKS = 100_000
REQUESTS = 5_000  # of one measurement
ROUNDS = 3  # of handler and server in turn; the best of each counts
CONNECTIONS = 16
CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
TASK = "/api/v1/tasks/"
CPU = "/_mock/cpu"


# ---- the two servers, each in a process of its own
# ---------------------------------------------------------------


class NoFilms:
    """A renderer that never comes to an end, as on a server with more tasks than it can render."""

    def probe(self, *_: object) -> Any:
        raise AssertionError("nothing is uploaded here")

    def render(self, *_: object) -> None:
        threading.Event().wait()


async def cpu(_: web.Request) -> web.Response:
    """CPU time that this process has had, in seconds."""
    return web.json_response(time.process_time())


async def serve_mock() -> None:
    """Tasks end at once, as soon as the clock is advanced; none expires meanwhile."""
    server = MockServer(clock=VirtualClock(), task_seconds=(0.01, 0.01), renderer=NoFilms())
    server.app.router.add_get(CPU, cpu)
    await server.start()
    print(server.port, flush=True)
    await asyncio.Event().wait()


async def serve_bare() -> None:
    """The least that answers such requests with aiohttp: read JSON, write JSON."""
    output = {"output": {"task_status": "PENDING", "task_id": "0" * 36}, "request_id": "0" * 36}

    async def create(request: web.Request) -> web.Response:
        json.loads(await request.read())
        return web.json_response(output)

    async def fetch(_: web.Request) -> web.Response:
        return web.json_response(output)

    app = web.Application()
    app.router.add_post(CREATE, create)
    app.router.add_get(TASK + "{task_id}", fetch)
    app.router.add_get(CPU, cpu)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


class Process:
    """One of the two, started; killed at the end."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, name], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def memory_bytes(self) -> int:
        """Resident memory."""
        said = subprocess.check_output(
            ["ps", "-o", "rss=", "-p", str(self._process.pid)], text=True
        )
        return int(said) * 1024

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


# ---- the client
# --------------------------------------------------------------------------------------------------


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer"
        " sk-mock\r\nX-DashScope-Async: enable\r\n"
    )
    return (
        f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


def post(n: int) -> bytes:
    """A create with a prompt of its own."""
    media = [{"type": "video", "url": "https://example.com/clip.mp4"}]
    inputs = {"prompt": f"make it snow {n}", "media": media}
    body = {"model": "wan2.7-videoedit", "input": inputs, "parameters": {"seed": n}}
    return request("POST", CREATE, json.dumps(body).encode())


async def send(port: int, requests: list[bytes]) -> list[bytes]:
    """Send requests over a few kept connections; the bodies of the answers, all of which must be
    200.
    """
    todo, answers = iter(requests), []

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for each in todo:
            writer.write(each)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200 "), head
            start = head.index(b"content-length:") + 15
            answers.append(await reader.readexactly(int(head[start : head.index(b"\r", start)])))
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return answers


async def timed(port: int, requests: list[bytes]) -> tuple[float, list[bytes]]:
    """Requests per second of the serving process's CPU, and the bodies of the answers."""
    (before,) = await send(port, [request("GET", CPU)])
    answers = await send(port, requests)
    (after,) = await send(port, [request("GET", CPU)])
    return len(requests) / (float(after) - float(before)), answers


def measure(bare: Process, mock: Process, first: int) -> dict[str, tuple[float, float]]:
    """(bare, mock) requests per second of POST and GET: the best of some rounds in turn."""
    speeds: dict[str, list[tuple[float, float]]] = {"POST": [], "GET": []}
    for each in range(ROUNDS):
        posts = [post(first + each * REQUESTS + n) for n in range(REQUESTS)]
        floor, _ = asyncio.run(timed(bare.port, posts))
        speed, answers = asyncio.run(timed(mock.port, posts))
        speeds["POST"].append((floor, speed))
        gets = [
            request("GET", TASK + json.loads(answer)["output"]["task_id"]) for answer in answers
        ]
        speeds["GET"].append(
            (asyncio.run(timed(bare.port, gets))[0], asyncio.run(timed(mock.port, gets))[0])
        )
    return {
        name: (max(pair[0] for pair in pairs), max(pair[1] for pair in pairs))
        for name, pairs in speeds.items()
    }


def show(title: str, speeds: dict[str, tuple[float, float]]) -> None:
    for name, (floor, speed) in speeds.items():
        print(
            f"{name:4} {title:19} {speed:6.0f} a second   {speed / floor:.2f} of a bare handler; at"
            " least 0.50"
        )


def main() -> None:
    with Process("bare") as bare, Process("mock") as mock:
        few = measure(bare, mock, 0)
        held = ROUNDS * REQUESTS
        before = mock.memory_bytes()
        asyncio.run(send(mock.port, [post(n) for n in range(held, TASKS)]))
        advance = json.dumps({"advance_s": 3600}).encode()  # all of them end
        asyncio.run(send(mock.port, [request("POST", "/_mock/clock", advance)]))
        each = (mock.memory_bytes() - before) / (TASKS - held)
        many = measure(bare, mock, TASKS)
    show("of the first tasks", few)
    show("with 100,000 held", many)
    for name in few:
        print(
            f"{name:4} kept its speed      {many[name][1] / few[name][1]:6.2f} of it with 100,000"
            " tasks held"
        )
    print(f"memory per ended task     {each:6.0f} bytes   allowed 4096")


if __name__ == "__main__":
    if sys.argv[1:] in (["bare"], ["mock"]):
        asyncio.run(serve_bare() if sys.argv[1] == "bare" else serve_mock())
    else:
        main()

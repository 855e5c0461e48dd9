"""The mock server beside a bare aiohttp handler that reads and writes JSON: a POST and a GET of a
task, in memory and with its state on disk, and how soon it answers after its start.

Client and servers are processes of their own. Server and handler take turns, and each claim is the
median of the rounds' ratios: once of the CPU time of the serving process, which is what an idle
machine would give it, and once of the wall time. Films are not rendered: rendering is FFmpeg's
speed, and a busy server leaves it for later anyway. `--held` also has it hold 100,000 tasks.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from frame import measure_in_turn, tell_ratio, tell_value
from scene.making import CUTLIST

TASKS = 100_000  # held, with --held
REQUESTS = 1_500  # of one measurement
ROUNDS = 11
STARTS = 9
CONNECTIONS = 16
CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
TASK = "/api/v1/tasks/"
ANY_TASK = TASK + "0" * 36
CPU = "/_mock/cpu"
KINDS = {"memory": "in memory", "state": "with its state on disk"}
FIELDS = {"cpu_s": "CPU of the server", "wall_s": "wall"}
LEAST = {"POST": 0.5, "GET": 0.6}  # times as fast as the bare handler
LONGEST_START = 1.5  # times the start of the bare server


# ---- the servers, each in a process of its own


class NoFilms:
    """A renderer that never comes to an end, as on a server with more tasks than it can render."""

    def probe(self, *_: object) -> Any:
        raise AssertionError("nothing is uploaded here")

    def render(self, *_: object) -> None:
        threading.Event().wait()


async def serve_mock(state_dir: Path | None) -> None:
    """Tasks end at once, as soon as the clock is advanced; none expires meanwhile."""
    from aiohttp import web

    from mockserver import MockServer, VirtualClock

    async def tell_cpu(_: web.Request) -> web.Response:
        return web.json_response(time.process_time())

    server = MockServer(
        state_dir=state_dir,
        clock=VirtualClock(),
        task_seconds=(0.01, 0.01),
        renderer=NoFilms(),
    )
    server.app.router.add_get(CPU, tell_cpu)
    await server.start()
    print(server.url, flush=True)
    await asyncio.Event().wait()


async def serve_library() -> None:
    """A server with the settings that a program gets when it names none."""
    from mockserver import MockServer

    server = MockServer()
    await server.start()
    print(server.url, flush=True)
    await asyncio.Event().wait()


BARE = [sys.executable, str(Path(__file__).with_name("bare_server.py"))]
SELF = [sys.executable, __file__]
STARTED = {
    "bare": BARE,
    "cutlist mock": [*CUTLIST, "mock"],
    "python -m mockserver": [sys.executable, "-m", "mockserver"],
    "MockServer().start()": [*SELF, "library"],
}


class Process:
    """A server that was started; killed at the end."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        url = self._process.stdout.readline().rpartition(" ")[2].strip()
        self.port = int(url.removesuffix("/api/v1").rpartition(":")[2])

    def measure_memory(self) -> int:
        """Resident memory in bytes."""
        command = ["ps", "-o", "rss=", "-p", str(self._process.pid)]
        return int(subprocess.check_output(command, text=True)) * 1024

    def kill(self) -> float:
        """End it; returns the CPU seconds that it had in all."""
        self._process.kill()
        _, _, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = 0
        assert self._process.stdout is not None
        self._process.stdout.close()
        return usage.ru_utime + usage.ru_stime

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self.kill()


# ---- the client


def build_request(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-mock\r\n"
        "X-DashScope-Async: enable\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def build_post(n: int) -> bytes:
    """A create with a prompt of its own."""
    media = [{"type": "video", "url": "https://example.com/clip.mp4"}]
    inputs = {"prompt": f"make it snow {n}", "media": media}
    body = {"model": "wan2.7-videoedit", "input": inputs, "parameters": {"seed": n}}
    return build_request("POST", CREATE, json.dumps(body).encode())


class Connection(asyncio.Protocol):
    """One connection that is kept: it sends the next request when an answer is complete."""

    def __init__(self, todo: Iterator[bytes], answers: list[bytes]) -> None:
        self._todo, self._answers, self._received = todo, answers, b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send_next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        head = head.lower()
        start = head.index(b"content-length:") + 15
        if len(body) == int(head[start:].partition(b"\r")[0]):
            assert head.startswith(b"http/1.1 200 "), self._received
            self._received = b""
            self._answers.append(body)
            self._send_next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def _send_next(self) -> None:
        request = next(self._todo, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._transport.write(request)


async def send(port: int, requests: list[bytes]) -> list[bytes]:
    """Send requests over a few kept connections; returns the bodies of the answers.

    All of them have to be 200.
    """
    todo, answers, loop = iter(requests), [], asyncio.get_running_loop()
    connections = [
        await loop.create_connection(lambda: Connection(todo, answers), "127.0.0.1", port)
        for _ in range(min(CONNECTIONS, len(requests)))
    ]
    await asyncio.gather(*(connection.done for _, connection in connections))
    return answers


class Cost(NamedTuple):
    """What some requests took, or a start: CPU of the serving process, and wall, in seconds."""

    cpu_s: float
    wall_s: float


def measure_requests(port: int, requests: list[bytes]) -> tuple[Cost, list[bytes]]:
    """What requests cost, and the bodies of the answers."""

    async def measure_all() -> tuple[Cost, list[bytes]]:
        (before,) = await send(port, [build_request("GET", CPU)])
        begun = time.perf_counter()
        answers = await send(port, requests)
        wall_s = time.perf_counter() - begun
        (after,) = await send(port, [build_request("GET", CPU)])
        return Cost(float(after) - float(before), wall_s), answers

    return asyncio.run(measure_all())


def measure_start(command: list[str]) -> Cost:
    """What it takes from the start of a process to its first answer."""
    begun = time.perf_counter()
    with Process(command) as process:
        asyncio.run(send(process.port, [build_request("GET", ANY_TASK)]))
        wall_s = time.perf_counter() - begun
        return Cost(process.kill(), wall_s)


# ---- the claims


class Turn:
    """The next posts for one server, and then a fetch of each of the tasks that they made."""

    def __init__(self, port: int, first: int) -> None:
        self._port, self._next = port, first
        self._gets: list[bytes] = []

    def post(self) -> Cost:
        numbers = range(self._next, self._next + REQUESTS)
        self._next += REQUESTS
        cost, answers = measure_requests(self._port, [build_post(n) for n in numbers])
        ids = [json.loads(answer)["output"]["task_id"] for answer in answers]
        self._gets = [build_request("GET", TASK + task_id) for task_id in ids]
        return cost

    def get(self) -> Cost:
        return measure_requests(self._port, self._gets)[0]


def compare_speeds(bare: Process, mocks: dict[str, Process], first: int, words: str = "") -> None:
    """Tell how many times as fast as the bare handler the servers are.

    The posts have the numbers from `first` on.
    """
    turns = {name: Turn(each.port, first) for name, each in {"bare": bare, **mocks}.items()}
    measures = {
        f"{method} {name}": getattr(turn, method.lower())
        for method in LEAST
        for name, turn in turns.items()
    }
    costs: dict[str, list[Cost]] = {name: [] for name in measures}
    for _ in range(ROUNDS):  # no reverse order here: a fetch comes after its post
        for name, measure in measures.items():
            costs[name].append(measure())
    for method, least in LEAST.items():
        for kind in mocks:
            for field in Cost._fields:
                tell_ratio(
                    f"server: {method} {KINDS[kind]}{words}, {FIELDS[field]}",
                    [REQUESTS / getattr(cost, field) for cost in costs[f"{method} {kind}"]],
                    [REQUESTS / getattr(cost, field) for cost in costs[f"{method} bare"]],
                    allowed=least,
                    at_least=True,
                    unit="requests/s",
                )


def compare_starts() -> None:
    """Tell how many times as long as the bare server the others take to their first answer."""
    measures = {name: functools.partial(measure_start, each) for name, each in STARTED.items()}
    costs = measure_in_turn(STARTS, **measures)
    for name in STARTED:
        if name == "bare":
            continue
        for field in Cost._fields:
            tell_ratio(
                f"server: start of {name}, {FIELDS[field]}",
                [getattr(cost, field) for cost in costs[name]],
                [getattr(cost, field) for cost in costs["bare"]],
                allowed=LONGEST_START,
                unit="s",
            )


def hold_tasks(mock: Process, first: int) -> None:
    """Have a server hold many tasks that have ended, and tell the memory that each takes."""
    before = mock.measure_memory()
    asyncio.run(send(mock.port, [build_post(n) for n in range(first, TASKS)]))
    advance = json.dumps({"advance_s": 3600}).encode()  # all of them end
    asyncio.run(send(mock.port, [build_request("POST", "/_mock/clock", advance)]))
    each = (mock.measure_memory() - before) / (TASKS - first)
    tell_value("server: memory of a task that has ended", [each], allowed=4096, unit="bytes")


def main() -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-server-"))
        bare = stack.enter_context(Process(BARE))
        mocks = {
            "memory": stack.enter_context(Process([*SELF, "memory"])),
            "state": stack.enter_context(Process([*SELF, "state", folder])),
        }
        compare_speeds(bare, mocks, 0)
        if "--held" in sys.argv:
            hold_tasks(mocks["memory"], ROUNDS * REQUESTS)
            held = {"memory": mocks["memory"]}
            compare_speeds(bare, held, TASKS, f" with {TASKS:,} tasks held")
    compare_starts()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["memory"]:
            asyncio.run(serve_mock(None))
        case ["state", folder]:
            asyncio.run(serve_mock(Path(folder)))
        case ["library"]:
            asyncio.run(serve_library())
        case _:
            main()

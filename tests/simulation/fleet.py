"""Many tasks in flight on virtual time: what they cost in requests, and how late their files are.

One project, one server without trouble that refuses what is over its documented rates, and a
network that takes some time there and back. Nothing waits in real time, and counts are the same in
every run.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from mockserver import MockServer
from reconciler import Project
from reconciler.apply.events import Event, Phase
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from tests.simulation.clocks import EPOCH, LifeClock, ServiceClock, elapsed_s
from tests.simulation.loop import VirtualLoop
from tests.simulation.shortcuts import take_shortcuts
from tests.simulation.wire import dispatch
from tests.simulation.world import ReadyMade, inline

HOST = "fleet.example"
ONE_WAY_S = (0.02, 0.15)  # what a request, or an answer, takes on its way
PROJECT = """\
apiVersion: cutlist/v1
kind: Project
spec:
  endpoint: https://fleet.example/api/v1
  realm: live
  account: studio
  limits: {running_tasks: RUNNING}
  defaults: {model: wan2.7-videoedit, parameters: {resolution: 720P, duration: 2}}
"""
MANIFEST = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: shot, labels: {n: "${{ matrix.n }}"}}
spec:
  matrix: {n: [NUMBERS]}
  input:
    prompt: Make it rain, number ${{ matrix.n }}
    media: [{type: video, url: https://clips.example/a.mp4}]
"""


@dataclass
class Voyage:
    """What an apply did. Moments are virtual seconds since the beginning of time."""

    jobs: int
    sent_at: list[float] = field(default_factory=list)  # of every request, in order
    kinds: Counter[str] = field(default_factory=Counter)  # of requests
    sent_of: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # by kind
    refused: int = 0  # 429: over the rate
    ended_at: dict[str, float] = field(default_factory=dict)  # by task
    in_place_at: dict[str, float] = field(default_factory=dict)  # by task

    @property
    def requests_per_job(self) -> float:
        return len(self.sent_at) / self.jobs

    @property
    def most_in_a_second(self) -> int:
        """The most requests in any second, wherever it begins."""
        return _find_most_in_a_second(self.sent_at)

    @property
    def most_of(self) -> dict[str, int]:
        """The same by the kind of request."""
        return {kind: _find_most_in_a_second(times) for kind, times in self.sent_of.items()}

    @property
    def median_delay_s(self) -> float:
        """From the end of a task to its file in place."""
        return statistics.median(self.in_place_at[task] - at for task, at in self.ended_at.items())


def _find_most_in_a_second(times: Sequence[float]) -> int:
    return max(bisect_left(times, at + 1.0) - n for n, at in enumerate(times))


class Strait(httpx.AsyncBaseTransport):
    """The way to the server; every request that passes is noted."""

    def __init__(self, server: MockServer, voyage: Voyage, refuses_lists: bool) -> None:
        self._server, self._voyage, self._refuses_lists = server, voyage, refuses_lists
        self._chance = random.Random(7)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        kind = _kind_of(request)
        self._voyage.sent_at.append(elapsed_s())
        self._voyage.kinds[kind] += 1
        self._voyage.sent_of[kind].append(elapsed_s())
        await asyncio.sleep(self._chance.uniform(*ONE_WAY_S))
        if kind == "list" and self._refuses_lists:
            status, headers, body = 404, {}, b"<html>no such page</html>"
        else:
            status, headers, body = await dispatch(self._server.app, request)
        await asyncio.sleep(self._chance.uniform(*ONE_WAY_S))
        self._voyage.refused += status == 429
        headers = {name: text for name, text in headers.items() if name != "Transfer-Encoding"}
        return httpx.Response(status, headers=headers, content=body)


def _kind_of(request: httpx.Request) -> str:
    if request.method == "POST":
        return "submit"
    path = request.url.path
    if path.endswith(".mp4"):
        return "download"
    if "/tasks/" in path:
        return "look"
    return "list" if "status" in request.url.params else "reading"  # before a request is sent


def sail(
    folder: Path,
    *,
    jobs: int,
    running: int,
    task_s: tuple[float, float],
    refuses_lists: bool = False,
    applies: int = 1,
) -> Voyage:
    """Apply a project of that many jobs, of which so many may run at once and take so long. Of
    several `applies`, each of other jobs, the last one counts. Raises AssertionError where not all
    goes well.
    """
    loop = VirtualLoop()
    try:
        with pytest.MonkeyPatch.context() as patch:
            take_shortcuts(patch)
            return loop.run_until_complete(
                _sail(folder, jobs, running, task_s, refuses_lists, applies)
            )
    finally:
        loop.close()


async def _sail(
    folder: Path,
    jobs: int,
    running: int,
    task_s: tuple[float, float],
    refuses_lists: bool,
    applies: int,
) -> Voyage:
    server, clock = open_server(running, task_s), start_clock()
    (folder / "specs").mkdir(parents=True)
    (folder / "cutlist.yaml").write_text(PROJECT.replace("RUNNING", str(running)))
    try:
        for turn in range(applies):
            numbers = ", ".join(str(turn * jobs + n) for n in range(jobs))
            manifest = MANIFEST.replace("NUMBERS", numbers)
            (folder / "specs/shots.yaml").write_text(manifest)
            voyage = Voyage(jobs)
            await apply_all(folder, server, clock, Strait(server, voyage, refuses_lists), voyage)
    finally:
        await server.stop()
    return voyage


def open_server(running: int, task_s: tuple[float, float]) -> MockServer:
    """The service, at its documented rates, where that many tasks of a model may run at once."""
    server = MockServer(
        clock=ServiceClock(),
        renderer=ReadyMade(),
        task_seconds=task_s,
        run_blocking=inline,
        public_url=f"https://{HOST}",
        rate_limits=True,
    )
    _raise_quota(server, running)
    server.app.freeze()
    return server


def start_clock(chance: int = 3) -> LifeClock:
    """The clock of a machine, which is right; machines of one ledger need a `chance` each, since
    their ids come of it.
    """
    return LifeClock(random.Random(chance), error_s=0.0, jump_s=0.0, jump_at_s=0.0)


def _raise_quota(server: MockServer, running: int) -> None:
    """Let the account run that many tasks of a model at once."""
    catalogue = server._catalogue
    models = {
        name: replace(model, running_tasks=running) for name, model in catalogue.models.items()
    }
    server._catalogue = replace(catalogue, models=models)


async def apply_all(
    folder: Path, server: MockServer, clock: LifeClock, strait: Strait, voyage: Voyage
) -> None:
    """One apply of a project, which goes well."""
    tasks: dict[str, str] = {}  # by edit

    def observe(event: Event) -> None:
        if event.task_id:
            tasks[event.name] = event.task_id
        if event.phase is Phase.WRITTEN:
            voyage.in_place_at[tasks[event.name]] = elapsed_s()

    project = Project.open(
        folder,
        variables=Variables(Secret("sk-mock")),
        clock=clock,
        transport=strait,
        block=inline,
    )
    report = await project.apply_async(ApplyRequest(), ApplyHooks(observe=observe))
    assert report.exit_code == 0, [str(outcome.error) for outcome in report.failures][:3]
    ends = {task["task_id"]: task["end_at"] - EPOCH for task in server.tasks()}
    voyage.ended_at |= {task: ends[task] for task in tasks.values()}

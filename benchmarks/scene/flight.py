"""The memory of an apply with many tasks in flight: `prepare FOLDER TASKS` writes a project whose
ledger has that many tasks at the service, and `fly FOLDER TASKS` follows them for some minutes of
virtual time, with a service that answers out of nothing, and prints its memory.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
from pathlib import Path
from typing import Any

import httpx

from benchmarks.scene.projects import open_quick_ledger
from reconciler import Project
from reconciler.apply.lanes import name_lane
from reconciler.apply.outcome import Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from reconciler.state.observed import Attempt, State
from tests.simulation.clocks import LifeClock, elapsed_s
from tests.simulation.loop import VirtualLoop

FOLLOWED_S = 150.0  # virtual: the list of 10,000 tasks is read twice
PAGE = 100  # rows of the list
FILE = 500  # edits of a manifest
PROJECT = """\
apiVersion: cutlist/v1
kind: Project
spec:
  endpoint: https://fleet.example/api/v1
  realm: live
  account: studio
  limits: {running_tasks: 10000}
  defaults: {model: wan2.7-videoedit, parameters: {resolution: 720P, duration: 2}}
"""
EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: shot-NUMBER}
spec:
  input:
    prompt: Make it rain, number NUMBER
    media: [{type: video, url: https://clips.example/a.mp4}]
"""


async def inline(function: Any, *args: Any) -> Any:
    """Synchronous code, run at once."""
    return function(*args)


class Service(httpx.AsyncBaseTransport):
    """Every task runs; the list has all of them."""

    def __init__(self, tasks: int, stop: Stop) -> None:
        self._ids, self._stop = [f"task-{n:05}" for n in range(tasks)], stop
        self.asked = {"list": 0, "look": 0}
        self.peak_mb = 0.0  # while all of them are in flight

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05)
        self.peak_mb = measure_peak_mb()
        if elapsed_s() > FOLLOWED_S:
            self._stop.request("SIGINT")
        name = request.url.path.rpartition("/")[2]
        if name != "tasks":
            self.asked["look"] += 1
            output = {"task_id": name, "task_status": "RUNNING"}
            return httpx.Response(200, json={"request_id": "r", "output": output})
        self.asked["list"] += 1
        query = request.url.params
        ids = self._ids if query.get("status") == "RUNNING" else []
        page = int(query["page_no"])
        rows = [
            {"task_id": task, "status": "RUNNING", "model_name": "wan2.7-videoedit"}
            for task in ids[(page - 1) * PAGE : page * PAGE]
        ]
        answer = {"data": rows, "total": len(ids), "total_page": -(-len(ids) // PAGE)}
        return httpx.Response(200, json={**answer, "page_no": page, "page_size": PAGE})


def open_project(folder: Path, clock: LifeClock, transport: Service | None = None) -> Project:
    """The project of the flight."""
    variables = Variables(Secret("sk-mock"))
    return Project.open(folder, variables=variables, clock=clock, transport=transport, block=inline)


def prepare(folder: Path, tasks: int) -> None:
    """Write the project and its ledger."""
    (folder / "specs").mkdir(parents=True)
    (folder / "cutlist.yaml").write_text(PROJECT)
    for first in range(0, tasks, FILE):
        numbers = (f"{number:05}" for number in range(first, min(first + FILE, tasks)))
        text = "---\n".join(EDIT.replace("NUMBER", number) for number in numbers)
        (folder / f"specs/shots-{first:05}.yaml").write_text(text)
    loop = VirtualLoop()
    loop.run_until_complete(_submit_all(folder))
    loop.close()


async def _submit_all(folder: Path) -> None:
    clock = LifeClock(random.Random(1), error_s=0.0, jump_s=0.0, jump_at_s=0.0)
    project = open_project(folder, clock)
    jobs = [each.job for each in project.run_pass().resolved.values()]
    endpoint, account = project.config.endpoint.name, project.config.account
    lane = name_lane(endpoint, account, "wan2.7-videoedit")
    ledger = open_quick_ledger(project.config.state_dir / "ledger.db")
    for number, job in enumerate(jobs):
        assert job is not None
        name, now = f"id{number:05}", clock.now()
        attempt = Attempt(name, job.key, lane, f"shot-{number:05}", State.INTENT, endpoint, now)
        ledger.intend(attempt, request_sha256="", prompt=None, job=job.canonical, server_time=now)
        ledger.submitted(name, f"task-{number:05}", at=now, server_time=now)
    ledger.close()


def fly(folder: Path, tasks: int) -> None:
    """Follow the tasks; prints what was asked of the service."""
    loop = VirtualLoop()
    loop.run_until_complete(_fly(folder, tasks))
    loop.close()


async def _fly(folder: Path, tasks: int) -> None:
    clock, stop = LifeClock(random.Random(2), error_s=0.0, jump_s=0.0, jump_at_s=0.0), Stop()
    service = Service(tasks, stop)
    project = open_project(folder, clock, service)
    report = await project.apply_async(ApplyRequest(), ApplyHooks(), stop=stop)
    assert len(report.in_flight) == tasks, len(report.in_flight)
    assert service.asked["list"] > 2 * tasks // PAGE, service.asked
    told = {"in_flight_mb": service.peak_mb, "peak_mb": measure_peak_mb(), **service.asked}
    print(json.dumps(told))


def measure_peak_mb() -> float:
    """The most memory that this process had, in 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare", folder, tasks]:
            prepare(Path(folder), int(tasks))
        case ["fly", folder, tasks]:
            fly(Path(folder), int(tasks))

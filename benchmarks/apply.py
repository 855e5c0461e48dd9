"""An apply beside bare scripts: jobs in a second, requests and delays with many tasks in flight,
downloads, memory, and how its CPU time grows with its jobs.

What is compared runs in turn against the same server, in processes of their own. Where only the
client is of interest, time goes faster for it and the server alike, so that the pace of the
service's lanes takes no time that matters.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from frame import measure_command, measure_in_turn, say, tell_ratio, tell_value
from scene import bare, flight, rendering

from reconciler import Project
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from reconciler.service.client import Client
from reconciler.service.endpoints import find_endpoint
from reconciler.state.store import FolderStore
from reconciler.system.clock import SystemClock
from tests.simulation.fleet import sail

JOBS, AT_ONCE, ROUNDS = 1000, 16, 3
NO_PACE, SLOW_PACE = 100.0, 20.0  # how much faster time goes
SMALL = 100  # jobs, beside JOBS of the same kind
IN_FLIGHT, SAILED = 500, 1500
FLOWN = 10_000
SMALL_BYTES, LARGE_BYTES = 10**6, 10**9


class FastClock(SystemClock):
    """The machine's time, some times as fast."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed, self._begun, self._wall = speed, time.monotonic(), time.time()

    def now(self) -> float:
        return self._wall + self.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._begun) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


# ---- in processes of their own -----------------------------------------------------------------


def apply(root: Path, speed: float) -> dict[str, float]:
    """Apply a project; seconds of CPU of this process alone, and of the wall."""
    variables = Variables(Secret("sk-mock"))
    project = Project.open(root, variables=variables, clock=FastClock(speed))
    project.plan()  # what is read once is not measured
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    report = project.apply()
    wall_s, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    assert report.exit_code == 0, [outcome.error for outcome in report.failures][:3]
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": cpu_s, "wall_s": wall_s}


async def download(link: str, folder: Path) -> dict[str, float]:
    """Bring a file into a store, as an attempt does; seconds."""
    endpoint = find_endpoint(f"{link.rpartition('/')[0]}/api/v1", {}, "the bench", None)
    client = Client(endpoint, Secret("sk-mock"))
    store = FolderStore(folder, SystemClock())
    begun = time.perf_counter()
    with store.new_blob() as blob:
        async with client.download(link, most_bytes=1 << 30) as incoming:
            async for chunk in incoming.chunks:
                blob.write(chunk)
        blob.commit()
    wall_s = time.perf_counter() - begun
    await client.close()
    return {"wall_s": wall_s}


def sail_once() -> dict[str, Any]:
    """Many tasks in flight on virtual time; what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        voyage = sail(
            Path(folder) / "project", jobs=SAILED, running=IN_FLIGHT, task_s=(170.0, 190.0)
        )
    return {
        "requests_per_job": voyage.requests_per_job,
        "most_in_a_second": voyage.most_in_a_second,
        "median_delay_s": voyage.median_delay_s,
        "requests": dict(voyage.kinds),
    }


def run(*words: object) -> Any:
    """What this program prints when it is asked something, as data."""
    return ask(sys.modules[__name__], *words)


def ask(program: ModuleType, *words: object) -> Any:
    """What a program prints last, as data."""
    command = [sys.executable, str(program.__file__), *map(str, words)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(ran.stdout.splitlines()[-1])


# ---- claims ------------------------------------------------------------------------------------


def compare_jobs() -> None:
    """Jobs in a second, beside a bare script, both with fsyncs."""
    say(f"{JOBS} jobs, {ROUNDS} times, beside a bare script")

    def measure_ours() -> float:
        with rendering.started("tasks", NO_PACE) as url, tempfile.TemporaryDirectory() as folder:
            rendering.write_project(Path(folder), url, JOBS, tasks=AT_ONCE, woven=False)
            return JOBS / float(run("apply", folder, NO_PACE)["wall_s"])

    def measure_bare() -> float:
        with rendering.started("tasks", NO_PACE) as url, tempfile.TemporaryDirectory() as folder:
            return JOBS / float(ask(bare, "apply", url, JOBS, AT_ONCE, folder))

    took = measure_in_turn(ROUNDS, ours=measure_ours, bare=measure_bare)
    tell_ratio(
        f"apply of {JOBS:,} jobs, server without delay, beside bare httpx",
        took["ours"],
        took["bare"],
        allowed=0.5,
        unit="jobs/s",
        at_least=True,
    )


def count_requests() -> None:
    """Requests and delays with many tasks in flight for three minutes, on virtual time."""
    say(f"{IN_FLIGHT} tasks in flight, {SAILED:,} jobs, on virtual time")
    told = run("sail")
    what = f"{IN_FLIGHT} three-minute tasks in flight"
    tell_value(
        f"requests a finished job, {what}",
        [told["requests_per_job"]],
        allowed=4,
        unit="requests",
        requests=told["requests"],
    )
    tell_value(
        f"most requests in any second, {what}",
        [told["most_in_a_second"]],
        allowed=20,
        unit="requests",
    )
    tell_value(
        f"end of a task to its file in place, median, {what}",
        [told["median_delay_s"]],
        allowed=8,
        unit="virtual s",
    )


def compare_downloads() -> None:
    """A download beside a bare stream with SHA-256 and fsync, and its memory."""
    say(f"downloads of {LARGE_BYTES / 1e9:g} GB, {ROUNDS} times, beside a bare stream")
    with tempfile.TemporaryDirectory() as films, rendering.started("files", films) as url:
        link = f"{url}/{LARGE_BYTES}.mp4"

        def measure_ours() -> float:
            with tempfile.TemporaryDirectory() as folder:
                return LARGE_BYTES / 1e6 / float(run("download", link, folder)["wall_s"])

        def measure_bare() -> float:
            with tempfile.TemporaryDirectory() as folder:
                return LARGE_BYTES / 1e6 / float(ask(bare, "download", link, folder))

        took = measure_in_turn(ROUNDS, ours=measure_ours, bare=measure_bare)
        tell_ratio(
            "download into the store, beside bare httpx with SHA-256 and fsync",
            took["ours"],
            took["bare"],
            allowed=0.8,
            unit="MB/s",
            at_least=True,
        )
        peaks_mb = [
            _measure_peak("download", f"{url}/{size_bytes}.mp4", films)
            for size_bytes in (LARGE_BYTES, SMALL_BYTES)
        ]
    tell_ratio(
        "memory of a download of 1 GB, beside one of 1 MB",
        peaks_mb[:1],
        peaks_mb[1:],
        allowed=1.1,
        unit="MB",
    )


def _measure_peak(*words: object) -> float:
    """The peak of this program when it is asked something, in 10^6 bytes."""
    return measure_command([sys.executable, __file__, *words]).peak_mb


def measure_flight() -> None:
    """Memory of a client that follows many tasks, from its plan to its last report."""
    say(f"{FLOWN:,} tasks in flight")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        measure_command([sys.executable, flight.__file__, "prepare", project, FLOWN])
        told = ask(flight, "fly", project, FLOWN)
    tell_value(
        f"memory with {FLOWN:,} tasks in flight, plan included",
        [told["in_flight_mb"]],
        allowed=250,
        unit="MB",
        peak_mb=told["peak_mb"],
    )


def measure_growth() -> None:
    """CPU of an apply in which what ends touches others: a third of the jobs share a key with
    another edit, and a third of the edits build on another.
    """
    say(f"{SMALL} and {JOBS} jobs that touch each other")
    cpu_s = {}
    for jobs in (SMALL, JOBS):
        with (
            rendering.started("tasks", SLOW_PACE) as url,
            tempfile.TemporaryDirectory() as folder,
        ):
            rendering.write_project(Path(folder), url, jobs, tasks=5, woven=True)
            cpu_s[jobs] = float(run("apply", folder, SLOW_PACE)["cpu_s"]) / jobs
    tell_ratio(
        f"CPU of each job, {JOBS:,} jobs beside {SMALL}",
        [cpu_s[JOBS] * 1000],
        [cpu_s[SMALL] * 1000],
        allowed=1.15,
        unit="ms",
    )


def main() -> None:
    """Measure every claim."""
    count_requests()
    compare_jobs()
    compare_downloads()
    measure_flight()
    measure_growth()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["apply", folder, speed]:
            print(json.dumps(apply(Path(folder), float(speed))))
        case ["download", link, folder]:
            print(json.dumps(asyncio.run(download(link, Path(folder)))))
        case ["sail"]:
            print(json.dumps(sail_once()))
        case _:
            main()

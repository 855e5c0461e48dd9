"""How the memory of a controller grows: it looks 10,000 times at a repository with nothing new, one
look after the other, every hundredth a whole pass. `python benchmarks/controller_looks.py 10000`.
"""

from __future__ import annotations

import asyncio
import gc
import io
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from frame import tell_value
from scene.processes import read_memory
from scene.repositories import fill, read_sync, write_project, write_sync

from reconciler.apply.outcome import Stop
from reconciler.config import Variables
from reconciler.controller.logs import Log, LogStream
from reconciler.controller.running import PassThreads
from reconciler.controller.service import ControllerService, ServiceSettings
from reconciler.formats.secret import Secret
from reconciler.system.clock import SystemClock
from tests.repository import Repository

EDITS = 100
WARM = 500  # looks after which everything that is kept should be there
WHOLE = 100  # so often a whole pass
ALLOWED_MIB = 5.0  # of growth; the allocator settles after some whole passes


class Gauge:
    """Ends of passes, and what the process holds."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()
        self._threads = PassThreads(1)

    async def run_pass(self, start: Callable[[], Awaitable[None]]) -> None:
        """A pass in a thread, as the service does it."""
        await self._threads.run(start)
        self._ended.set()

    async def wait(self) -> None:
        """Until the pass has ended, and its end was heard."""
        await self._ended.wait()
        self._ended.clear()
        for _ in range(10):
            await asyncio.sleep(0)


@dataclass(frozen=True)
class Held:
    """What the process holds at a moment."""

    mib: float
    objects: int
    threads: int
    files: int


def measure() -> Held:
    """What this process holds now."""
    gc.collect()
    files = len(list(Path("/proc/self/fd").iterdir()))
    memory = read_memory("self", "VmRSS")
    return Held(memory, len(gc.get_objects()), threading.active_count(), files)


async def look(service: ControllerService, gauge: Gauge, looks: int) -> None:
    """Look so often, and say how memory grows."""
    stop = Stop()
    serving = asyncio.ensure_future(service.serve(stop))
    await gauge.wait()
    begun, first = time.monotonic(), measure()
    for number in range(1, looks + 1):
        if number % WHOLE:
            service.controller.look("films", "asked")
        else:
            service.controller.reconcile("films")
        await gauge.wait()
        if number == WARM:
            begun, first = time.monotonic(), measure()
            if tracemalloc.is_tracing():
                before = tracemalloc.take_snapshot()
        if number in (max(looks // 2, WARM + 1), looks):
            report(number, first, measure(), (time.monotonic() - begun) / (number - WARM))
    if tracemalloc.is_tracing():
        for line in tracemalloc.take_snapshot().compare_to(before, "lineno")[:15]:
            print(line)
    stop.request("done")
    await serving


def report(looks: int, first: Held, last: Held, each_s: float) -> None:
    """Print what the process holds after so many looks."""
    tell_value(
        f"a controller's memory after {looks:,} looks, more than after {WARM}",
        [last.mib - first.mib],
        allowed=ALLOWED_MIB,
        unit="MiB",
        memory_mib=last.mib,
        objects=[first.objects, last.objects],
        threads=[first.threads, last.threads],
        files=[first.files, last.files],
        look_s=each_s,
    )


def main() -> None:
    looks = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    if "--trace" in sys.argv:
        tracemalloc.start()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        work = folder / "work"
        work.mkdir()
        repository = Repository(work)
        write_project(work, EDITS)
        repository.commit("first")
        url = f"file://{work}/.git"
        document = write_sync("films", url, "http://127.0.0.1:9/api/v1", interval="1d")
        fill(folder / "state", document)
        sync, clock = read_sync(document), SystemClock()

        async def run() -> None:
            gauge = Gauge()
            settings = ServiceSettings(
                state=folder / "state",
                load=lambda: (sync,),
                clock=clock,
                variables=Variables(Secret("sk-mock")),
                log=Log(LogStream(io.StringIO()), clock, least="error"),
                listen=("127.0.0.1", 0),
                run_pass=gauge.run_pass,
            )
            await look(ControllerService(settings), gauge, looks)

        asyncio.run(run())


if __name__ == "__main__":
    main()

"""A project that is watched: the real watcher, real files, and a server whose tasks end at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from mockserver import MockServer
from mockserver.clock import RealClock
from reconciler import Project
from reconciler.apply.outcome import Report
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.config import Variables
from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret
from reconciler.system.clock import SystemClock
from tests.e2e.bench import Network, SmallFilms

PATIENCE_S = 120.0
Step = Callable[[], Any]


class Hurried(SystemClock):
    """The machine's clock, but whoever sleeps lets the time of tasks go by instead."""

    def __init__(self, server: RealClock) -> None:
        super().__init__()
        self._server = server
        self._ahead_s = 0.0
        self.held = False  # time stands still: tasks go on at the service for ever

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead_s

    async def sleep(self, seconds: float) -> None:
        if self.held:
            await asyncio.sleep(0.005)
            return
        self._server.advance(seconds)
        self._ahead_s += seconds
        await asyncio.sleep(0)


class Prompts(Network):
    """The real network, which keeps what tasks are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("video-synthesis"):
            self.prompts.append(json.loads(await request.aread())["input"]["prompt"])
        return await super().handle_async_request(request)


class Watched:
    """One project folder, its server, and what its watch has done so far."""

    def __init__(self, root: Path, server: MockServer, clock: Hurried) -> None:
        self.root = root
        self.server = server
        self.clock = clock
        self.network = Prompts()
        self.passes: list[tuple[str, ...]] = []  # what had changed, of each pass that began
        self.causes: list[str] = []
        self.reports: list[Report] = []
        self.errors: list[CutlistError] = []
        self.complaints: list[CutlistError] = []  # while a pass ran
        self.said: list[str] = []
        self.ended = 0
        self.request = ApplyRequest()
        self.hooks = ApplyHooks()
        self._news = asyncio.Event()
        self.write_project()

    def write_project(self, **spec: Any) -> None:
        """Write cutlist.yaml, with further fields of `spec`."""
        prices = {"currency": "USD", "models": {"wan2.7-videoedit": {"720P": 0.1}}}
        defaults = {"model": "wan2.7-videoedit", "parameters": {"resolution": "720P"}}
        fields = {"defaults": defaults, "prices": prices, **spec}
        document = {"apiVersion": "cutlist/v1", "kind": "Project", "spec": fields}
        self.write("cutlist.yaml", json.dumps(document))

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file in place, making its folders."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def edit(
        self, name: str, prompt: str = "rain", url: str = "https://clips.example/a.mp4"
    ) -> Path:
        """Write specs/NAME.yaml in place."""
        return self.write(f"specs/{name}.yaml", write_edit(name, prompt, url))

    def output(self, name: str) -> Path:
        return self.root / "renders" / f"{name}.mp4"

    def open_project(self, **variables: Any) -> Project:
        return Project.open(
            self.root,
            variables=Variables(Secret("sk-mock"), **{"endpoint": self.server.url, **variables}),
            clock=self.clock,
            transport=self.network,
        )

    def list_prompts(self) -> list[str]:
        """The prompts of all requests that were sent, in their order."""
        return self.network.prompts

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something holds; asked again whenever a pass begins or ends."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.02)

    async def until_passes(self, count: int) -> Sequence[tuple[str, ...]]:
        """Wait until so many passes have ended; what had changed in each that began."""
        await self.until(lambda: self.ended >= count)
        return self.passes

    async def until_sent(self, count: int) -> None:
        """Wait until the server has so many tasks."""
        await self.until(lambda: len(self.server.bill()["tasks"]) >= count)

    async def change(self, step: Step) -> tuple[str, ...]:
        """Do something to the files, and wait for the pass that follows; what had changed."""
        before = self.ended
        await asyncio.to_thread(step)
        await self.until_passes(before + 1)
        return self.passes[before]

    async def change_seen(self, step: Step, *paths: str) -> None:
        """Do something to the files in several steps, and wait until passes that have ended have
        seen all of `paths`: on a busy machine there may be more than one.
        """
        before = self.ended
        await asyncio.to_thread(step)
        await self.until(
            lambda: (
                set(paths) <= {path for seen in self.passes[before : self.ended] for path in seen}
            )
        )

    async def _follow(self, project: Project) -> None:
        passes = project.watch(self.said.append, self.complaints.append)
        async with aclosing(passes):
            async for watch_pass in passes:
                self.passes.append(watch_pass.paths)
                self.causes.append(watch_pass.cause)
                self._news.set()
                try:
                    self.reports.append(await watch_pass.apply(self.request, self.hooks))
                except CutlistError as error:
                    self.errors.append(error)
                self.ended += 1
                self._news.set()

    @asynccontextmanager
    async def watching(
        self, project: Project | None = None, *, at_once: bool = False
    ) -> AsyncIterator[None]:
        """Watch for the length of a block, which begins when the first pass has ended; `at_once`:
        when it has begun.
        """
        task = asyncio.ensure_future(self._follow(project or self.open_project()))
        try:
            counts = self.passes if at_once else self.reports
            await self.until(lambda: counts or self.errors or task.done())
            yield
            if task.done():
                task.result()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def write_edit(name: str, prompt: str = "rain", url: str = "https://clips.example/a.mp4") -> str:
    """The text of a manifest with one edit."""
    spec = {"input": {"prompt": prompt, "media": [{"type": "video", "url": url}]}}
    document = {
        "apiVersion": "cutlist/v1",
        "kind": "Edit",
        "metadata": {"name": name},
        "spec": spec,
    }
    return json.dumps(document, indent=1)


@asynccontextmanager
async def open_watched(root: Path) -> AsyncIterator[Watched]:
    """A project in a fresh folder, and its server."""
    root.mkdir(exist_ok=True)
    server_clock = RealClock()
    async with MockServer(
        clock=server_clock, renderer=SmallFilms(), task_seconds=(1.0, 2.0)
    ) as server:
        watched = Watched(root, server, Hurried(server_clock))
        yield watched
        await watched.network.aclose()

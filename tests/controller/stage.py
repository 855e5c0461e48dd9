"""A team: a repository at a host, a controller that follows it, and the server that renders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mockserver import MockServer, VirtualClock
from reconciler.apply.outcome import Stop
from reconciler.config import Variables
from reconciler.controller.conditions import ConditionType, SyncStatus
from reconciler.controller.controller import Controller
from reconciler.controller.documents import Repository as RepositoryAddress
from reconciler.controller.documents import Sync
from reconciler.controller.passes import PassSettings
from reconciler.controller.places import SyncPlaces
from reconciler.controller.providers.base import Provider
from reconciler.controller.remote import open_mirror
from reconciler.controller.running import PassThreads
from reconciler.formats.secret import Secret
from tests.e2e.bench import Network, Ticking
from tests.githost import GitHost
from tests.repository import Repository

PRICES = {"currency": "USD", "models": {"wan2.7-videoedit": {"720P": 0.1, "1080P": 0.15}}}


async def run_here(start: Callable[[], Awaitable[None]]) -> None:
    """Run a pass in the loop of the test, on its clock."""
    await start()


class Alarms(Ticking):
    """A clock whose sleepers wake when the test says so."""

    def __init__(self, virtual: VirtualClock) -> None:
        super().__init__(virtual)
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.monotonic() + seconds, sleeper))
        await sleeper

    def ring(self, seconds: float) -> None:
        """Let so much time go by, and wake who wanted to be woken in it."""
        self._virtual.advance(seconds)
        for due_at, sleeper in self._sleepers:
            if due_at <= self.monotonic() and not sleeper.done():
                sleeper.set_result(None)
        self._sleepers = [pair for pair in self._sleepers if not pair[1].done()]


class Stage:
    """One repository, one Sync, one controller; everything on virtual time but git itself."""

    def __init__(
        self, folder: Path, host: GitHost, server: MockServer, virtual: VirtualClock
    ) -> None:
        self.folder = folder
        self.host = host
        self.virtual = virtual
        self.server = server
        self.clock = Ticking(virtual)
        self.alarms = Alarms(virtual)
        self.network = Network()
        self.said: list[str] = []
        self.statuses: list[SyncStatus] = []
        self.open_provider: Callable[[Sync], Provider | None] = lambda _sync: None
        work = folder / "work"
        work.mkdir()
        self.repository = Repository(work)
        self.state = folder / "state"
        self.write_project()
        self.url = ""
        self.stop = Stop()
        self.controller: Controller | None = None

    # -------------------------------------------------------------- the repository

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file of the work tree."""
        path = self.repository.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def write_project(self, **spec: Any) -> None:
        fields = {
            "defaults": {"model": "wan2.7-videoedit", "parameters": {"resolution": "720P"}},
            "prices": PRICES,
            **spec,
        }
        document = {"apiVersion": "cutlist/v1", "kind": "Project", "spec": fields}
        self.write("cutlist.yaml", json.dumps(document))

    def edit(
        self, name: str, prompt: str = "rain", url: str = "https://clips.example/a.mp4", **spec: Any
    ) -> None:
        """Write one manifest with one edit."""
        media = [{"type": "video", "url": url}]
        body = {"input": {"prompt": prompt, "media": media}, **spec}
        document = {
            "apiVersion": "cutlist/v1",
            "kind": "Edit",
            "metadata": {"name": name},
            "spec": body,
        }
        self.write(f"specs/{name}.yaml", json.dumps(document))

    def push(self, message: str = "change") -> str:
        """Commit everything and push it; the commit."""
        commit = self.repository.commit(message)
        self.url = self.host.publish(self.repository)
        return commit

    # -------------------------------------------------------------- the controller

    def make_sync(self, **fields: Any) -> Sync:
        """The Sync that follows the repository."""
        address = RepositoryAddress(self.url, "main")
        return replace(Sync("films", address, endpoint=self.server.url), **fields)

    def start(self, *syncs: Sync, threads: PassThreads | None = None, **fields: Any) -> Controller:
        """A controller, which has looked at nothing yet; of one Sync with these fields. With
        `threads` each pass has a loop of its own, and a network that knows no trouble.
        """
        settings = PassSettings(
            clock=self.clock,
            variables=Variables(Secret("sk-mock")),
            open_mirror=open_mirror,
            open_provider=self.open_provider,
            transport=None if threads else self.network,
            announce=self.statuses.append,
            tell=lambda _sync, _revision, text: self.said.append(text),
        )
        chosen = syncs or (self.make_sync(**fields),)
        run_pass = threads.run if threads else run_here
        self.controller = Controller(chosen, self.state, settings, run_pass, self.alarms)
        return self.controller

    async def run(self, *syncs: Sync, **fields: Any) -> SyncStatus:
        """One pass of each; the status of the first."""
        if self.controller is None or syncs or fields:
            self.start(*syncs, **fields)
        assert self.controller is not None
        await self.controller.run_once(Stop())
        return self.status

    @property
    def status(self) -> SyncStatus:
        assert self.controller is not None
        return self.controller.entries.list_statuses()[0]

    def describe(self, kind: ConditionType = ConditionType.READY) -> tuple[str, str]:
        """Status and reason of a condition."""
        condition = self.status.find(kind)
        assert condition is not None, self.status
        return condition.status.value, condition.reason

    @property
    def places(self) -> SyncPlaces:
        return SyncPlaces.of(self.state, self.make_sync())

    def output(self, name: str) -> Path:
        return self.places.outputs / "renders" / f"{name}.mp4"

    # -------------------------------------------------------------- the bill

    def creates(self) -> int:
        """How many tasks the server was asked to make, successfully or not."""
        return sum(
            1
            for request in self.server.journal()["requests"]
            if request["method"] == "POST" and request["path"].endswith("video-synthesis")
        )

    def billed_tasks(self) -> int:
        return sum(1 for task in self.server.bill()["tasks"] if task["billed_s"])

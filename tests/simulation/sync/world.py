"""The real controller in the simulation: its lives, the passes that it runs, and what they are seen
to do.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from reconciler import Project
from reconciler.apply.events import RunBlocking
from reconciler.apply.outcome import Stop
from reconciler.config import CommittedFolder, Prices, Variables, build_committed_config
from reconciler.config.project_file import read_project_file
from reconciler.controller.conditions import SyncStatus
from reconciler.controller.controller import Controller
from reconciler.controller.documents import ApplyMode, SpendLimits, Sync, WriteBack
from reconciler.controller.documents import Repository as RepositoryAddress
from reconciler.controller.passes import PassSettings
from reconciler.controller.places import SyncPlaces
from reconciler.controller.shared_state import find_sync_endpoint
from reconciler.controller.webhooks import LookAtBranch
from reconciler.formats.secret import Secret
from reconciler.system.cache import open_cache
from reconciler.system.git.remote import Mirror
from tests.simulation.clocks import elapsed_s
from tests.simulation.kinds import Kind
from tests.simulation.loop import PROCESS, Killed, Process
from tests.simulation.network import API_HOST, SUBMIT, Wire
from tests.simulation.sync.mirror import URL, MemoryMirror, Remote
from tests.simulation.sync.repository import Repository
from tests.simulation.world import World, inline

NAME, FAULTY = "films", "faulty"
INTERVAL_S = 60.0
PRICE = 0.1  # of a second, by the Sync's document
MODEL = "wan2.7-videoedit"
VARIABLES = Variables(Secret("sk-mock"))
_PROJECT = b"apiVersion: cutlist/v1\nkind: Project\nspec: {}\n"
# on the way to the service, and at it: much of what is sent waits long enough to be cancelled
TROUBLED = Kind(fault_rate=0.06, lost_rate=0.1, cut_rate=0.4, environments=True)


@dataclass
class Pass:
    """One pass, as it is seen from outside."""

    number: int
    sync: str = ""
    commit: str = ""
    per_pass: float | None = None  # the most that it may spend


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that asks for a task."""

    at: float
    prompt: str
    by: Pass


PASS: ContextVar[Pass | None] = ContextVar("PASS", default=None)


@dataclass
class Seen:
    """What the controller was seen to do, for the judge."""

    passes: int = 0
    begun: int = 0  # passes over films that were announced
    requests: int = 0  # to the service
    sent: list[Sent] = field(default_factory=list)
    pushed: list[tuple[str, int, int]] = field(default_factory=list)  # commit, begun, requests
    faults: list[str] = field(default_factory=list)


class SyncWorld(World):
    """One run: a repository that a team pushes to, a controller that follows it, a service, and
    lives that end too early.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed, folder, TROUBLED)
        self.disk.root.mkdir()
        self._document = read_project_file(_PROJECT, open_cache(folder / "looked"))
        self.plot = random.Random(seed + 11)  # what people do
        self.luck = random.Random(seed + 12)  # of the remote, and of passes
        self.seen = Seen()
        self.remote = Remote(self.luck, self.counters, self._step, self._meanwhile)
        self.meanwhile: Callable[[], None] | None = None  # a push that comes while git is at work
        self.controller: Controller | None = None
        self.at_work: set[str] = set()
        self.sync = self._make_sync()
        self.hears: Callable[[SyncStatus], None] = lambda _status: None
        self.may_send: Callable[[Sent], str] = lambda _sent: ""
        self._clones: dict[Path, Repository] = {}
        self._dead = asyncio.Event()

    def _make_sync(self) -> Sync:
        plot = self.plot
        mode: ApplyMode = plot.choice(("auto", "approve"))
        is_limited = plot.random() < (0.6 if mode == "auto" else 0.1)
        limits = SpendLimits(plot.choice((None, 0.9)), plot.choice((2.5, 6.0)))
        return Sync(
            NAME,
            RepositoryAddress(URL, "main"),
            interval_s=INTERVAL_S,
            timeout_s=plot.choice((900.0, 7200.0)),
            endpoint=f"https://{API_HOST}/api/v1",
            realm="live",
            account="studio",
            mode=mode,
            budget=limits if is_limited else SpendLimits(),
            prices=Prices("USD", {MODEL: PRICE}),
            write_back=WriteBack(lock=plot.random() < 0.5),
        )

    # -------------------------------------------------------------- where it lives

    @property
    def state(self) -> Path:
        return self.disk.root / "state"

    @property
    def places(self) -> SyncPlaces:
        return SyncPlaces.of(self.state, self.sync)

    @property
    def clones(self) -> dict[Path, Repository]:
        """The mirrors of all lives, by folder."""
        return self._clones

    @property
    def status(self) -> SyncStatus | None:
        """What the controller says of itself; None while there is none."""
        if self.controller is None:
            return None
        return next(each for each in self.controller.entries.list_statuses() if each.name == NAME)

    def open_project(
        self, block: RunBlocking | None = None, environment: str | None = None
    ) -> Project:
        """Store and ledger of the Sync, with a project file of nobody's."""
        config = build_committed_config(
            self._document,
            CommittedFolder(self.places.mirror, self.remote.tip),
            endpoint=find_sync_endpoint(self.sync),
            environment="default",
            outputs=self.places.outputs,
            home=self.places.home,
            lock_dir=self.places.find_lock_dir(self.remote.tip),
            variables=VARIABLES,
            name=self.sync.name,
        )
        config = replace(config, account=self.sync.account)
        return Project(config, self.clock, Wire(self.network), block or inline)

    # -------------------------------------------------------------- lives

    async def serve(
        self, dies_at: int | None, until: Awaitable[object], *, writing: bool = False
    ) -> None:
        """One life of the controller, until it dies, or ends as it is asked to."""
        self.lives += 1
        self.say("life", self.lives, "ends at step" if dies_at else "", dies_at or "")
        self.clock = self._wind_clock()
        self.at_work.clear()
        self._take_clone_along()
        process = Process(dies_at, self._died, writing=writing)
        self.processes.append(process)
        stop, self._dead = Stop(), asyncio.Event()
        token = PROCESS.set(process)
        try:
            with suppress(Killed):
                self.controller = self._start()
                work = asyncio.ensure_future(self.controller.serve(stop))
        finally:
            PROCESS.reset(token)
        if process.dead:
            self.controller = None
            return
        ends = [asyncio.ensure_future(until), asyncio.ensure_future(self._dead.wait())]
        await asyncio.wait([work, *ends], return_when=asyncio.FIRST_COMPLETED)
        if ends[0].done():
            ends[0].result()
        for wait in ends:
            wait.cancel()
        if not process.dead and not work.done():
            self.say("SIGTERM")
            stop.request("SIGTERM")
            ended = asyncio.ensure_future(self._dead.wait())
            await asyncio.wait([work, ended], return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
        self.controller = None
        if not process.dead:
            work.result()
            if not stop.reason:
                raise AssertionError("the controller has ended by itself")

    def _start(self) -> Controller:
        settings = PassSettings(
            clock=self.clock,
            variables=VARIABLES,
            open_mirror=self._open_mirror,
            transport=Tapped(self),
            block=self._block,
            announce=self._heard,
            observe=lambda _sync, _commit, event: self._event(event),
            tell=lambda _sync, commit, text: self.say(commit[:7], text),
        )
        syncs = [self.sync]
        if self.seed % 3 == 0:
            syncs.insert(0, replace(self.sync, name=FAULTY))
        return Controller(syncs, self.state, settings, self._run_pass)

    def _died(self) -> None:
        super()._died()
        self.controller = None
        self._dead.set()

    def _take_clone_along(self) -> None:
        """The mirror outlives a life, or is found cut short and made anew."""
        if self._clones and self.luck.random() < 0.7:
            self._clones[self.places.mirror] = list(self._clones.values())[-1]

    async def _block(self, function: Any, *args: Any) -> Any:
        self._step(write=True)
        result = function(*args)
        self._step(write=True)
        return result

    async def _run_pass(self, start: Callable[[], Awaitable[None]]) -> None:
        """In the place of a thread: in the loop of the simulation."""
        self.seen.passes += 1
        note = Pass(self.seen.passes)
        PASS.set(note)
        try:
            await start()
        finally:
            self.at_work.discard(note.sync)

    def _open_mirror(self, sync: Sync, places: SyncPlaces, _stop: Stop) -> Mirror:
        note = PASS.get()
        assert note is not None
        if sync.name in self.at_work:
            self.seen.faults.append("two passes of one Sync at once")
        note.sync, note.per_pass = sync.name, sync.budget.per_pass
        self.at_work.add(sync.name)
        is_faulty = sync.name == FAULTY or (not self.remote.calm and self.luck.random() < 0.02)
        if is_faulty:
            self.counters["fault of our own"] += 1
            raise ZeroDivisionError
        here = self._clones.setdefault(places.mirror, Repository())
        return MemoryMirror(places.mirror, here, self.remote, self._note_push)

    # -------------------------------------------------------------- what it is seen to do

    def _note_push(self, commit: str) -> None:
        self.say("pushed", commit[:7])
        self.counters["lock committed"] += 1
        self.seen.pushed.append((commit, self.seen.begun, self.seen.requests))

    def _heard(self, status: SyncStatus) -> None:
        if status.name != NAME:
            return
        note = PASS.get()
        if note is not None and status.pass_started is not None and not note.commit:
            note.commit = status.last_attempted_revision
            self.seen.begun += 1
            self.say("pass over", note.commit[:7])
        if status.pass_started is None and status.history:
            self.say("pass ended", status.history[-1].end.value, status.history[-1].message)
        self.hears(status)

    def submits(self, prompt: str) -> None:
        """A request that asks for a task is about to leave."""
        note = PASS.get()
        assert note is not None
        sent = Sent(elapsed_s(), prompt, note)
        self.say("sends", prompt, "over", note.commit[:7])
        wrong = self.may_send(sent)
        if wrong:
            self.say("WRONG", wrong)
            self.seen.faults.append(wrong)
        self.seen.sent.append(sent)

    # -------------------------------------------------------------- what comes in

    def take_hint(self, hint: LookAtBranch, commit: str) -> None:
        """A webhook arrives, if anybody listens. The commit that it names proves nothing."""
        self.say("webhook", hint.ref, commit[:7])
        if self.controller is not None and hint.is_about(self.sync.repository.ref):
            self.counters["webhook"] += 1
            self.controller.look(NAME, "webhook")

    def _meanwhile(self) -> None:
        if self.meanwhile is not None and PASS.get() is not None:
            push, self.meanwhile = self.meanwhile, None
            self.counters["pushed while git was at work"] += 1
            push()


class Tapped(Wire):
    """The way to the service, seen by the judge."""

    def __init__(self, world: SyncWorld) -> None:
        super().__init__(world.network)
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._world.seen.requests += 1
        if request.method == "POST" and request.url.path == SUBMIT:
            await request.aread()
            self._world.submits(_read_prompt(request))
        return await super().handle_async_request(request)


def _read_prompt(request: httpx.Request) -> str:
    return str(json.loads(request.content)["input"]["prompt"])

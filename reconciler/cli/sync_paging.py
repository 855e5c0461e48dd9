"""The page of a controller: what its Syncs say, handed on to the browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from reconciler.apply.events import Event
from reconciler.apply.request import SavedPlan
from reconciler.cli import screen
from reconciler.controller.conditions import SyncStatus
from reconciler.controller.controller import Controller
from reconciler.controller.memory import SyncView
from reconciler.controller.onlooker import Ask
from reconciler.formats.secret import Secret
from reconciler.operations.saved_plan import read_plan
from reconciler.system.clock import Clock, make_secret
from reconciler.web.auth import COOKIE, open_gate
from reconciler.web.files import Shell
from reconciler.web.gate import PageGate, TokenGate
from reconciler.web.server import PageServer
from reconciler.web.syncs import THREADS, ShownSync, SyncHouse, SyncOrder, run_in

_TOKEN_BYTES = 24


@dataclass(frozen=True, slots=True)
class SyncPageSettings:
    """What the command line says. `auth` None: whoever has the token of this start."""

    host: str
    port: int
    auth: str | None
    folder: Path  # from which files are named
    who: str  # whose yes it is that comes with the token of this start
    clock: Clock


class ShownController:
    """A controller as its pages ask it."""

    def __init__(self, controller: Controller, ask: Ask) -> None:
        self._controller, self._ask = controller, ask

    def list_syncs(self) -> Sequence[ShownSync]:
        return [_show(view) for view in self._controller.entries.list_views()]

    def find_sync(self, name: str) -> ShownSync | None:
        views = self._controller.entries.list_views()
        return next((_show(view) for view in views if view.sync.name == name), None)

    def read_waiting_plan(self, name: str) -> SavedPlan:
        return read_plan(self._controller.find_waiting_plan(name))

    def approve(self, name: str, plan_id: str, who: str) -> None:
        self._ask("approve", {"name": name, "plan": plan_id}, who)

    def order(self, name: str, order: SyncOrder, who: str) -> None:
        self._ask(order, {"name": name}, who)


class SyncPages:
    """Looks on while a controller works, and serves what it sees."""

    def __init__(self, settings: SyncPageSettings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._house: SyncHouse | None = None
        self.address = ""  # once it is served, with the token of this start

    async def start(
        self, controller: Controller, ask: Ask, tell_fault: Callable[[Exception], None]
    ) -> None:
        settings = self._settings
        token = Secret("" if settings.auth else make_secret(_TOKEN_BYTES).hex())
        given = None if settings.auth is None else open_gate(settings.auth, settings.folder)

        def open_own_gate(port: int) -> PageGate:
            return given or TokenGate([(settings.who, token)], f"{COOKIE}-{port}", [port])

        source = ShownController(controller, ask)
        house = SyncHouse(source, settings.clock, lambda: make_secret(8).hex(), tell_fault)
        threads = ThreadPoolExecutor(2 * THREADS, "cutlist-page")
        server = PageServer(
            house,
            Shell(),
            open_own_gate,
            tell_fault,
            host=settings.host,
            port=settings.port,
            block=run_in(threads),
        )
        await server.start()
        self._house = house
        self._stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        self._stack.push_async_callback(server.stop)
        self._stack.push_async_callback(house.close)
        host = f"[{server.host}]" if ":" in server.host else server.host
        self.address = f"http://{host}:{server.port}/"
        self.address += f"?token={token.reveal()}" if token else ""
        screen.print_lines(f"The page is at {self.address}")

    async def stop(self) -> None:
        house, self._house = self._house, None
        if house is not None:
            await self._stack.aclose()

    def hear_status(self, status: SyncStatus) -> None:
        if self._house is not None:
            self._house.hear(status.name)

    def hear_event(self, name: str, event: Event) -> None:
        if self._house is not None:
            self._house.hear_event(name, event)

    def hear_words(self, name: str, words: str) -> None:
        if self._house is not None:
            self._house.hear_words(name, words)


def _show(view: SyncView) -> ShownSync:
    return ShownSync(
        view.sync.name,
        view.sync.mode,
        view.status.to_json(),
        view.leads,
        "" if view.leads else view.elsewhere or "It is not known yet who leads.",
        view.project,
    )

"""A server in a thread of its own, with a loop of its own, for code that is not asynchronous.

>>> with ServerThread(clock=VirtualClock()) as server:
...     requests.get(f"{server.url}/tasks", headers={"Authorization": "Bearer sk-mock"})
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol, TypeVar

from mockserver.catalogue import Doc
from mockserver.server import MockServer
from mockserver.settings import Settings, take_settings

PATIENCE_S = 60.0  # for the server's loop to do what it is asked; it is never busy for long

T = TypeVar("T")


class ServerThread:
    """Runs a MockServer, and takes the same arguments.

    Everything that touches the server happens on its own loop.
    """

    @take_settings(Settings)
    def __init__(self, settings: Settings) -> None:
        self.server = MockServer(**vars(settings))
        self.clock = LoopClock(self)
        self.faults = LoopOrders(self, self.server.faults)
        self.scenarios = LoopOrders(self, self.server.scenarios)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="mock server", daemon=True
        )

    def __enter__(self) -> ServerThread:
        self._thread.start()
        try:
            self.wait(self.server.start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.wait(self.server.stop())
        finally:
            self._end()

    @property
    def url(self) -> str:
        """Base URL for clients: http://127.0.0.1:PORT/api/v1."""
        return self.server.url

    def bill(self) -> Doc:
        """What every task has cost so far: `{"tasks": [...], "total_billed_s"}`."""
        return self.do(self.server.bill)

    def journal(self) -> Doc:
        """The last requests, in order of arrival: `{"requests": [...]}`."""
        return self.do(self.server.journal)

    def tasks(self, **filters: str) -> list[Doc]:
        """Every task so far; `account`, `model`, `status` and `label` choose."""
        return self.do(functools.partial(self.server.tasks, **filters))

    def finish(self, task_id: str) -> None:
        """End a task now, as its outcome says. Raises ControlError."""
        self.do(self.server.finish, task_id)

    def reset(self) -> None:
        """Forget tasks, uploads, films and requests. The clock goes on."""
        self.do(self.server.reset)

    def do(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function on the server's loop and return what it returns."""

        async def call() -> T:
            return function(*arguments)

        return self.wait(call())

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Await something on the server's loop."""

        async def wait_for() -> T:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(wait_for(), self._loop).result(PATIENCE_S)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        if not self._loop.is_running():
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()


class Orders(Protocol):
    """The faults or the scenarios of a server."""

    def add(self, documents: object) -> None:
        """Add one rule, or a list of them."""

    def show(self) -> list[Doc]:
        """Every rule, with what it has done so far."""

    def clear(self) -> None:
        """Drop every rule."""


class LoopOrders:
    """Faults or scenarios of the server, for other threads."""

    def __init__(self, thread: ServerThread, orders: Orders) -> None:
        self._thread, self._orders = thread, orders

    def add(self, documents: object) -> None:
        """Add one rule, or a list of them. Raises BadOrder, and adds none then."""
        self._thread.do(self._orders.add, documents)

    def show(self) -> list[Doc]:
        """Every rule as it was given, with what it has done so far."""
        return self._thread.do(self._orders.show)

    def clear(self) -> None:
        """Drop every rule."""
        self._thread.do(self._orders.clear)


class LoopClock:
    """The server's clock, for other threads."""

    def __init__(self, thread: ServerThread) -> None:
        self._thread = thread

    def now(self) -> float:
        """Seconds since 1970 (UTC), as the server sees it."""
        return self._thread.do(self._thread.server.clock.now)

    def advance(self, seconds: float) -> None:
        """Jump forward by so many seconds."""
        self._thread.do(self._thread.server.clock.advance, seconds)

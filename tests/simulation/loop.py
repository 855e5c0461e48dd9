"""An event loop on virtual time, and coroutines that can be killed at every await."""

from __future__ import annotations

import asyncio
import collections.abc
import selectors
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from typing import Any


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set: real input or output, or a wake-up that was lost."""


class Killed(BaseException):
    """The process is dead; nothing of it may run any more."""


class _Selector(selectors.SelectSelector):
    """Never blocks: an idle wait moves the virtual clock instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlock("no timer and no ready callback")
        self.now += max(timeout, 0.0)
        return []  # real descriptors are never polled, so that sockets and threads hang loudly


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time starts near 0 (at the size of real time a resolution of 1e-9 would spin for ever)."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._clock_resolution = 1e-9
        self.set_task_factory(_task_factory)
        self.set_exception_handler(lambda loop, context: None)  # the dead retrieve no exceptions

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(self, *args: Any) -> Any:
        raise RuntimeError("a thread inside the simulation")


class Process:
    """One life of the client: counts its steps and dies at the one it was told to."""

    def __init__(
        self, dies_at: int | None, died: Callable[[], None], *, writing: bool = False
    ) -> None:
        self.left = dies_at
        self._writing = writing  # count durable writes alone
        self.dead = False
        self.steps = 0
        self.stands_until = 0.0  # virtual time before which nothing of it goes on
        self.frames: list[Coroutine[Any, Any, Any]] = []
        self._died = died

    def step(self, *, write: bool = False) -> None:
        """Called before every resume and around every durable write. Raises Killed from the fatal
        one on.
        """
        self.steps += 1
        if not self.dead and self.left is not None and (write or not self._writing):
            self.left -= 1
            if self.left <= 0:
                self.dead = True
                self._died()
        if self.dead:
            raise Killed

    def stand_still(self, seconds: float) -> None:
        """Nothing of it goes on for so long, as if the machine had stopped it."""
        self.stands_until = asyncio.get_running_loop().time() + seconds

    def bury(self) -> None:
        """Unwind what is left of the dead, after all has been judged; whatever it still does is of
        no account.
        """
        for frame in self.frames:
            for _ in range(20):
                try:
                    frame.throw(Killed())
                except BaseException:
                    break


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)


class Stepped(collections.abc.Coroutine[Any, Any, Any]):
    """A coroutine of the client: every resume is a step. Once dead it is never resumed, so that no
    `finally` runs; while its process stands still it is resumed after that.
    """

    def __init__(self, inner: Coroutine[Any, Any, Any], process: Process) -> None:
        self._inner = inner
        self._process = process
        self._thrown: tuple[Any, ...] = ()  # into it, while its process stood still
        process.frames.append(inner)

    def send(self, value: Any) -> Any:
        self._process.step()
        if self._process.stands_until and (pause := self._pause()) is not None:
            return pause
        if self._thrown:
            error, self._thrown = self._thrown, ()
            return self._inner.throw(*error)
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        self._process.step()
        if self._process.stands_until and (pause := self._pause()) is not None:
            self._thrown = error
            return pause
        self._thrown = ()
        return self._inner.throw(*error)

    def _pause(self) -> asyncio.Future[None] | None:
        """What its task waits for while the process stands still; None once it goes on."""
        loop, until = asyncio.get_running_loop(), self._process.stands_until
        if loop.time() >= until:
            return None
        pause = loop.create_future()
        loop.call_at(until, lambda: pause.done() or pause.set_result(None))
        pause._asyncio_future_blocking = True  # as its `__await__` would say to the task
        return pause

    def close(self) -> None:
        if not self._process.dead:
            self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise TypeError("only tasks run stepped coroutines")


def _task_factory(
    loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
) -> asyncio.Task[Any]:
    process = PROCESS.get()
    return asyncio.Task(
        Stepped(coroutine, process) if process is not None else coroutine, loop=loop, **options
    )

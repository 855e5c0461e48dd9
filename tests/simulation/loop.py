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
    `finally` runs.
    """

    def __init__(self, inner: Coroutine[Any, Any, Any], process: Process) -> None:
        self._inner = inner
        self._process = process
        process.frames.append(inner)

    def send(self, value: Any) -> Any:
        self._process.step()
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        self._process.step()
        return self._inner.throw(*error)

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

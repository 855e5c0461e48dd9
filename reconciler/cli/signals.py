"""Ctrl-C and SIGTERM while an apply runs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from reconciler.apply.outcome import Stop
from reconciler.cli import screen


@contextmanager
def _signals(stop: Stop) -> Iterator[Callable[[], None]]:
    """The first Ctrl-C or SIGTERM asks to stop; the second leaves at once, which is safe at any
    instant.

    The wish is noted as the signal arrives, not when the loop comes to it, and from before the loop
    begins until it is gone: one that came in its last steps would otherwise be heard by nobody.
    Gives what the loop is to call first.
    """
    loops: list[asyncio.AbstractEventLoop] = []

    def heard(which: int, _frame: object) -> None:
        if stop.reason:
            screen.show_cursor()
            os._exit(128 + which)
        stop.reason = signal.Signals(which).name
        for loop in loops:
            with suppress(RuntimeError):  # it is closed: nothing is left to be stopped
                loop.call_soon_threadsafe(told)

    def told() -> None:
        note = "finishing what is being sent; tasks at the service go on. Again to leave at once."
        screen.note(f"\n{stop.reason}: {note}")
        stop.request(stop.reason)

    def hear() -> None:
        loops.append(asyncio.get_running_loop())
        if stop.reason:
            told()

    with _handled_by(heard):
        yield hear


@contextmanager
def _handled_by(heard: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """For the length of a block Ctrl-C and SIGTERM are this function's."""
    before = {which: signal.signal(which, heard) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)

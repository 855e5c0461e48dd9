"""Ctrl-C and SIGTERM while an apply runs, and while its question waits for an answer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from reconciler.apply.outcome import SUPERSEDED, Stop
from reconciler.cli import screen

_ON_ITS_WAY = "finishing what is being sent; tasks at the service go on. Again to leave at once."


@contextmanager
def stop_on_signal(stop: Stop) -> Iterator[Callable[[], None]]:
    """Let the first Ctrl-C or SIGTERM ask to stop, and the second leave at once.

    Leaving at once is safe at any instant. Yields a function that the event loop calls first, so
    that a signal wakes whoever waits in it. The reason is noted in `stop` as the signal arrives,
    from before the loop begins until it is gone: a signal in the loop's last steps would otherwise
    be heard by nobody.
    """
    loops: list[asyncio.AbstractEventLoop] = []

    def handle(number: int, _frame: object) -> None:
        if stop.reason and stop.reason != SUPERSEDED:
            screen.show_cursor()
            os._exit(128 + number)
        stop.reason = signal.Signals(number).name
        for loop in loops:
            with suppress(RuntimeError):  # the loop is closed: nothing is left to be stopped
                loop.call_soon_threadsafe(request_stop)

    def request_stop() -> None:
        screen.note(f"\n{stop.reason}: {_ON_ITS_WAY}")
        stop.request(stop.reason)

    def attach_loop() -> None:
        loops.append(asyncio.get_running_loop())
        if stop.reason:
            request_stop()

    with _handle_signals(handle):
        yield attach_loop


@contextmanager
def end_question_on_signal(stop: Stop) -> Iterator[int]:
    """Let a signal end the question itself: while it waits, the event loop hears nothing.

    Yields a file descriptor that is readable once there was a signal. One that comes just before
    the terminal is read would otherwise wait with it.
    """
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)

    def handle(number: int, _frame: object) -> None:
        stop.request(signal.Signals(number).name)
        raise KeyboardInterrupt

    # not the loop's descriptor, which would hear the same signal as a second one
    fd_before = signal.set_wakeup_fd(write_fd)
    try:
        with _handle_signals(handle):
            yield read_fd
    finally:
        signal.set_wakeup_fd(fd_before)
        os.close(read_fd)
        os.close(write_fd)


@contextmanager
def _handle_signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Give Ctrl-C and SIGTERM to `handler` for the length of a block."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)

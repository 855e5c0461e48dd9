"""Ctrl-C in the event loop of a command."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from reconciler.cli.loop import interrupts_told, run_in_loop

pytestmark = pytest.mark.usefixtures("early_interrupt")


@pytest.fixture
def early_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send SIGINT as soon as asyncio hears signals, before it begins to count them."""

    def hear(number: int, handler: Any) -> Any:
        before = signal.signal(number, handler)
        if handler is not signal.default_int_handler:
            signal.raise_signal(signal.SIGINT)
        return before

    heard = SimpleNamespace(
        signal=hear,
        getsignal=signal.getsignal,
        SIGINT=signal.SIGINT,
        default_int_handler=signal.default_int_handler,
    )
    monkeypatch.setattr("asyncio.runners.signal", heard)


def run_in_runner(coroutine: Coroutine[Any, Any, None]) -> None:
    """The way of the watch, which keeps one loop for many runs."""
    with interrupts_told(), asyncio.Runner() as runner:
        runner.run(coroutine)


@pytest.mark.parametrize("run", [run_in_loop, run_in_runner])
def test_an_interrupt_in_the_loops_first_instant(
    run: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    """It is an interrupt, and no fault of the program."""

    async def sleep() -> None:
        await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run(sleep())

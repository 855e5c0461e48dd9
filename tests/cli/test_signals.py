"""A wish to stop is noted as it is made: the event loop may not come to it any more."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import pytest

from reconciler.apply.outcome import Stop
from reconciler.cli.signals import stop_on_signal


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["before the loop", "in its last step", "after it"])
def test_a_signal_is_heard_at_any_moment(which: signal.Signals, moment: str) -> None:
    """Nothing is awaited between the signal and the end, as when a watch's pass is just over."""
    before, stop = signal.getsignal(which), Stop()

    async def last_step(hear: Callable[[], None]) -> None:
        hear()
        if moment == "in its last step":
            signal.raise_signal(which)

    with stop_on_signal(stop) as hear:
        if moment == "before the loop":
            signal.raise_signal(which)
        asyncio.run(last_step(hear))
        if moment == "after it":
            signal.raise_signal(which)
    assert stop.reason == which.name
    assert signal.getsignal(which) == before


def test_a_signal_wakes_whoever_waits(capsys: pytest.CaptureFixture[str]) -> None:
    """An apply that waits for its tasks hears it, and says what happens now."""
    stop = Stop()

    async def waiting(hear: Callable[[], None]) -> None:
        hear()
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        await stop.wait()

    with stop_on_signal(stop) as hear:
        asyncio.run(waiting(hear))
    assert stop.reason == "SIGINT"
    assert "SIGINT: finishing what is being sent" in capsys.readouterr().err

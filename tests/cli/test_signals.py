"""A wish to stop is noted as it is made: the event loop may not come to it any more."""

from __future__ import annotations

import asyncio
import signal

import pytest

from reconciler.apply.outcome import Stop
from reconciler.cli.applying import _signals


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_the_very_end_is_heard(which: signal.Signals) -> None:
    """Nothing is awaited between the signal and the end, as when a watch's pass is just over."""
    before = signal.getsignal(which)

    async def last_moment() -> Stop:
        stop = Stop()
        with _signals(stop):
            signal.raise_signal(which)
        return stop

    assert asyncio.run(last_moment()).reason == which.name
    assert signal.getsignal(which) == before


def test_a_signal_wakes_whoever_waits(capsys: pytest.CaptureFixture[str]) -> None:
    """An apply that waits for its tasks hears it, and says what happens now."""

    async def waiting() -> str:
        stop = Stop()
        with _signals(stop):
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
            await stop.wait()
        return stop.reason

    assert asyncio.run(waiting()) == "SIGINT"
    assert "SIGINT: finishing what is being sent" in capsys.readouterr().err

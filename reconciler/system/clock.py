"""Time, sleep and randomness, injected everywhere they are needed, so that tests can own them."""

from __future__ import annotations

import os
import time
import uuid
from typing import Protocol

JUMP_S = 300.0  # differences that people should hear of


class Clock(Protocol):
    """What the program may know about time and chance."""

    def now(self) -> float:
        """Wall time in seconds since 1970 (UTC)."""

    def monotonic(self) -> float:
        """Seconds that only grow; for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def random(self) -> float:
        """A number in [0, 1)."""

    def new_id(self) -> str:
        """A fresh identifier that no other process makes."""


class Jumps:
    """Notices when wall time goes otherwise than the time that only grows: the clock was set, or
    the machine slept.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart = clock.now() - clock.monotonic()

    def measure(self) -> float:
        """The seconds by which wall time jumped since the last jump told; 0 below JUMP_S."""
        apart = self._clock.now() - self._clock.monotonic()
        jump = apart - self._apart
        if abs(jump) <= JUMP_S:
            return 0.0
        self._apart = apart
        return jump


class SystemClock:
    """The machine's own time and chance."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # lazy: start-up time

        await asyncio.sleep(seconds)

    def random(self) -> float:
        import random  # lazy: start-up time

        return random.random()

    def new_id(self) -> str:
        return uuid.uuid4().hex


def make_secret(size_bytes: int) -> bytes:
    """Bytes that nobody can guess, for keys of this machine; they are in no plan and no record."""
    return os.urandom(size_bytes)

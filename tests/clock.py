"""A clock that stands still until a test moves it."""

from __future__ import annotations

import random


class FakeClock:
    """Implements reconciler.system.clock.Clock: sleeping is the only thing that makes its time go
    by.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._start = now
        self._elapsed = 0.0
        self._ids = 0
        self._random = random.Random(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed += seconds

    def now(self) -> float:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def random(self) -> float:
        return self._random.random()

    def new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:032x}"

"""The server's time: the machine's clock, one that runs faster, or one that stands still.

Everything that has an age or an end asks the one clock of the server.
"""

from __future__ import annotations

import time
from typing import Protocol

# 2026-01-01 00:00:00 UTC: a fixed day, so that all runs on virtual time are alike
VIRTUAL_START = 1_767_225_600.0


class Clock(Protocol):
    """What the server asks of time. Any object with these two methods can be a clock."""

    def now(self) -> float:
        """Seconds since 1970 (UTC). Never goes back."""

    def advance(self, seconds: float) -> None:
        """Jump forward by so many seconds."""


class RealClock:
    """The machine's time, plus whatever it was advanced by."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds


class ScaledClock:
    """Time that runs `speed` times as fast as the machine's, from now on."""

    def __init__(self, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"a clock's speed must be above 0, not {speed}")
        self._speed = speed
        self._start = time.time()
        self._start_monotonic = time.monotonic()
        self._ahead_s = 0.0

    def now(self) -> float:
        return (
            self._start + (time.monotonic() - self._start_monotonic) * self._speed + self._ahead_s
        )

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds


class VirtualClock:
    """Time that stands still until it is advanced."""

    def __init__(self, start: float = VIRTUAL_START) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds

"""The clocks of a run: the service's, which is right, and one for each life, which need not be.

All go on with the loop's virtual time; only what they show differs.
"""

from __future__ import annotations

import asyncio
import random

EPOCH = 1_767_225_600.0


def elapsed_s() -> float:
    """Virtual seconds since the run began."""
    return asyncio.get_running_loop().time()


class ServiceClock:
    """The service's time: what it bills, lists and forgets by."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> float:
        return EPOCH + elapsed_s() + self._ahead_s

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds


class LifeClock:
    """One machine as one life sees it: wall time that is wrong by `error_s`, and by `jump_s` more
    from `jump_at_s` of virtual time on; time that only grows, from a beginning of its own; chance
    from the seed.
    """

    def __init__(
        self, chance: random.Random, *, error_s: float, jump_s: float, jump_at_s: float
    ) -> None:
        self._chance = chance
        self._error_s, self._jump_s, self._jump_at_s = error_s, jump_s, jump_at_s
        self._booted_s = 1_000.0 * chance.randint(1, 1_000)  # whole: differences stay exact

    def now(self) -> float:
        jumped = elapsed_s() >= self._jump_at_s
        return EPOCH + elapsed_s() + self._error_s + (self._jump_s if jumped else 0.0)

    def monotonic(self) -> float:
        return self._booted_s + elapsed_s()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def random(self) -> float:
        return self._chance.random()

    def new_id(self) -> str:
        return f"{self._chance.getrandbits(64):016x}"

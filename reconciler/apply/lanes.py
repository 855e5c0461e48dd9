"""How fast and how wide: a lane is (endpoint, account, model), the unit of submission."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from reconciler.errors import CutlistError, ServiceError
from reconciler.system.clock import Clock

SLOWEST_PER_S = 0.05
RECOVERY = 0.01  # of the full rate, with each that passes
# looks, pages of the list and downloads of all that share a ledger; the service takes 20 looks and
# 20 lists in a second, and submits come on top
QUESTIONS_PER_S = 12.0
MOST_TURNS = 6  # that a process takes at once, so that others need not wait long


class Pacer:
    """Lets one caller pass every 1/rate seconds; halved when the service says that it is too fast,
    and then a little faster with each that passes, up to the rate of the beginning.

    `count_sharers` says how many processes share the rate: each goes at its part of it.
    """

    def __init__(
        self, clock: Clock, per_s: float, count_sharers: Callable[[], int] = lambda: 1
    ) -> None:
        self._clock = clock
        self._count_sharers = count_sharers
        self._per_s = self._most_per_s = per_s
        self._next = 0.0
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        """Wait for the next turn."""
        async with self._turn:
            now = self._clock.monotonic()
            if self._next > now:
                await self._clock.sleep(self._next - now)
            self._next = max(now, self._next) + self._count_sharers() / self._per_s
            self._per_s = min(self._per_s + self._most_per_s * RECOVERY, self._most_per_s)

    def halve(self) -> None:
        """Go half as fast for a while."""
        self._per_s = max(self._per_s / 2, SLOWEST_PER_S)


class SharedPacer:
    """The same for a rate of all who share a ledger, exactly: turns are taken from it, several at
    once where several wait. While the ledger is away each goes at its part of the rate.
    """

    def __init__(
        self, clock: Clock, per_s: float, take: Callable[[int], Awaitable[float]], alone: Pacer
    ) -> None:
        """`take` so many turns that follow each other; gives the seconds until the first."""
        self._clock = clock
        self._interval_s = 1 / per_s
        self._take = take
        self._alone = alone
        self._waiting = 0
        self._turns: deque[float] = deque()  # monotonic moments of those that were taken
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        """Wait for the next turn."""
        self._waiting += 1
        try:
            async with self._turn:
                await self._wait_for_turn()
        finally:
            self._waiting -= 1

    async def _wait_for_turn(self) -> None:
        now = self._clock.monotonic()
        while self._turns and self._turns[0] < now - self._interval_s:
            self._turns.popleft()  # missed, and not to be made up for
        if not self._turns:
            turns = min(self._waiting, MOST_TURNS)
            try:
                first = self._clock.monotonic() + await self._take(turns)
            except CutlistError:
                await self._alone.wait()
                return
            self._turns.extend(first + number * self._interval_s for number in range(turns))
        await self._clock.sleep(max(self._turns.popleft() - self._clock.monotonic(), 0.0))


class Gate:
    """Open unless somebody holds it; whoever comes then waits until nobody does."""

    def __init__(self) -> None:
        self._holders = 0
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """Let nobody pass until `release`, which is called once for each hold."""
        self._holders += 1
        self._open.clear()

    def release(self) -> None:
        """Hold it no longer."""
        self._holders -= 1
        if not self._holders:
            self._open.set()

    async def wait(self) -> None:
        """Wait until nobody holds it."""
        await self._open.wait()


@dataclass(slots=True)
class Lane:
    """Submission to one model: one request at a time, at its pace, with so many tasks at the
    service.
    """

    name: str
    pacer: Pacer
    running: asyncio.Semaphore
    most_running: int  # that the semaphore lets pass, and a shared ledger of everybody together
    per_s: float  # the pace at its full rate
    submitting: asyncio.Lock = field(default_factory=asyncio.Lock)
    # held while obsolete tasks are cancelled: what is sent then finds their places free
    clearing: Gate = field(default_factory=Gate)
    paused: ServiceError | None = None  # why nothing more is sent in this lane


def name_lane(endpoint: str, account: str, model: str) -> str:
    """The lane's name, by the configured account: a rotated key does not slip past an open
    INTENT.
    """
    return f"{endpoint} {account} {model}"

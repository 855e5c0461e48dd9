"""Whoever shares a ledger takes turns from it: together they are no faster than one. On virtual
time, with the SQL of the ledger.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from reconciler.apply.lanes import MOST_TURNS, Pacer, SharedPacer
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.ledger.holders import LedgerUser
from tests.simulation.clocks import LifeClock, elapsed_s
from tests.simulation.crowd.ledgers import FileDatabase, TroubledDatabase, open_shared
from tests.simulation.loop import VirtualLoop

PER_S = 12.0
MACHINES = 20


class Calm:
    """Nothing happens to anybody at the ledger, unless it is away."""

    is_away = False

    def before(self) -> None:
        if self.is_away:
            raise LedgerAway("it is away.")

    def at_commit(self, *, is_intent: bool) -> None: ...

    def after(self, *, is_intent: bool) -> None: ...


class Machines:
    """Machines that all take turns from one ledger; the moments of their turns."""

    def __init__(self, folder: Path) -> None:
        self.calm = Calm()
        self.passed_at: list[float] = []
        self.asked = 0  # times that turns were taken
        self._database = FileDatabase(folder)
        self.ledgers = [self._open(number) for number in range(MACHINES)]
        for ledger in self.ledgers:
            ledger._holders.sign_once()
        self.pacers = [self._pace(number) for number in range(MACHINES)]

    def _open(self, number: int) -> Any:
        inner, close = self._database.connect(readonly=False)
        database = TroubledDatabase(inner, self.calm, close, lambda: "first")
        return open_shared(database, "films", LedgerUser(str(number), "", ""), readonly=False)

    def _pace(self, number: int) -> SharedPacer:
        ledger = self.ledgers[number]
        clock = LifeClock(random.Random(number), error_s=0.0, jump_s=0.0, jump_at_s=0.0)

        async def take(turns: int) -> float:
            self.asked += 1
            return float(ledger.take_turn("questions", PER_S, turns))

        return SharedPacer(clock, PER_S, take, Pacer(clock, PER_S, ledger.count_sharers))

    async def take(self, machine: int, times: int) -> None:
        """So many who wait at the same moment."""

        async def wait() -> None:
            await self.pacers[machine].wait()
            self.passed_at.append(elapsed_s())

        await asyncio.gather(*(wait() for _ in range(times)))

    @property
    def most_in_a_second(self) -> int:
        times = sorted(self.passed_at)
        return max(bisect_left(times, at + 1.0 - 1e-6) - n for n, at in enumerate(times))

    def close(self) -> None:
        for ledger in self.ledgers:
            ledger._holders._signs.join()
        self._database.close()


def play(folder: Path, what: Callable[[Machines], Coroutine[Any, Any, None]]) -> Machines:
    async def run() -> Machines:
        machines = Machines(folder)
        await what(machines)
        machines.close()
        return machines

    loop = VirtualLoop()
    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


def test_all_together_are_no_faster_than_one(tmp_path: Path) -> None:
    """And no slower: who has nothing to ask leaves its part to the others."""

    async def rush(machines: Machines) -> None:
        await asyncio.gather(*(machines.take(number, 30) for number in range(MACHINES // 2)))

    machines = play(tmp_path, rush)
    assert machines.most_in_a_second <= PER_S
    assert max(machines.passed_at) <= 30 * MACHINES / 2 / PER_S
    assert machines.asked <= 30 * MACHINES / 2 / MOST_TURNS + MACHINES


def test_a_turn_that_was_missed_is_not_made_up_for(tmp_path: Path) -> None:
    """A machine that slept does not ask all at once."""

    async def sleep(machines: Machines) -> None:
        await machines.take(0, 3)
        machines.pacers[0]._turns.extend(machines.pacers[0]._clock.monotonic() for _ in range(9))
        await asyncio.sleep(60.0)
        machines.passed_at.clear()
        await machines.take(0, 24)

    assert play(tmp_path, sleep).most_in_a_second <= PER_S


def test_without_the_ledger_each_goes_at_its_part(tmp_path: Path) -> None:
    async def go_on(machines: Machines) -> None:
        machines.calm.is_away = True
        await asyncio.gather(*(machines.take(number, 5) for number in range(MACHINES)))

    machines = play(tmp_path, go_on)
    assert machines.most_in_a_second <= MACHINES
    assert max(machines.passed_at) >= 4 * MACHINES / PER_S - 1e-6

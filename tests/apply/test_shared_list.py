"""The list that one of several machines reads for all: on virtual time, with the ledger's SQL."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.in_flight import LIST_FROM, LIST_REST_S
from reconciler.apply.pace import Pace
from reconciler.apply.shared_list import READ_EVERY_S, SharedList
from reconciler.apply.watching import TaskWatch, Watched
from reconciler.errors import NotTheService
from reconciler.service.pages import ListedTask, ListPage
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.ledger.holders import LedgerUser
from reconciler.state.ledger.listed import READ_WITHIN_S
from reconciler.state.ledger.postgres import PostgresLedger
from tests.simulation.clocks import LifeClock, elapsed_s
from tests.simulation.crowd.ledgers import FileDatabase, TroubledDatabase, open_shared
from tests.simulation.loop import VirtualLoop
from tests.simulation.world import inline
from tests.state.ledgers import NOW, intend

PACE = Pace(first_s=60.0, interval_s=15.0)
MACHINES = 3
TASKS = 2 * LIST_FROM * MACHINES
ENDPOINT = "https://a.example"
ALL = [f"t{number}" for number in range(TASKS)]


class Service:
    """The account's tasks, and who asked for their list when."""

    def __init__(self) -> None:
        self.ends_s = dict.fromkeys(ALL, 1e9)
        self.asked: list[tuple[float, int]] = []  # when, and which machine
        self.error = ""
        self.hangs: set[int] = set()  # machines that get no answer

    def list_for(self, machine: int) -> Callable[[str, int], Coroutine[Any, Any, ListPage]]:
        async def read(status: str, number: int) -> ListPage:
            self.asked.append((elapsed_s(), machine))
            await asyncio.sleep(0.1 if machine not in self.hangs else 1e6)
            if self.error:
                raise NotTheService(self.error, status=404)
            running = [task for task, end_s in self.ends_s.items() if elapsed_s() < end_s]
            shown = running if status == "RUNNING" else []
            rows = tuple(ListedTask(task, "wan2.7-videoedit", "RUNNING", 0.0) for task in shown)
            return ListPage(rows, len(rows), 1, number, 100, ())

        return read

    def find_readers(self, since_s: float, until_s: float = 1e9) -> set[int]:
        """The machines that asked for the list in a time."""
        return {machine for at, machine in self.asked if since_s <= at < until_s}


class Fleet:
    """Machines that share a ledger, each with a part of the tasks; and the looks at each task."""

    def __init__(self, folder: Path, service: Service) -> None:
        self.service = service
        self.looks: dict[str, list[float]] = {task: [] for task in ALL}
        self.is_away = False
        self._database = FileDatabase(folder)
        self.ledgers = [self._open(number) for number in range(MACHINES)]
        for number, task in enumerate(ALL):
            intend(self.ledgers[0], f"a{number}", f"k{number}")
            self.ledgers[0].submitted(f"a{number}", task, at=NOW)
        with self.ledgers[0]._database.transaction() as connection:
            connection.execute("update attempts set endpoint = ?", (ENDPOINT,))
        self.clock = LifeClock(random.Random(0), error_s=0.0, jump_s=0.0, jump_at_s=0.0)
        self.watches = [self._watch(number) for number in range(MACHINES)]
        self._followers = [
            [asyncio.ensure_future(self._follow(watch, task)) for task in ALL[number::MACHINES]]
            for number, watch in enumerate(self.watches)
        ]

    def before(self) -> None:
        if self.is_away:
            raise LedgerAway("it is away.")

    def at_commit(self, *, is_intent: bool) -> None: ...

    def after(self, *, is_intent: bool) -> None: ...

    def _open(self, number: int) -> PostgresLedger:
        inner, close = self._database.connect(readonly=False)
        database = TroubledDatabase(inner, self, close, lambda: "first")
        return open_shared(database, "films", LedgerUser(str(number), "", ""), readonly=False)

    def _watch(self, number: int) -> TaskWatch:
        shared = SharedList(
            self.clock,
            self.service.list_for(number),
            inline,
            self.ledgers[number].task_list,
            ENDPOINT,
        )

        async def write_down() -> None: ...

        return TaskWatch(self.clock, shared, write_down)

    async def _follow(self, watch: TaskWatch, task: str) -> None:
        now = self.clock.monotonic()
        watched = Watched(task, PACE, now, now + PACE.first_s, now, lambda _: None)
        while elapsed_s() < self.service.ends_s[task]:
            await watch.wait(watched)
            self.looks[task].append(elapsed_s())
            watched.plan_next_look(self.clock.monotonic())

    async def stop(self, number: int) -> None:
        """A machine follows nothing any more; its process goes on."""
        for task in self._followers[number]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.watches[number].close()

    async def close(self) -> None:
        for number in range(MACHINES):
            await self.stop(number)
        for ledger in self.ledgers:
            ledger._holders._signs.join()
        self._database.close()


def sail(folder: Path, play: Callable[[Fleet], Coroutine[Any, Any, None]]) -> Fleet:
    """What is played on virtual time, which begins at 0; looks begin after a minute."""

    async def run() -> Fleet:
        fleet = Fleet(folder, Service())
        await play(fleet)
        await fleet.close()
        return fleet

    loop = VirtualLoop()
    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


def count_looks(fleet: Fleet, since_s: float, until_s: float = 1e9) -> int:
    return sum(since_s <= at < until_s for looks in fleet.looks.values() for at in looks)


def test_one_reads_for_all(tmp_path: Path) -> None:
    """The first looks come before there is a list; then it is asked for every few seconds by one
    machine, and no task is looked at by itself.
    """

    async def play(fleet: Fleet) -> None:
        await asyncio.sleep(240.0)

    fleet = sail(tmp_path, play)
    assert len(fleet.service.find_readers(0.0)) == 1
    assert count_looks(fleet, 0, 62) == TASKS
    assert count_looks(fleet, 62) == 0
    assert 40 <= len(fleet.service.asked) <= 2 * 180 / READ_EVERY_S + 2


def test_what_ends_is_looked_at_soon(tmp_path: Path) -> None:
    """Once, by its own machine, whichever reads the list."""

    async def play(fleet: Fleet) -> None:
        for task in ALL[:MACHINES]:
            fleet.service.ends_s[task] = 123.0
        await asyncio.sleep(240.0)

    fleet = sail(tmp_path, play)
    for task in ALL[:MACHINES]:
        _, look = fleet.looks[task]
        assert 123 <= look <= 123 + 2 * READ_EVERY_S + 2
    assert count_looks(fleet, 62) == MACHINES


@pytest.mark.parametrize("how", ["has nothing to do any more", "dies", "hangs"])
def test_another_one_reads_where_the_reader_is_gone(tmp_path: Path, how: str) -> None:
    """Within seconds, and no task is looked at by itself meanwhile; one that ends is found."""
    readers: list[int] = []

    async def play(fleet: Fleet) -> None:
        await asyncio.sleep(100.0)
        (reader,) = fleet.service.find_readers(0.0)
        readers.append(reader)
        if how == "hangs":
            fleet.service.hangs.add(reader)
        else:
            await fleet.stop(reader)
            if how == "dies":
                fleet.ledgers[reader]._holders._signs.join()
        fleet.service.ends_s[ALL[(reader + 1) % MACHINES]] = 101.0
        await asyncio.sleep(100.0)

    fleet = sail(tmp_path, play)
    (reader,) = readers
    (other,) = fleet.service.find_readers(110.0) - {reader}
    assert min(at for at, who in fleet.service.asked if who == other) <= 101 + 2 * READ_WITHIN_S
    assert count_looks(fleet, 62) == 1
    assert fleet.looks[ALL[(reader + 1) % MACHINES]][-1] <= 101 + 3 * READ_WITHIN_S


def test_without_the_ledger_tasks_are_looked_at_one_by_one(tmp_path: Path) -> None:
    """And once it is back they are spared again."""

    async def play(fleet: Fleet) -> None:
        await asyncio.sleep(100.0)
        fleet.is_away = True
        await asyncio.sleep(60.0)
        fleet.is_away = False
        await asyncio.sleep(80.0)

    fleet = sail(tmp_path, play)
    assert 3 * TASKS <= count_looks(fleet, 100, 165) <= 6 * TASKS
    assert count_looks(fleet, 180) == 0


def test_a_list_that_is_no_use_rests(tmp_path: Path) -> None:
    """Every task is looked at by itself; each machine asks for the list once in a while."""

    async def play(fleet: Fleet) -> None:
        fleet.service.error = "no such path"
        await asyncio.sleep(240.0)

    fleet = sail(tmp_path, play)
    assert all(len(looks) >= 12 for looks in fleet.looks.values())
    assert len(fleet.service.asked) <= MACHINES * (180 / LIST_REST_S + 1)

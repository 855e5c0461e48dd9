"""What the list spares, and what it is not believed in: on virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from reconciler.apply.in_flight import LIST_FROM, LIST_REST_S, OwnList
from reconciler.apply.pace import Pace
from reconciler.apply.watching import TRUST_S, TaskWatch, Watched
from reconciler.errors import NotTheService
from reconciler.service.pages import ListedTask, ListPage
from tests.simulation.clocks import LifeClock, elapsed_s
from tests.simulation.loop import VirtualLoop

PACE = Pace(first_s=60.0, interval_s=15.0)
MANY = 3 * LIST_FROM


class Lists:
    """The service's list of tasks in flight, one page a status."""

    def __init__(self, running: int, **trouble: str) -> None:
        self.ends_s = {f"task-{n}": 1e9 for n in range(running)}
        self.hidden: set[str] = set()
        self.asked: list[tuple[float, str]] = []
        self.contradiction = trouble.get("contradiction", "")
        self.error = trouble.get("error", "")
        self.ended_as = trouble.get("ended_as", "")  # how ended tasks are listed; "": not at all

    async def read(self, status: str, number: int) -> ListPage:
        self.asked.append((elapsed_s(), status))
        await asyncio.sleep(0.1)
        if self.error:
            raise NotTheService(self.error, status=404)
        rows = []
        for task, end_s in self.ends_s.items():
            shown = "RUNNING" if elapsed_s() < end_s else self.ended_as
            if shown and task not in self.hidden and status == "RUNNING":
                rows.append(ListedTask(task, "wan2.7-videoedit", shown, 0.0))
        words = (self.contradiction,) if self.contradiction else ()
        return ListPage(tuple(rows), len(rows), 1, number, 100, words)


class Ship:
    """Everybody who follows a task, and when each looked at it by itself."""

    def __init__(self, lists: Lists) -> None:
        clock = LifeClock(random.Random(0), error_s=0.0, jump_s=0.0, jump_at_s=0.0)
        self.clock, self.lists = clock, lists
        self.looks: dict[str, list[float]] = {task: [] for task in lists.ends_s}
        self.told: list[str] = []
        self.watch = TaskWatch(clock, OwnList(lambda *page: lists.read(*page)), self._write_down)

    async def _write_down(self) -> None: ...

    async def follow(self, task: str) -> None:
        now = self.clock.monotonic()
        watched = Watched(task, PACE, now, now + PACE.first_s, now, self.told.append)
        while True:
            await self.watch.wait(watched)
            self.looks[task].append(elapsed_s())
            if elapsed_s() >= self.lists.ends_s[task]:
                return
            watched.plan_next_look(self.clock.monotonic())


def sail(
    lists: Lists, until_s: float, beside: Callable[[Ship], Awaitable[None]] | None = None
) -> Ship:
    """Follow all tasks until a moment."""
    loop = VirtualLoop()

    async def run() -> Ship:
        ship = Ship(lists)
        tasks = [asyncio.ensure_future(ship.follow(task)) for task in lists.ends_s]
        if beside is not None:
            await beside(ship)
        await asyncio.wait(tasks, timeout=until_s - elapsed_s())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ship.watch.close()
        return ship

    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


def test_few_tasks_are_looked_at_one_by_one() -> None:
    ship = sail(Lists(3), 100.0)
    assert ship.lists.asked == []
    assert ship.looks["task-0"] == [60, 75, 90]


def test_what_the_list_shows_is_not_looked_at() -> None:
    """Thirty tasks for three minutes cost a list every few seconds, and no look."""
    ship = sail(Lists(MANY), 240.0)
    assert not any(ship.looks.values())
    assert ship.told == ["RUNNING"] * MANY
    assert min(at for at, _ in ship.lists.asked) == 60
    assert len(ship.lists.asked) <= 2 * 180 / PACE.near_s + 2


@pytest.mark.parametrize("ended_as", ["", "SUCCEEDED", "FAILED", "whatever"])
def test_what_ends_is_looked_at_soon(ended_as: str) -> None:
    """Whether the list leaves it out, or shows how it ended."""
    lists = Lists(MANY, ended_as=ended_as)
    lists.ends_s["task-7"] = 123.0
    ship = sail(lists, 240.0)
    (look,) = ship.looks.pop("task-7")
    assert 123 <= look <= 123 + PACE.near_s + 1
    assert not any(ship.looks.values())


def test_what_the_list_lacks_is_looked_at_as_ever() -> None:
    """Tasks of another workspace, or that the list shows too late."""
    lists = Lists(MANY)
    lists.hidden = {"task-1", "task-2"}
    ship = sail(lists, 123.0)
    assert [round(at) for at in ship.looks["task-1"]] == [60, 75, 91, 106, 121]
    assert not ship.looks["task-3"]


def test_what_the_list_shows_later_is_spared_from_then_on() -> None:
    lists = Lists(MANY)
    lists.hidden = {"task-1"}

    async def show(ship: Ship) -> None:
        await asyncio.sleep(80.0)
        lists.hidden.clear()

    ship = sail(lists, 240.0, show)
    assert [round(at) for at in ship.looks["task-1"]] == [60, 75]


@pytest.mark.parametrize(
    "lists",
    [Lists(MANY, error="no such path"), Lists(MANY, contradiction="counts three tasks")],
)
def test_a_list_that_is_no_use_rests(lists: Lists) -> None:
    """Every task is looked at by itself, and the list is asked once in a while."""
    ship = sail(lists, 241.0)
    assert all(len(looks) == 13 for looks in ship.looks.values())
    assert len(lists.asked) <= 2 * (180 / LIST_REST_S + 1)


def test_a_list_that_stands_still_is_believed_for_some_minutes() -> None:
    """It goes on showing what has long ended."""
    lists = Lists(MANY)
    shown = lists.read

    async def read_old(status: str, number: int) -> ListPage:
        lists.ends_s, real = dict.fromkeys(lists.ends_s, 1e9), lists.ends_s
        try:
            return await shown(status, number)
        finally:
            lists.ends_s = real

    lists.ends_s["task-0"] = 100.0
    lists.read = read_old  # type: ignore[method-assign]
    ship = sail(lists, 700.0)
    (look,) = ship.looks["task-0"]
    assert TRUST_S <= look <= TRUST_S + PACE.near_s


def test_a_hint_wakes_at_once() -> None:
    lists = Lists(1)
    lists.ends_s["task-0"] = 20.0

    async def hint(ship: Ship) -> None:
        await asyncio.sleep(21.0)
        ship.watch.hint("task-0")
        ship.watch.hint("of nobody")

    assert sail(lists, 100.0, hint).looks["task-0"] == [21]


def test_trouble_of_the_watch_reaches_who_waits() -> None:
    """A fault of the program is told to those who wait, and leaves nobody waiting for ever."""
    lists = Lists(MANY)

    async def fail(status: str, number: int) -> ListPage:
        raise ZeroDivisionError

    lists.read = fail  # type: ignore[method-assign]

    async def run() -> list[object]:
        ship = Ship(lists)
        followers = [ship.follow(task) for task in lists.ends_s]
        return await asyncio.gather(*followers, return_exceptions=True)

    loop = VirtualLoop()
    try:
        ended = loop.run_until_complete(run())
    finally:
        loop.close()
    assert {type(each) for each in ended} == {ZeroDivisionError}

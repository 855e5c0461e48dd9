"""The service's list of tasks in flight: what a watch asks of it, and how one process reads it for
itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from reconciler.errors import ServiceError
from reconciler.service.pages import ListPage

IN_FLIGHT = ("PENDING", "RUNNING")  # in this order: a task that begins meanwhile is seen twice
LIST_FROM = 10  # looks that are due together, from which on the list may be asked instead
LIST_PAGES_PER_S = 2.0  # of the 20 calls in a second that the service takes
LIST_REST_S = 60.0  # after a list that was of no use

ReadPage = Callable[[str, int], Awaitable[ListPage]]  # by status and number of the page


class InFlightList(Protocol):
    """Which tasks the service lists as in flight. Moments are monotonic seconds."""

    @property
    def takes_s(self) -> float:
        """How long the newest list took at least, at the pace at which its pages are read."""

    def is_cheaper(self, looks: int, now: float, /) -> bool:
        """Whether to ask it instead of looking at so many tasks one by one."""

    async def read(self, asked: Collection[str], now: float) -> Mapping[str, str]:
        """The statuses of those of some tasks that it shows in flight."""

    async def close(self) -> None:
        """Read nothing any more."""


def spares_requests(looks: int, pages: int) -> bool:
    """Whether a list of so many pages costs less than looking at so many tasks one by one."""
    return looks >= LIST_FROM and looks > pages


def read_in_flight(page: ListPage) -> dict[str, str]:
    """By task: what a page shows in flight."""
    return {
        row.task_id: row.status
        for row in page.rows
        if row.task_id is not None and row.status in IN_FLIGHT
    }


class OwnList:
    """The list as a process reads it that shares it with nobody."""

    def __init__(self, read_page: ReadPage) -> None:
        self._read_page = read_page
        self._pages = len(IN_FLIGHT)  # that the last list had
        self._rests_until = 0.0  # the list is not asked before

    @property
    def takes_s(self) -> float:
        return self._pages / LIST_PAGES_PER_S

    def is_cheaper(self, looks: int, now: float) -> bool:
        return now >= self._rests_until and spares_requests(looks, self._pages)

    async def read(self, asked: Collection[str], now: float) -> Mapping[str, str]:
        """A list that cannot be read, or has more pages than there are tasks to be asked about,
        shows the rest no more, and rests.
        """
        shown: dict[str, str] = {}
        is_whole, pages = await self._read_pages(asked, shown)
        if is_whole:
            self._pages = max(pages, len(IN_FLIGHT))
        if not is_whole or len(shown) <= self._pages:
            self._rests_until = now + LIST_REST_S
        return shown

    async def _read_pages(self, asked: Collection[str], shown: dict[str, str]) -> tuple[bool, int]:
        """Whether all of it could be read, and how many pages that were."""
        pages = 0
        for status in IN_FLIGHT:
            number = 0
            while len(shown) < len(asked):
                number, pages = number + 1, pages + 1
                try:
                    page = await self._read_page(status, number)
                except ServiceError:
                    return False, pages
                if page.contradictions or pages > max(len(asked), len(IN_FLIGHT)):
                    return False, pages
                shown |= {id_: each for id_, each in read_in_flight(page).items() if id_ in asked}
                if not page.rows or number >= (page.pages or 0):
                    break
        return True, pages

    async def close(self) -> None:
        """It reads only while it is asked."""

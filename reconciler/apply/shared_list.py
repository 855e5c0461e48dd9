"""The list of tasks in flight for those who share a ledger: one of them reads it from the service
and writes it down, and each reads there what it says of its own tasks.

Nobody is chosen: whoever has a task due, and finds the newest reading too old and no reader at
work, reads on for all. One that dies, hangs or has nothing due any more is replaced within seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress

from reconciler.apply.events import RunBlocking
from reconciler.apply.in_flight import (
    IN_FLIGHT,
    LIST_PAGES_PER_S,
    LIST_REST_S,
    ReadPage,
    read_in_flight,
    spares_requests,
)
from reconciler.apply.lanes import Pacer
from reconciler.errors import LedgerError, ServiceError
from reconciler.service.pages import ListPage
from reconciler.state.ledger.listed import ListReading, TaskList
from reconciler.system.clock import Clock

READ_EVERY_S = 5.0  # from the beginning of one reading to that of the next, or as long as it takes
TRUST_S = 30.0  # beside twice the time that a reading takes: a reader may have to be replaced


class SharedList:
    """The list as one of several processes has it."""

    def __init__(
        self,
        clock: Clock,
        read_page: ReadPage,
        block: RunBlocking,
        task_list: TaskList,
        endpoint: str,
    ) -> None:
        self._clock = clock
        self._read_page = read_page
        self._block = block
        self._task_list = task_list
        self._endpoint = endpoint
        self._pages = len(IN_FLIGHT)
        self._pacer = Pacer(clock, LIST_PAGES_PER_S)
        self._rests_until = 0.0  # monotonic: no reading is begun before
        self._reading: asyncio.Task[None] | None = None

    @property
    def takes_s(self) -> float:
        return self._pages / LIST_PAGES_PER_S

    def is_cheaper(self, looks: int, _now: float) -> bool:
        """It costs no request, but for the one who reads for all."""
        return looks > 0

    async def read(self, asked: Collection[str], now: float) -> Mapping[str, str]:
        """As the newest reading had it; nothing where the ledger is away. Begins another reading
        where that is due.
        """
        trust_s = TRUST_S + 2 * self.takes_s
        try:
            listed = await self._block(
                lambda: self._task_list.find(self._endpoint, asked, trust_s=trust_s)
            )
        except LedgerError:
            return {}
        self._pages = listed.pages
        is_due = listed.age_s >= max(READ_EVERY_S, self.takes_s) and now >= self._rests_until
        if is_due and not listed.is_read_by_another and self._is_idle():
            self._reading = asyncio.ensure_future(self._read_for_all())
        shown: Mapping[str, str] = listed.shown
        return shown

    def _is_idle(self) -> bool:
        """Whether no reading of this process is under way. Raises what went wrong in the last."""
        if self._reading is None:
            return True
        if self._reading.done():
            self._reading.result()
        return self._reading.done()

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    # -------------------------------------------------------------- for all

    async def _read_for_all(self) -> None:
        """Read the list and write it down; one that is of no use rests."""
        try:
            reading = await self._block(lambda: self._task_list.begin(self._endpoint))
            if reading is None or not spares_requests(reading.tasks, self._pages):
                return
            if not await self._read_whole(reading):
                self._rests_until = self._clock.monotonic() + LIST_REST_S
        except ServiceError:
            self._rests_until = self._clock.monotonic() + LIST_REST_S
        except LedgerError:
            return  # whoever notes something next meets it again

    async def _read_whole(self, reading: ListReading) -> bool:
        """Read all pages, unless another process has begun to read instead. False where they
        contradict themselves, or cost more than they spare. Raises ServiceError, LedgerError.
        """
        pages = 0
        for status in IN_FLIGHT:
            number = 0
            while True:
                await self._pacer.wait()
                number, pages = number + 1, pages + 1
                page = await self._read_page(status, number)
                if page.contradictions or pages > max(reading.tasks, len(IN_FLIGHT)):
                    return False
                if not await self._note(page, reading):
                    return True
                if not page.rows or number >= (page.pages or 0):
                    break
        await self._block(lambda: self._task_list.finish(self._endpoint, reading, pages=pages))
        return True

    async def _note(self, page: ListPage, reading: ListReading) -> bool:
        """Write down what a page shows. Whether this process is to read on."""
        shown = read_in_flight(page)
        is_ours = await self._block(lambda: self._task_list.note(self._endpoint, shown, reading))
        return bool(is_ours)

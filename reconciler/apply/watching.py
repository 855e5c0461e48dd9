"""Many tasks are watched by the service's list of those in flight; a task is looked at by itself
only when the list does not show that it goes on.

One thing is believed of a list: a task that it shows PENDING or RUNNING need not be looked at for
the next few seconds, and TRUST_S after it was last looked at by itself not even that. Whatever else
the list says or leaves out makes a task be looked at by itself; that answer alone counts
(docs/decisions/0021-watched-by-the-list.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from reconciler.apply.in_flight import InFlightList
from reconciler.apply.pace import Pace
from reconciler.errors import LedgerError
from reconciler.system.clock import Clock

TRUST_S = 300.0
SOON_S = 1e-3  # what is due so soon is due now


@dataclass(slots=True, eq=False)
class Watched:
    """A task in flight. Moments are monotonic seconds."""

    task_id: str
    pace: Pace
    begun_at: float  # when it was submitted
    due_at: float  # when it is looked at next
    looked_at: float  # when it was last looked at by itself
    tell: Callable[[str], None]  # hears of another status that the list shows
    status: str = ""
    is_listed: bool = True  # whether the newest list that should have shown it did
    wake: asyncio.Future[None] = field(default_factory=asyncio.Future)

    def plan_next_look(self, now: float) -> None:
        """Set when it is looked at next, having been looked at by itself."""
        self.looked_at = now
        age_s = max(now - self.begun_at, 0.0)
        wait_s = self.pace.wait_after(age_s)
        self.due_at = now + (wait_s if self.is_listed else max(wait_s, self.pace.interval_s))


class TaskWatch:
    """Lets those who follow tasks wait for their next look. One task of the loop keeps the time for
    all of them.
    """

    def __init__(
        self, clock: Clock, in_flight: InFlightList, write_down: Callable[[], Awaitable[None]]
    ) -> None:
        """`write_down` makes durable what `Watched.tell` was told."""
        self._clock = clock
        self._in_flight = in_flight
        self._write_down = write_down
        self._waiting: dict[str, Watched] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._stirred = asyncio.Event()
        self._next_at = 0.0  # when the keeper looks round again

    async def wait(self, watched: Watched) -> None:
        """Wait until a task is to be looked at by itself: its time has come and no list vouches for
        it, a list no longer shows it in flight, or somebody hinted at it.
        """
        watched.wake = asyncio.get_running_loop().create_future()
        self._waiting[watched.task_id] = watched
        if watched.due_at < self._next_at:
            self._stirred.set()
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.ensure_future(self._keep_time())
        try:
            await watched.wake
        finally:
            self._waiting.pop(watched.task_id, None)

    def hint(self, task_id: str) -> None:
        """A task may have ended: whoever waits for it looks now."""
        if task_id in self._waiting:
            self._wake(self._waiting[task_id])

    async def close(self) -> None:
        """Keep no time any more."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        await self._in_flight.close()

    # -------------------------------------------------------------- the time

    async def _keep_time(self) -> None:
        try:
            while self._waiting:
                self._stirred.clear()
                self._next_at = min(watched.due_at for watched in self._waiting.values())
                left_s = self._next_at - self._clock.monotonic()
                if left_s > SOON_S:
                    await self._rest(left_s)
                else:
                    await self._look_round()
        except Exception as error:
            for watched in self._waiting.values():
                if not watched.wake.done():
                    watched.wake.set_exception(error)

    async def _rest(self, seconds: float) -> None:
        """Sleep, or until somebody else waits, who may be due sooner."""
        pause = asyncio.ensure_future(self._clock.sleep(seconds))
        stir = asyncio.ensure_future(self._stirred.wait())
        try:
            await asyncio.wait((pause, stir), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            stir.cancel()

    async def _look_round(self) -> None:
        """Ask the list where that costs less than single looks, and wake whom it does not vouch
        for.
        """
        now = self._clock.monotonic()
        asked = self._find_asked_for(now)
        if self._in_flight.is_cheaper(len(asked), now):
            await self._ask_list(asked, now)
        for watched in tuple(self._waiting.values()):
            if watched.due_at <= now + SOON_S:
                self._wake(watched)

    def _wake(self, watched: Watched) -> None:
        self._waiting.pop(watched.task_id, None)
        if not watched.wake.done():
            watched.wake.set_result(None)

    # -------------------------------------------------------------- the list

    def _find_asked_for(self, now: float) -> dict[str, Watched]:
        """The tasks that are due, or will be before long, and that the list may vouch for."""
        return {
            task_id: watched
            for task_id, watched in self._waiting.items()
            if (watched.is_listed or watched.due_at <= now + SOON_S)
            and watched.due_at <= now + watched.pace.near_s
            and now - watched.looked_at < TRUST_S
        }

    async def _ask_list(self, asked: dict[str, Watched], now: float) -> None:
        """Put off the looks at tasks that the list shows in flight; those that it lacks are due."""
        shown = await self._in_flight.read(asked.keys(), now)
        for task_id, watched in asked.items():
            if self._waiting.get(task_id) is not watched:
                continue
            watched.is_listed = task_id in shown
            if not watched.is_listed:
                watched.due_at = now
                continue
            watched.due_at = now + max(watched.pace.near_s, self._in_flight.takes_s)
            if watched.status != shown[task_id]:
                watched.status = shown[task_id]
                watched.tell(watched.status)
        with suppress(LedgerError):  # whoever notes something next meets it again
            await self._write_down()

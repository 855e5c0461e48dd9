"""What looks at tasks have shown is written to the ledger in groups: a kill loses poll answers, and
nothing else that is not asked again.
"""

from __future__ import annotations

import asyncio

from reconciler.apply.events import RunBlocking
from reconciler.apply.unbroken import run_unbroken
from reconciler.state.ledger import Ledger, Sighting
from reconciler.system.clock import Clock

GROUP_S = 1.0  # how long what is not final may wait for others


class Sightings:
    """Gathers what was seen. Those that come while a commit is under way share the next one."""

    def __init__(self, ledger: Ledger, clock: Clock, block: RunBlocking) -> None:
        self._ledger = ledger
        self._clock = clock
        self._block = block
        self._waiting: list[Sighting] = []
        self._turn = asyncio.Lock()
        self._written_at = -GROUP_S  # monotonic

    def add(self, task_id: str, status: str, answer: dict[str, object]) -> None:
        """Let the next commit have it."""
        self._waiting.append(Sighting(task_id, status, answer, self._clock.now()))

    async def note(
        self, task_id: str, status: str, answer: dict[str, object], *, final: bool
    ) -> None:
        """Take in what was seen. What is `final` is durable when this returns; other things once
        GROUP_S are over and something else is noted. Raises LedgerError.
        """
        self.add(task_id, status, answer)
        if final or self._clock.monotonic() - self._written_at >= GROUP_S:
            await self.write()

    async def write(self) -> None:
        """Make durable what was seen up to now. Raises LedgerError; then it waits on."""
        mine = self._waiting[-1:]
        async with self._turn:
            if not any(each is last for last in mine for each in self._waiting):
                return  # somebody else's commit had it
            group = tuple(self._waiting)
            await run_unbroken(self._block(lambda: self._ledger.tasks_seen(group)))
            del self._waiting[: len(group)]
            self._written_at = self._clock.monotonic()

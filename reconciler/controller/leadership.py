"""Several controllers, of which one leads each Sync: the lease is renewed while it lives, and what
the next one has to know is left in the ledger.

A Sync whose ledger is a file is led by the one controller that has its state folder.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.controller.lead import ALONE, Lead
from reconciler.errors import CutlistError
from reconciler.formats.names import make_plain
from reconciler.operations.shared import open_leases
from reconciler.state.ledger.address import LedgerAddress
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.state.ledger.leases import Leases, Renewal

RENEW_EVERY_S = 4.0
LOOK_EVERY_S = 1.0  # whether a lead is free, while another controller has it
VALID_S = 10.0  # after the begin of a renewal: less than the lease, so that it ends here first


@dataclass(frozen=True, slots=True)
class Standing:
    """How this controller stands with a Sync. `words` say who leads instead, or why nobody knows;
    `left` is what the leader before has left, by the names of files.
    """

    leads: bool
    words: str = ""
    left: Mapping[str, str] = field(default_factory=dict)


class LeaseKeeper:
    """Renews the leases of the Syncs of one ledger. Used in the controller's loop."""

    def __init__(
        self,
        address: LedgerAddress,
        clock: Clock,
        hear: Callable[[str, Standing], None],
        hear_look: Callable[[str], None],
    ) -> None:
        self._address = address
        self._clock = clock
        self._hear = hear
        self._hear_look = hear_look
        self._id = clock.new_id()
        self._leases: Leases | None = None
        self._leads: dict[str, Lead] = {}
        self._standings: dict[str, Standing] = {}
        self._asking = threading.Lock()
        self._is_closed = False

    def find_lead(self, sync: str) -> Lead:
        """The lead of a Sync, which is kept from now on."""
        if sync not in self._leads:
            self._leads[sync] = Lead.share(sync, lambda: self._leases, self._clock)
        return self._leads[sync]

    async def keep_only(self, syncs: Collection[str]) -> None:
        """Let go of the other Syncs."""
        for sync in [sync for sync in self._leads if sync not in syncs]:
            lead = self._leads.pop(sync)
            self._standings.pop(sync, None)
            if lead.holds and self._leases is not None:
                with suppress(CutlistError):
                    await asyncio.to_thread(self._leases.release, sync)
            lead.valid_until = -math.inf

    async def run(self) -> None:
        """Renew until it is cancelled."""
        while True:
            await self.renew()
            await self._wait()

    async def close(self) -> None:
        """Lead nothing any more: another controller may at once."""
        for lead in self._leads.values():
            lead.valid_until = -math.inf
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._asking:  # a renewal that was cancelled may still be under way in its thread
            self._is_closed = True
            if self._leases is not None:
                self._leases.close()

    async def ask_for_look(self, sync: str) -> None:
        """Have the controller that leads a Sync look at it; where the ledger is away, nobody."""
        if self._leases is not None:
            with suppress(CutlistError):
                await asyncio.to_thread(self._leases.ask_for_look, sync)

    async def renew(self) -> None:
        """Keep what is ours, take what is free, and tell what has changed by it."""
        self._tell_expired("this controller stood still for too long")
        begun, syncs = self._clock.monotonic(), tuple(self._leads)
        work = asyncio.ensure_future(asyncio.to_thread(self._ask, syncs))
        try:
            await self._wait_within(work)
            renewal, left = await work
        except CutlistError as error:
            self._tell_expired(error.message, at_first=True)
            return
        for sync, leader in renewal.leaders.items():
            lead = self._leads.get(sync)
            if lead is None:
                continue  # let go of meanwhile
            if leader.id == self._id and not (self._is_led(sync) or sync in left):
                continue  # it expired while this was asked: what is left is read the next time
            if leader.id == self._id:
                lead.valid_until = begun + VALID_S
                self._tell(sync, Standing(True, left=left.get(sync, {})))
            else:
                lead.valid_until = -math.inf
                who = make_plain(f"{leader.command} on {leader.host}")
                self._tell(sync, Standing(False, f"{who} leads; this controller stands by."))
        for sync in renewal.looks:
            self._hear_look(sync)

    def _ask(self, syncs: Collection[str]) -> tuple[Renewal, Mapping[str, Mapping[str, str]]]:
        """One renewal; and of what was not led before, what its leader has left."""
        with self._asking:
            if self._leases is None and not self._is_closed:
                self._leases = open_leases(self._address, self._id, "cutlist sync")
            if self._leases is None or self._is_closed:
                raise CutlistError("the controller ends")
            renewal = self._leases.renew(syncs)
            fresh = [
                sync
                for sync, leader in renewal.leaders.items()
                if leader.id == self._id and not self._is_led(sync)
            ]
            return renewal, {sync: self._leases.read(sync) for sync in fresh}

    def _is_led(self, sync: str) -> bool:
        """Whether this controller was told last that it leads."""
        standing = self._standings.get(sync)
        return standing is not None and standing.leads

    async def _wait_within(self, work: asyncio.Future[Any]) -> None:
        """Until the server has answered; what expires meanwhile is told at that moment."""
        while not work.done():
            ends = [lead.valid_until for lead in self._leads.values() if lead.holds]
            if not ends:
                return
            alarm = asyncio.ensure_future(
                self._clock.sleep(max(0.0, min(ends) - self._clock.monotonic()))
            )
            try:
                await asyncio.wait([work, alarm], return_when=asyncio.FIRST_COMPLETED)
            finally:
                alarm.cancel()
            self._tell_expired("the ledger does not answer")

    async def _wait(self) -> None:
        """Until the next renewal is due, or a lead is free that another controller had."""
        due_at = self._clock.monotonic() + RENEW_EVERY_S
        while (left_s := due_at - self._clock.monotonic()) > 0:
            others = [sync for sync, lead in self._leads.items() if not lead.holds]
            await self._clock.sleep(min(left_s, LOOK_EVERY_S) if others else left_s)
            if others and self._leases is not None:
                with suppress(CutlistError):
                    if await asyncio.to_thread(self._leases.has_free, others):
                        return

    def _tell_expired(self, why: str, *, at_first: bool = False) -> None:
        """Tell of each Sync that is led no more; `at_first`: also where that was never known."""
        for sync, lead in list(self._leads.items()):
            if not lead.holds:
                known = self._standings.get(sync)
                if at_first if known is None else known.leads:
                    self._tell(sync, Standing(False, f"Nobody is known to lead: {why}"))

    def _tell(self, sync: str, standing: Standing) -> None:
        """Tell how a Sync stands, where that is another standing than before."""
        known, self._standings[sync] = self._standings.get(sync), standing
        if known is None or (known.leads, known.words) != (standing.leads, standing.words):
            self._hear(sync, standing)


class Leadership:
    """The leads of all Syncs of a controller. Used in its loop."""

    def __init__(
        self,
        clock: Clock,
        hear: Callable[[str, Standing], None],
        hear_look: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._hear = hear
        self._hear_look = hear_look
        self._keepers: dict[str, LeaseKeeper] = {}  # by the ledger's fingerprint
        self._by_sync: dict[str, LeaseKeeper] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_running = False

    def change(self, ledgers: Mapping[str, LedgerAddress | None]) -> None:
        """From now on keep the leads of these Syncs, each in its ledger; None: it has a file."""
        before, self._by_sync = self._by_sync, {}
        for sync, address in ledgers.items():
            if address is None:
                continue
            about = address.fingerprint
            if about not in self._keepers:
                self._keepers[about] = LeaseKeeper(
                    address, self._clock, self._hear, self._hear_look
                )
            self._by_sync[sync] = self._keepers[about]
            self._by_sync[sync].find_lead(sync)
        for keeper in {*before.values(), *self._by_sync.values()}:
            kept = {sync for sync, owner in self._by_sync.items() if owner is keeper}
            if self._is_running:
                self._spawn(keeper.keep_only(kept))
        if self._is_running:
            self._start_keepers()

    def find_lead(self, sync: str) -> Lead:
        """The lead of a Sync."""
        keeper = self._by_sync.get(sync)
        return ALONE if keeper is None else keeper.find_lead(sync)

    def ask_for_look(self, sync: str) -> None:
        """Have the controller that leads a Sync look at it."""
        keeper = self._by_sync.get(sync)
        if keeper is not None:
            self._spawn(keeper.ask_for_look(sync))

    async def renew(self) -> None:
        """One renewal of everything."""
        await asyncio.gather(*(keeper.renew() for keeper in self._keepers.values()))

    def start(self) -> None:
        """Renew from now on."""
        self._is_running = True
        self._start_keepers()

    async def close(self) -> None:
        """Lead nothing any more."""
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(keeper.close() for keeper in self._keepers.values()))

    def _start_keepers(self) -> None:
        for about, keeper in self._keepers.items():
            if about not in self._tasks:
                self._tasks[about] = asyncio.ensure_future(keeper.run())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        """Do something besides, to its end or until all ends."""
        task = asyncio.ensure_future(work)
        name = f"besides {id(task)}"
        self._tasks[name] = task
        task.add_done_callback(lambda _task: self._tasks.pop(name, None))

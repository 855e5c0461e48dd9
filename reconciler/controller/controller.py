"""The controller: whatever happens puts a Sync into one queue; one pass at a time works on each.

Every pass runs in a thread with an event loop of its own, so that a hanging remote or a large plan
holds up nobody else. What asks for a look while it runs is answered by a glance at the repository:
a newer commit supersedes the pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from reconciler.apply.outcome import Stop
from reconciler.controller.conditions import ConditionType, SyncStatus, Truth
from reconciler.controller.documents import Sync
from reconciler.controller.entries import SyncEntries, SyncEntry
from reconciler.controller.lead import ALONE, Lead
from reconciler.controller.memory import (
    BY_COMMAND,
    Consent,
    read_consent,
    write_consent,
)
from reconciler.controller.passes import PassSettings
from reconciler.controller.places import SyncPlaces
from reconciler.controller.queue import WorkQueue
from reconciler.controller.running import RunningPass, RunPass
from reconciler.controller.transitions import fail_pass, resume, stand_by, suspend
from reconciler.controller.triggers import choose_wait
from reconciler.errors import CutlistError, DiskFull, UsageError
from reconciler.formats.names import make_plain
from reconciler.system.clock import Clock


class Controller:
    """Reconciles Syncs until it is stopped. Its methods are called in the loop that serves."""

    def __init__(
        self,
        syncs: Sequence[Sync],
        state: Path,
        settings: PassSettings,
        run_pass: RunPass,
        clock: Clock | None = None,
        find_lead: Callable[[str], Lead] = lambda _sync: ALONE,
    ) -> None:
        self._state = state
        self._settings = settings
        self._run_pass = run_pass
        self._clock = clock or settings.clock  # its alarms; passes have a clock of their own
        self._find_lead = find_lead
        self._queue = WorkQueue()
        self.entries = SyncEntries(state, settings, self._clock)
        self._leaving: dict[str, SyncEntry] = {}  # taken out while their pass ran; it ends
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.replace_syncs(syncs)

    # -------------------------------------------------------------- what it works on

    def replace_syncs(self, syncs: Sequence[Sync]) -> None:
        """Work on these from now on. What goes on is kept; of what is not asked for any more the
        pass is ended, and its folder stays.
        """
        kept = {sync.name for sync in syncs}
        for entry in [each for each in self.entries if each.sync.name not in kept]:
            name = entry.sync.name
            self.entries.take_out(name)
            self._queue.forget(name)
            if entry.running is not None:
                entry.running.request_stop("removed")
                self._leaving[name] = entry
        for sync in syncs:
            known = self.entries.get(sync.name)
            entry = known or self._leaving.pop(sync.name, None) or self.entries.recall(sync)
            self.entries.add(entry)
            self._replace_sync(entry, sync)
            self.look(sync.name, "started" if known is None else "documents read anew")

    def _replace_sync(self, entry: SyncEntry, sync: Sync) -> None:
        """Have an entry work by a document from now on; what runs by another one, or in spite of
        it, is ended.
        """
        before, entry.lead = entry.sync, self._find_lead(sync.name)
        if before != sync:
            entry.sync, entry.places = sync, SyncPlaces.of(self._state, sync)
            if entry.running is not None:
                entry.running.request_stop("its document was changed")
        if sync.suspend and not entry.is_suspended:
            self.entries.change(entry, suspend)
        elif before.suspend and not sync.suspend:
            self.entries.change(entry, resume)

    # -------------------------------------------------------------- whether it leads

    def leads(self, name: str) -> bool:
        """Whether this controller works on a Sync, and no other one does."""
        entry = self.entries.get(name)
        return entry is not None and entry.lead.holds

    def take_lead(self, name: str, left: Mapping[str, str]) -> SyncStatus | None:
        """Work on a Sync from now on, with what the leader before has `left`; how it was then. None
        where there is no such Sync (any more). Raises DiskFull, OSError.
        """
        entry = self.entries.get(name)
        if entry is None:
            return None
        entry.elsewhere, entry.kept = "", None  # also where what is left cannot be kept
        entry.places.lay(left, self._clock.new_id)
        memory, status = entry.memory, self.entries.recall_status(entry.sync, entry.places)
        memory.consent, memory.seen = read_consent(entry.places.consent), None
        memory.setbacks.forget()
        memory.change(lambda _status: suspend(status) if entry.sync.suspend else status)
        self.look(name, "leads from now on")
        return memory.status

    def stand_by(self, name: str, words: str) -> None:
        """Begin nothing of a Sync from now on, and end the pass that runs: another controller leads
        it, or may.
        """
        entry = self.entries.get(name)
        if entry is None:
            return
        entry.elsewhere = words
        if entry.running is not None:
            entry.running.request_stop("another controller may lead")
        self._tell_elsewhere(entry)

    def _tell_elsewhere(self, entry: SyncEntry) -> None:
        """Say who leads; what was written down stays, for it is of the time before."""
        now, words = self._clock.now(), entry.elsewhere
        entry.memory.change(lambda known: stand_by(known, words, now), self._settings.announce)

    @property
    def queue_length(self) -> int:
        """How many Syncs are due and not yet at work."""
        return self._queue.count_due(self._clock.monotonic())

    # -------------------------------------------------------------- what is asked of it

    def look(self, name: str, reason: str) -> None:
        """Have a look at a Sync as soon as may be. Unknown names are nobody's business here."""
        entry = self.entries.get(name)
        if entry is None:
            return
        self._queue.add(name, self._clock.monotonic(), reason)
        if entry.running is not None:
            entry.running.ask_for_glance()

    def hint_at_task(self, name: str, task_id: str) -> None:
        """A task may have ended: the pass that waits for it looks now; without one, one begins."""
        entry = self.entries.get(name)
        if entry is not None and entry.running is not None:
            entry.running.hint_at_task(task_id)
        else:
            self.look(name, "a task may have ended")

    def reconcile(self, name: str) -> None:
        """A person asks for a pass: what failed before is tried again. Raises UsageError."""
        entry = self.entries.find_led(name)
        entry.require_active()
        entry.memory.asked = True
        self.look(name, "asked for")

    def approve(self, name: str, plan_id: str, person: str, way: str = BY_COMMAND) -> str:
        """Take a person's yes to the plan that waits; its id. Raises UsageError where none waits,
        or another one than the person has seen.
        """
        self.find_waiting_plan(name)
        entry = self.entries.find(name)
        waiting = entry.memory.status.waiting_plan
        if plan_id and plan_id != waiting:
            raise UsageError(
                f"the plan {make_plain(plan_id)} of {name} does not wait (any more): a newer commit"
                " or another change has made it void.",
                hint=f"Look at {waiting}, which waits now. Nothing was sent.",
            )
        entry.require_active()
        entry.memory.consent = consent = Consent(waiting, person, way)
        path = entry.places.consent
        with suppress(OSError, DiskFull):  # then it is forgotten by a kill, and asked for again
            write_consent(path, consent, tmp_name=self._clock.new_id())
        self.entries.hand_over(entry, path)
        self.look(name, "approved")
        return waiting

    def find_waiting_plan(self, name: str) -> Path:
        """Where the plan lies that waits for a person. Raises UsageError where none does."""
        entry = self.entries.find_led(name)
        if not entry.memory.status.waiting_plan:
            raise UsageError(
                f"no plan of {name} waits for a person.", hint="`cutlist sync status` tells more."
            )
        return entry.places.waiting_plan

    def resolve(self, name: str, edit: str, *, adopt: str | None, retry: bool) -> str:
        """A person's word on a request of which nobody else can tell whether it arrived, as
        `Project.resolve` takes it; what was done, in words. Raises UsageError, Locked.
        """
        entry = self.entries.find_led(name)
        if entry.memory.project is None:
            raise UsageError(f"{name} has not been looked at yet.", hint="Ask again in a moment.")
        done = entry.memory.project.resolve(edit, adopt=adopt, retry=retry)
        entry.memory.asked = True
        self.look(name, "decided")
        return done

    def suspend(self, name: str) -> None:
        """Begin nothing from now on, and end the pass that runs. Raises UsageError."""
        entry = self.entries.find_led(name)
        self.entries.change(entry, suspend)
        if entry.running is not None:
            entry.running.request_stop("suspended")

    def resume(self, name: str) -> None:
        """Go on. Raises UsageError, also where the document itself says `suspend`."""
        entry = self.entries.find_led(name)
        if entry.sync.suspend:
            raise UsageError(
                f"{name} is suspended by its document ({entry.sync.place}).",
                hint="Take `suspend: true` out of it; SIGHUP has the documents read anew.",
            )
        self.entries.change(entry, resume)
        self.look(name, "resumed")

    # -------------------------------------------------------------- working

    async def serve(self, stop: Stop) -> None:
        """Work until a stop is asked for; then passes end, and what is at the service stays."""
        wish = asyncio.ensure_future(stop.wait())
        try:
            while not stop.reason:
                self._start_due()
                await self._wait(wish)
        finally:
            wish.cancel()
            await self._end_passes(stop.reason or "stopped")

    async def run_once(self, stop: Stop) -> None:
        """One pass for each Sync that is not suspended; a stop ends them early."""
        wish = asyncio.ensure_future(stop.wait())
        due = [entry for entry in self.entries if not entry.is_suspended and entry.lead.holds]
        try:
            for entry in due:
                self._queue.take_out(entry.sync.name)
                self._start(entry, frozenset({"once"}))
            pending: set[asyncio.Future[Any]] = set(self._tasks.values())
            while pending and not stop.reason:
                done, _ = await asyncio.wait([*pending, wish], return_when=asyncio.FIRST_COMPLETED)
                pending -= done
        finally:
            wish.cancel()
            await self._end_passes(stop.reason or "stopped")

    def _start_due(self) -> None:
        while taken := self._queue.take(self._clock.monotonic()):
            name, reasons = taken
            entry = self.entries.get(name)
            if entry is None or entry.is_suspended or not entry.lead.holds:
                self._queue.finish(name)  # to lead it again is a reason to look
                continue
            self._start(entry, reasons)

    def _start(self, entry: SyncEntry, reasons: Collection[str]) -> None:
        name = entry.sync.name
        task = asyncio.ensure_future(self._work_on(entry, reasons))
        self._tasks[name] = task
        task.add_done_callback(lambda _task: self._tasks.pop(name, None))

    async def _wait(self, wish: asyncio.Future[None]) -> None:
        """Until something changes, something is due, or a stop is asked for."""
        wait_s = self._queue.find_wait(self._clock.monotonic())
        waits: list[asyncio.Future[None]] = [asyncio.ensure_future(self._queue.wait_for_change())]
        if wait_s is not None:
            waits.append(asyncio.ensure_future(self._clock.sleep(wait_s)))
        try:
            await asyncio.wait([*waits, wish], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _work_on(self, entry: SyncEntry, reasons: Collection[str]) -> None:
        """One pass of one Sync, from its begin to its place in the queue for the next one."""
        name = entry.sync.name
        settings = self.entries.build_settings(entry)
        running = RunningPass(
            entry.sync, entry.places, entry.memory, settings, self._clock, reasons
        )
        entry.running = running
        try:
            superseded = await running.follow(self._run_pass)
        except Exception as error:  # a fault of our own ends one pass, and no other Sync
            superseded = False
            self._tell_fault(entry, error)
        finally:
            entry.running = None
            self._leaving.pop(name, None)
            self._queue.finish(name)
        if name not in self.entries:
            return
        if entry.elsewhere:
            self._tell_elsewhere(entry)
            return
        ready = entry.memory.status.find(ConditionType.READY)
        failed = ready is not None and ready.status is Truth.FALSE
        entry.memory.failures = entry.memory.failures + 1 if failed else 0
        wait_s = 0.0
        if not superseded:
            wait_s = choose_wait(entry.sync, entry.memory.failures, self._clock.random())
        self._queue.add(name, self._clock.monotonic() + wait_s, "interval")

    async def _end_passes(self, reason: str) -> None:
        for entry in self.entries:
            if entry.running is not None:
                entry.running.request_stop(reason)
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))
        await self.entries.wait_until_handed_over()

    def _tell_fault(self, entry: SyncEntry, error: Exception) -> None:
        what = f"{type(error).__name__}: {error}"
        if entry.fault[0] != what:  # a report for each fault, and not for each pass that meets it
            entry.fault = what, self._settings.report_fault(entry.sync, error)
        where = entry.fault[1]
        told = CutlistError(
            f"cutlist has met a fault of its own; {where}.",
            hint="What is paid is kept; the next pass tries again.",
        )
        now = self._clock.now()
        self.entries.change(entry, lambda status: fail_pass(status, told, now, needs_person=False))

"""The Syncs of a controller: what is known of each, kept for the time after a restart and handed
to the next leader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.controller.conditions import PassEnd, SyncStatus
from reconciler.controller.documents import Sync
from reconciler.controller.lead import ALONE, Lead
from reconciler.controller.memory import (
    SyncMemory,
    SyncView,
    read_consent,
    read_status,
    write_status,
)
from reconciler.controller.passes import PassSettings
from reconciler.controller.places import SyncPlaces
from reconciler.controller.running import RunningPass
from reconciler.controller.transitions import stop_pass
from reconciler.errors import DiskFull, UsageError
from reconciler.formats.names import make_plain, suggest_name
from reconciler.system.clock import Clock

CONTROLLER_VERSION = 1


@dataclass(slots=True)
class SyncEntry:
    """One Sync of the controller."""

    sync: Sync
    places: SyncPlaces
    memory: SyncMemory
    running: RunningPass | None = None
    fault: tuple[str, str] = ("", "")  # of our own, the last one; and where its report lies
    kept: SyncStatus | None = None  # the status that was written down last
    lead: Lead = ALONE
    elsewhere: str = ""  # who leads instead, in words; empty: this controller, as far as it knows

    @property
    def is_suspended(self) -> bool:
        """Whether nothing is begun of it."""
        return self.memory.status.suspended

    def require_active(self) -> None:
        """Raises UsageError where it is suspended."""
        if self.is_suspended:
            name = self.sync.name
            raise UsageError(f"{name} is suspended.", hint=f"`cutlist sync resume {name}` first.")


class SyncEntries:
    """What a controller works on, by name. `state` is the folder of the controller."""

    def __init__(self, state: Path, settings: PassSettings, clock: Clock) -> None:
        self._state = state
        self._settings = settings
        self._clock = clock
        self._by_name: dict[str, SyncEntry] = {}
        self._handed_over: set[asyncio.Future[bool]] = set()  # files on their way to the ledger

    def __iter__(self) -> Iterator[SyncEntry]:
        return iter(self._by_name.values())

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def get(self, name: str) -> SyncEntry | None:
        """A Sync; None where there is none of that name (any more)."""
        return self._by_name.get(name)

    def add(self, entry: SyncEntry) -> None:
        """Work on a Sync from now on."""
        self._by_name[entry.sync.name] = entry

    def take_out(self, name: str) -> SyncEntry:
        """Work on a Sync no longer. Its folder stays."""
        return self._by_name.pop(name)

    def find(self, name: str) -> SyncEntry:
        """A Sync that a person names. Raises UsageError where there is none of that name."""
        if name in self._by_name:
            return self._by_name[name]
        known = ", ".join(sorted(self._by_name)) or "none"
        raise UsageError(
            f'there is no Sync "{make_plain(name)}"; this controller has {known}.'
            f"{suggest_name(name, self._by_name)}"
        )

    def find_led(self, name: str) -> SyncEntry:
        """A Sync that something is asked of here. Raises UsageError where another controller leads
        it.
        """
        entry = self.find(name)
        if not entry.lead.holds:
            words = entry.elsewhere or "It is not known yet who leads."
            raise UsageError(
                f"this controller does not lead {name}. {words}",
                hint="Ask the one that does, on its machine. Nothing was changed.",
            )
        return entry

    # -------------------------------------------------------------- how they are

    def read_status(self) -> Mapping[str, object]:
        """How every Sync is, for programs (versioned)."""
        return {
            "version": CONTROLLER_VERSION,
            "syncs": [entry.memory.status.to_json() for _, entry in sorted(self._by_name.items())],
        }

    def list_statuses(self) -> Sequence[SyncStatus]:
        """How every Sync is."""
        return [entry.memory.status for _, entry in sorted(self._by_name.items())]

    def list_views(self) -> Sequence[SyncView]:
        """Every Sync, as it is now."""
        return [
            SyncView(
                entry.sync,
                entry.memory.status,
                entry.memory.project,
                entry.lead.holds,
                entry.elsewhere,
            )
            for _, entry in sorted(self._by_name.items())
        ]

    @property
    def is_ready(self) -> bool:
        """Whether every Sync has been looked at since the start, or is suspended."""
        return all(
            entry.is_suspended or entry.memory.status.conditions for entry in self._by_name.values()
        )

    # -------------------------------------------------------------- what is kept of them

    def recall(self, sync: Sync) -> SyncEntry:
        """What was known before the restart; a pass that had begun was interrupted by it."""
        places = SyncPlaces.of(self._state, sync)
        memory = SyncMemory(self.recall_status(sync, places), consent=read_consent(places.consent))
        return SyncEntry(sync, places, memory)

    def recall_status(self, sync: Sync, places: SyncPlaces) -> SyncStatus:
        """How a Sync was before the restart, or when its leader left it."""
        status = read_status(places.status, sync.name)
        if status.pass_started is not None:
            return stop_pass(status, PassEnd.INTERRUPTED, self._clock.now())
        return status

    def build_settings(self, entry: SyncEntry) -> PassSettings:
        """What a pass of a Sync works with: what it tells is written down."""

        def announce(status: SyncStatus) -> None:
            self._write_down(entry, status)

        return replace(self._settings, announce=announce, lead=entry.lead)

    def change(self, entry: SyncEntry, become: Callable[[SyncStatus], SyncStatus]) -> None:
        """Have the status of a Sync become another one; it is written down and told."""
        entry.memory.change(become, lambda status: self._write_down(entry, status))

    def _write_down(self, entry: SyncEntry, status: SyncStatus) -> None:
        """Keep a status for the time after a restart, where it is another one than before. On a
        full disk it is only told.
        """
        try:
            if status is not entry.kept:
                write_status(entry.places.status, status, tmp_name=self._clock.new_id())
                entry.kept = status
                self.hand_over(entry, entry.places.status)
        except (OSError, DiskFull) as error:
            self._settings.tell(entry.sync, "", f"warning: its status cannot be kept: {error}")
        self._settings.announce(status)

    def hand_over(self, entry: SyncEntry, file: Path) -> None:
        """Leave a file for the next leader. The loop does not wait for the ledger: everything else
        of this controller goes on meanwhile.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # a pass tells it, in a thread of its own
            entry.lead.hand_over(file)
            return
        if entry.lead.is_shared:
            work = asyncio.ensure_future(asyncio.to_thread(entry.lead.hand_over, file))
            self._handed_over.add(work)
            work.add_done_callback(self._handed_over.discard)

    async def wait_until_handed_over(self) -> None:
        """Until every file that was to be left for the next leader is with the ledger."""
        if self._handed_over:
            await asyncio.wait(list(self._handed_over))

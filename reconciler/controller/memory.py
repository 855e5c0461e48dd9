"""What a controller knows of its Syncs, and what of it outlives a restart."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.controller.conditions import SyncStatus
from reconciler.controller.documents import Sync
from reconciler.controller.setbacks import Setbacks
from reconciler.project import Project
from reconciler.system.files import Stamp, write_atomic

BY_COMMAND, BY_PAGE = "cutlist sync approve", "the page"


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's yes to a saved plan."""

    plan_id: str
    person: str  # as the local socket tells it, or the page
    way: str = BY_COMMAND  # through which it came


@dataclass(frozen=True, slots=True)
class SyncView:
    """One Sync as it is at one moment, for whoever looks at it from outside."""

    sync: Sync
    status: SyncStatus
    project: Project | None  # of the last commit that could be read; None: none was yet
    leads: bool
    elsewhere: str  # who leads instead, in words


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass saw that found everything as it should be. While it is the same, and no hour has
    gone by, there is nothing to do.
    """

    sync: Sync  # the document that it went by
    commit: str
    at: float  # on the clock that only grows
    stamps: dict[str, Stamp | None]  # of outputs, by path


@dataclass(slots=True)
class SyncMemory:
    """What the passes of one Sync know of those before. Only the status is written down.

    It is changed by a pass in its thread and by people in the controller's loop.
    """

    status: SyncStatus
    setbacks: Setbacks = field(default_factory=Setbacks)
    consent: Consent | None = None
    asked: bool = False  # a person asks for a pass, so that nothing is left alone
    seen: Seen | None = None
    failures: int = 0  # of passes, in a row
    project: Project | None = None  # as the last pass saw it; None: no pass yet
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def change(
        self,
        become: Callable[[SyncStatus], SyncStatus],
        announce: Callable[[SyncStatus], None] = lambda _status: None,
    ) -> None:
        """Have the status become another and tell it, as one step: no change of somebody else is
        lost in between, and the last one is told last.
        """
        with self._lock:
            self.status = become(self.status)
            announce(self.status)


def read_consent(path: Path) -> Consent | None:
    """The yes that was written down; None where there is none, or none that can be read."""
    try:
        data = json.loads(path.read_bytes())
        return Consent(str(data["plan"]), str(data["person"]), str(data.get("way", BY_COMMAND)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_consent(path: Path, consent: Consent, *, tmp_name: str) -> None:
    """Write a yes down. Raises DiskFull, OSError."""
    fields = {"plan": consent.plan_id, "person": consent.person, "way": consent.way}
    write_atomic(path, json.dumps(fields).encode() + b"\n", tmp_name=tmp_name)


def read_status(path: Path, name: str) -> SyncStatus:
    """The status that was written down; a fresh one where there is none, or none that can be
    read: the next pass finds out everything anew.
    """
    try:
        return SyncStatus.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return SyncStatus(name)


def write_status(path: Path, status: SyncStatus, *, tmp_name: str) -> None:
    """Write a status down. Raises DiskFull, OSError."""
    content = json.dumps(status.to_json(), indent=1, ensure_ascii=False).encode() + b"\n"
    write_atomic(path, content, tmp_name=tmp_name)

"""One queue for all that wants a pass: each Sync stands in it once, with the moment it is due.

A webhook, a command, an interval that is over and a failure that is tried again all do the same:
they say when to look. Pure, but for the event that wakes whoever waits.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Entry:
    due_at: float  # on the clock that only grows
    reasons: set[str] = field(default_factory=set)


class WorkQueue:
    """Names that are due for a pass. While a name is being worked on it waits, however often it is
    asked for, and is due once after that.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._at_work: set[str] = set()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, name: str, due_at: float, reason: str) -> None:
        """Have a name looked at by `due_at` at the latest; `reason` says why, for the log."""
        entry = self._entries.setdefault(name, _Entry(due_at))
        entry.due_at = min(entry.due_at, due_at)
        entry.reasons.add(reason)
        self._changed.set()

    def forget(self, name: str) -> None:
        """Take a name out: nobody asks for it any more."""
        self._entries.pop(name, None)

    def count_due(self, now: float) -> int:
        """How many names should be worked on at this moment and are not yet."""
        return sum(1 for entry in self._entries.values() if entry.due_at <= now)

    def take(self, now: float) -> tuple[str, frozenset[str]] | None:
        """The name that has been due for longest, with all reasons for it; None where none is. It
        is at work until `finish`.
        """
        ready = [
            (entry.due_at, name)
            for name, entry in self._entries.items()
            if entry.due_at <= now and name not in self._at_work
        ]
        if not ready:
            return None
        name = min(ready)[1]
        self._at_work.add(name)
        return name, frozenset(self._entries.pop(name).reasons)

    def take_out(self, name: str) -> None:
        """Begin work on a name, due or not. It is at work until `finish`."""
        self._entries.pop(name, None)
        self._at_work.add(name)

    def finish(self, name: str) -> None:
        """The work on a name has ended."""
        self._at_work.discard(name)
        self._changed.set()

    def find_wait(self, now: float) -> float | None:
        """The seconds until a name is due that is not at work; None where none is waiting."""
        dues = [entry.due_at for name, entry in self._entries.items() if name not in self._at_work]
        return max(0.0, min(dues) - now) if dues else None

    async def wait_for_change(self) -> None:
        """Until something was added or finished since the last call."""
        await self._changed.wait()
        self._changed.clear()

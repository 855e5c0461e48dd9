"""What this run knows of the account's roll of tasks, beside the ledger. It lives as long
as a run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

FRESH_S = 60.0  # how old the reading before a lane's first request of a run may be
REFRESH_S = 600.0  # and before its later ones: tasks of other programs are not to pile up
# the list has tasks of 24 h; what was accepted less than this long ago must be in it
LISTED_FOR_S = 20 * 3600


@dataclass(slots=True)
class Roll:
    """The account's tasks as the list has shown them. Times are monotonic seconds."""

    baseline: int | None = None  # the newest reading, by its number in the ledger
    read_at: float = 0.0  # when that was begun
    strangers: set[str] = field(default_factory=set)  # listed at any time, unknown to the ledger
    accepted: dict[str, float] = field(default_factory=dict)  # task id → when this run was given it
    at_service: set[str] = field(default_factory=set)  # tasks of this run that have not ended
    intents: dict[str, float] = field(default_factory=dict)  # attempt id → when this run wrote it
    left_open: set[str] = field(default_factory=set)  # intents of before that could not be settled
    settling: set[str] = field(default_factory=set)  # intents of the dead, being settled
    lanes: set[str] = field(default_factory=set)  # that have a reading of this run
    doubt: str = ""  # why the newest reading before a request could not be read whole
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one reading is enough for all lanes

    def due(self, *, now: float) -> set[str]:
        """The tasks of this run that a whole list must have at `now`."""
        return {task for task, at in self.accepted.items() if now - at < LISTED_FOR_S}

    def find_most_age_s(self, lane: str) -> float:
        """How old the reading before the next request of a lane may be."""
        return REFRESH_S if lane in self.lanes else FRESH_S

    def serves(self, lane: str, *, now: float) -> bool:
        """Whether the newest reading is young enough for the next request of a lane."""
        return self.baseline is not None and now - self.read_at <= self.find_most_age_s(lane)

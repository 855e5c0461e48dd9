"""A ledger or a store that goes away in the middle of a run is waited for: nothing is sent
meanwhile, and what was begun goes on once it is back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from reconciler.errors import CutlistError, StoreAway
from reconciler.formats.words import format_count, format_moment, format_span
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.observed import TASK_LIFE_S
from reconciler.system.clock import Clock

T = TypeVar("T")
AWAY = (LedgerAway, StoreAway)
TRY_EVERY_S = 5.0
TELL_EVERY_S = 60.0


@dataclass(slots=True)
class _Absence:
    """Something that is away. Times in seconds since 1970, and monotonic."""

    since: float
    begun: float
    told: float | None = None
    waiting: int = 0  # who waits for it to come back


class Endurance:
    """Waits for whatever of a run is away, and says so once a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._absences: dict[str, _Absence] = {}  # by name: the ledger, the store
        self.tell: Callable[[str], None] = lambda _: None
        self.count_tasks: Callable[[], int] = lambda: 0  # of this run, at the service
        self.is_over: Callable[[], bool] = lambda: False  # whether a stop was asked for

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` returns, which may be repeated: until neither ledger nor store is away, or a
        stop was asked for. Raises what it raises.
        """
        met: dict[str, _Absence] = {}
        try:
            while True:
                try:
                    done = await call()
                except AWAY as error:
                    if self.is_over():
                        raise
                    name = "the store" if isinstance(error, StoreAway) else "the ledger"
                    self._note(name, met)
                else:
                    self._welcome(met)
                    return done
                await self._clock.sleep(TRY_EVERY_S)
        finally:
            for absence in met.values():
                absence.waiting -= 1

    def _note(self, name: str, met: dict[str, _Absence]) -> None:
        now = self._clock.monotonic()
        absence = self._absences.get(name)
        if absence is None:
            absence = self._absences[name] = _Absence(self._clock.now(), now)
        if met.get(name) is not absence:
            met[name] = absence
            absence.waiting += 1
        if absence.told is None or now - absence.told >= TELL_EVERY_S:
            absence.told = now
            self.tell(self._describe(name, absence))

    def _describe(self, name: str, absence: _Absence) -> str:
        words = f"{name} is away since {format_moment(absence.since, '%H:%M')} UTC; "
        tasks = self.count_tasks()
        if tasks:
            verb = "goes" if tasks == 1 else "go"
            words += f"{format_count(tasks, 'task')} {verb} on at the service, "
        if name == "the store":
            left_s = TASK_LIFE_S - (self._clock.monotonic() - absence.begun)
            words += f"videos wait there for {format_span(max(left_s, 0.0))} more, "
        return f"{words}nothing is sent"

    def _welcome(self, met: dict[str, _Absence]) -> None:
        """Something has gone well that had to wait before: what it waited for is back."""
        for name, absence in met.items():
            if self._absences.get(name) is absence:
                del self._absences[name]
                span = format_span(self._clock.monotonic() - absence.begun)
                self.tell(f"{name} is back after {span}")


def is_away(error: CutlistError) -> bool:
    """Whether what failed goes on once the ledger or the store is back."""
    return isinstance(error, AWAY)

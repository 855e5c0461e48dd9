"""How often an account may ask: requests per second of the server's time, by kind of request."""

from __future__ import annotations

from collections import deque

from mockserver.clock import Clock
from mockserver.errors import OVER_RATE

WINDOW_S = 1.0  # assumption: a window that slides; the pages only say "per second"


class Rates:
    """The counters of one server. While `enforced` is off, which can change, nothing is counted.

    They count on the server's clock: at a speed of 60 a client has 60 times the room, and on a
    clock that stands still the window never ends. So the limits are off unless they are asked for.
    """

    def __init__(self, clock: Clock, enforced: bool) -> None:
        self._clock = clock
        self.enforced = enforced
        self._times: dict[tuple[str, str], deque[float]] = {}

    def count(self, account: str, kind: str, per_s: int) -> None:
        """Count a request. Raises ApiError 429 when the last second already had `per_s` of them."""
        if not self.enforced:
            return
        now = self._clock.now()
        times = self._times.setdefault((account, kind), deque())
        while times and times[0] <= now - WINDOW_S:
            times.popleft()
        if len(times) >= per_s:
            raise OVER_RATE
        times.append(now)

    def clear(self) -> None:
        """Forget what was counted."""
        self._times.clear()

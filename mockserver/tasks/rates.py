"""How often an account may ask: requests in any second of the server's time, per account and kind
of request.
"""

from __future__ import annotations

from collections import deque

from mockserver.clock import Clock
from mockserver.errors import OVER_RATE

WINDOW_S = 1.0  # assumption: a window that slides; the pages only say "per second"


class Rates:
    """The counters of one server. Off, nothing is counted (`enforced`, which may be changed at
    any time).

    They count on the server's clock: at a speed of 60 a client has 60 times the room, and on a
    clock that stands still the window never ends. So the limits are off unless they are asked for.
    """

    def __init__(self, clock: Clock, enforced: bool) -> None:
        self._clock = clock
        self.enforced = enforced
        self._seen: dict[tuple[str, str], deque[float]] = {}

    def take(self, account: str, kind: str, per_s: int) -> None:
        """Count a request. Raises ApiError 429 when the last second already had as many as `per_s`
        allows.
        """
        if not self.enforced:
            return
        now = self._clock.now()
        seen = self._seen.setdefault((account, kind), deque())
        while seen and seen[0] <= now - WINDOW_S:
            seen.popleft()
        if len(seen) >= per_s:
            raise OVER_RATE
        seen.append(now)

    def clear(self) -> None:
        """Forget what was counted."""
        self._seen.clear()

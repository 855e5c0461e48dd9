"""Whether a controller leads a Sync at this moment, as its passes ask before they write, and where
they leave what the next leader has to know.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import CutlistError, LeaseLost
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.state.ledger.leases import Leases


class Lead:
    """Whether this controller leads one Sync, and where it leaves what the next one has to know.
    From any thread.
    """

    def __init__(self, sync: str = "", leases: Callable[[], Leases | None] | None = None) -> None:
        """`leases`: of the shared ledger, once it is open; None where nobody else can lead."""
        self._sync = sync
        self._leases = leases
        self._monotonic: Callable[[], float] = lambda: 0.0
        self.valid_until = -math.inf  # on the clock that only grows
        self._handing = threading.Lock()  # what is read last is written last

    @classmethod
    def share(cls, sync: str, leases: Callable[[], Leases | None], clock: Clock) -> Lead:
        """Of a Sync that other controllers may lead."""
        lead = cls(sync, leases)
        lead._monotonic = clock.monotonic
        return lead

    @property
    def is_shared(self) -> bool:
        """Whether another controller may lead, and is left what it has to know."""
        return self._leases is not None

    @property
    def holds(self) -> bool:
        """Whether this controller leads at this moment."""
        return self._leases is None or self._monotonic() < self.valid_until

    def require(self) -> None:
        """Raises LeaseLost where this controller does not lead."""
        if not self.holds:
            raise LeaseLost(
                f"another controller may lead {self._sync} by now: nothing more is done here.",
                hint="`cutlist sync status` says who does.",
            )

    def hand_over(self, file: Path) -> bool:
        """Leave a file of the Sync for whoever leads next, or that it is gone; whether this
        controller still leads, as far as the ledger can be asked.
        """
        if self._leases is None:
            return True
        leases = self._leases()
        if leases is None or not self.holds:
            return False
        with self._handing:
            try:
                content: str | None = file.read_text("utf-8")
            except FileNotFoundError:
                content = None
            except (OSError, ValueError):
                return False
            try:
                return leases.write(self._sync, file.name, content)
            except CutlistError:
                return False

    def require_hand_over(self, file: Path) -> None:
        """The same before something that must not be done twice. Raises LeaseLost."""
        self.require()
        if not self.hand_over(file):
            self.valid_until = min(self.valid_until, self._monotonic())
            self.require()


ALONE = Lead()

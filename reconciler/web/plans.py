"""Plans that the page has shown: each is kept for a while, and carried out as it stands or not at
all.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from reconciler.apply.request import SavedPlan
from reconciler.formats.words import format_moment
from reconciler.system.clock import Clock

KEPT_S = 3600.0
_MOST_KEPT = 16


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan, and until when it is kept, in seconds since 1970. `waits`: at a controller, for a yes
    of a person.
    """

    saved: SavedPlan
    expires_at: float
    waits: bool = False

    def to_json(self) -> dict[str, Any]:
        """The plan for programs."""
        return {
            "id": self.saved.id,
            "plan": self.saved.plan_to_json(),
            "expires": None if self.waits else format_moment(self.expires_at),
            "waits": self.waits,
        }


class ShownPlans:
    """The plans of one page; the oldest goes when there are too many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._plans: OrderedDict[str, ShownPlan] = OrderedDict()

    def keep(self, saved: SavedPlan, *, waits: bool = False) -> ShownPlan:
        """Keep a plan."""
        shown = ShownPlan(saved, self._clock.now() + KEPT_S, waits)
        self._plans[saved.id] = shown
        while len(self._plans) > _MOST_KEPT:
            self._plans.popitem(last=False)
        return shown

    def find(self, plan_id: str) -> ShownPlan | None:
        """A plan; None for one that is not kept, or no longer."""
        shown = self._plans.get(plan_id)
        if shown is not None and shown.expires_at <= self._clock.now():
            del self._plans[plan_id]
            return None
        return shown

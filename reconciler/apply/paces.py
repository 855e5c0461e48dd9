"""Learns from the ledger how long tasks take: by lane and price tier, where enough of these have
ended, else by lane.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from reconciler.apply.pace import LEAST_ENDINGS, Pace, learn_pace, measure_duration
from reconciler.plan.cost import find_tier
from reconciler.service.models import Model
from reconciler.state.ledger import Ledger

MOST_ENDINGS = 200  # the newest of a lane; what was faster or slower long ago tells nothing


class Paces:
    """What one run has learnt, read once for each lane."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._durations_s: dict[str, dict[str | None, list[float]]] = {}  # by lane, then by tier

    def find(self, lane: str, model: Model, job: Mapping[str, Any], default: Pace) -> Pace:
        """The pace for the task of a job. Raises LedgerError."""
        if lane not in self._durations_s:
            self._durations_s[lane] = self._read(lane, model)
        by_tier = self._durations_s[lane]
        same = by_tier.get(find_tier(model, job), [])
        if len(same) >= LEAST_ENDINGS:
            return learn_pace(default, same)
        return learn_pace(default, [each for several in by_tier.values() for each in several])

    def _read(self, lane: str, model: Model) -> dict[str | None, list[float]]:
        by_tier: dict[str | None, list[float]] = defaultdict(list)
        for ending in self._ledger.find_endings(lane, most=MOST_ENDINGS):
            duration_s = measure_duration(ending.answer)
            if duration_s is not None:
                by_tier[find_tier(model, ending.job)].append(duration_s)
        return by_tier

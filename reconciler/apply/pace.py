"""When the tasks of one kind are looked at: seldom at first, often near the time at which such
tasks have ended. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from reconciler.service.pages import parse_moment

LEAST_ENDINGS = 5  # of which something is learnt
EARLY, LATE = 0.1, 0.9  # the shares of tasks that have ended before it gets near, and in the end
MARGIN = 0.1  # by which it is near before the first of these, and after the second
LONGEST_S = 3 * 3600.0  # a task that takes longer fails at the service
DENSER = 3.0  # how much oftener it is looked near the end
LEAST_NEAR_S = 5.0  # between looks, however often the others are


@dataclass(frozen=True, slots=True)
class Pace:
    """When to look at a task; all in seconds, and ages counted from the submit."""

    first_s: float  # its age at the first look
    interval_s: float  # between two looks
    usual_s: float = 0.0  # how long such a task takes; 0 where nobody knows
    until_s: float = inf  # the age up to which looks are as close as `near_s`
    learnt: bool = False

    @property
    def near_s(self) -> float:
        """The time between two looks where the end is near, or where a look costs next to
        nothing.
        """
        return min(self.interval_s, max(self.interval_s / DENSER, LEAST_NEAR_S))

    def wait_after(self, age_s: float) -> float:
        """How long to wait with the next look, after one at an age."""
        if not self.learnt or age_s > self.until_s:
            return self.interval_s
        if age_s < self.first_s:
            return max(self.near_s, self.first_s - age_s)
        return self.near_s


def learn_pace(default: Pace, durations_s: Sequence[float]) -> Pace:
    """The pace for tasks of which some have taken `durations_s`; the default where they are too few
    to tell.
    """
    known = sorted(each for each in durations_s if 0 < each <= LONGEST_S)
    if len(known) < LEAST_ENDINGS:
        return default
    early, middle, late = (known[int(share * (len(known) - 1))] for share in (EARLY, 0.5, LATE))
    return replace(
        default,
        first_s=max((1 - MARGIN) * early, 0.0),
        until_s=(1 + MARGIN) * late + default.interval_s,
        usual_s=middle,
        learnt=True,
    )


def measure_duration(answer: Mapping[str, object]) -> float | None:
    """Seconds from the submit of a task to its end, by the service's own times in its last answer;
    None where it does not tell them.
    """
    output = answer.get("output")
    told = output if isinstance(output, Mapping) else {}
    begun, ended = parse_moment(told.get("submit_time")), parse_moment(told.get("end_time"))
    return None if begun is None or ended is None else ended - begun

"""The kinds of crowds that seeds 0, 1, 2 … are, in turn."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.kinds import CLOCKS_S, MINUTE_S, Kind

TAKEN_OVER_S = 160.0  # after an intent was begun, at the earliest: it is known not to have arrived


@dataclass(frozen=True, slots=True)
class CrowdKind(Kind):
    """What a crowd is like. Rates are shares from 0 to 1."""

    cut_off_rate: float = 0.5  # of lives that do not reach ledger, store or service for a while
    lost_commit_rate: float = 0.01  # of commits whose answer is lost
    lost_intent_rate: float = 0.1  # of commits of intents that do not arrive
    bucket_rate: float = 0.015  # of requests to the bucket that fail, done or not
    hide_s: float = 60.0  # for how long a listing of the bucket hides what is new, at most
    pause_rate: float = 0.25  # of lives that stand still once an intent is written
    on_the_way_rate: float = 0.0  # of requests before which it stands still, once they are to leave
    wrong_clock_s: tuple[float, ...] = CLOCKS_S  # by which the clock of one machine is wrong
    most_running: int | None = None  # tasks of a model that may be at the service
    has_budget: bool = False  # a day pays for a part of what is asked for
    apart: bool = False  # each machine has edits of its own
    patient_rate: float = 0.0  # of lives that wait for the answer to a submit as long as it takes
    delay_rate: float = 0.0  # of submits that are delivered late, beside the usual trouble
    has_neighbour: bool = False  # one machine has another project, with a job of the same account
    fails_over: bool = False  # the ledger loses its last commits

    @property
    def edge(self) -> bool:
        """Whether a request may reach the service after others could only take it for lost: it is
        told then, and no fault.
        """
        return self.on_the_way_rate > 0 or self.late_s >= TAKEN_OVER_S


KINDS: dict[str, CrowdKind] = {
    "plain": CrowdKind(late_from_s=100.0, late_s=148.0, pause_s=10 * MINUTE_S, delay_rate=0.5),
    "edge": CrowdKind(
        late_s=600.0,
        pause_s=10 * MINUTE_S,
        on_the_way_rate=0.7,
        patient_rate=0.3,
        delay_rate=0.2,
    ),
    "narrow": CrowdKind(
        late_s=20.0, pause_s=30.0, most_running=2, apart=True, fault_rate=0.05, hide_s=0.0
    ),
    "poor": CrowdKind(
        late_s=20.0, pause_s=MINUTE_S, has_budget=True, apart=True, fault_rate=0.05, hide_s=0.0
    ),
    "neighbours": CrowdKind(late_s=60.0, pause_s=MINUTE_S, has_neighbour=True),
    "forgetful": CrowdKind(late_s=60.0, status_rate=0.1, hide_s=600.0, lost_rate=0.2),
    "failing over": CrowdKind(late_s=60.0, pause_s=MINUTE_S, fails_over=True),
}


def kind_of(seed: int) -> CrowdKind:
    """The kind of a seed's crowd."""
    return list(KINDS.values())[seed % len(KINDS)]

"""What seeds must have met, so that they prove anything: one of sunny days proves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.simulation.distortions import (
    CREATE_BENDS,
    FROZEN,
    LOOK_BENDS,
    PAGE_BENDS,
    ROW_BENDS,
    UNDELIVERED,
)
from tests.simulation.kinds import KINDS
from tests.simulation.network import FAULTS, FILM_FAULTS, POLL_FAULTS

QUICK = 3 * len(KINDS)  # seeds from 0 on that every run of the tests plays
MANY = 1_000  # seeds, which meet every one of a family
EVENTS = (
    "list: by status",
    "list: late",
    "list: hidden once",
    "wrong clock",
    "clock set",
    "wrong Date",
    "killed",
    "power cut",
    "cut took names",
    "cut took bytes",
    "locked out",
    "paused",
    "followed",
    "adopted",
    "settling",
    "cancelled",
    "cancel in vain",
    "recovered",
    "second look",
    "stray",
    "undecided",
    "expired",
    "repaid",
    "rotten",
    "quarantined",
    "colleague",
)
FAMILIES = (
    tuple(FAULTS),
    tuple(FILM_FAULTS),
    tuple(POLL_FAULTS),
    (*PAGE_BENDS, FROZEN),
    tuple(ROW_BENDS),
    (*CREATE_BENDS, *UNDELIVERED),
    tuple(LOOK_BENDS),
)


def find_missing(happened: Mapping[str, int], seeds: int) -> Sequence[str]:
    """What these seeds should have met and did not: each event, and of each family of lies at least
    a third, or all where there are MANY seeds.
    """
    missing = [name for name in EVENTS if not happened.get(name)]
    for family in FAMILIES:
        lacking = [name for name in family if not happened.get(name)]
        if len(lacking) > (0 if seeds >= MANY else len(family) * 2 // 3):
            missing += lacking
    return missing

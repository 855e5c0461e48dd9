"""The kinds of worlds that seeds 0, 1, 2 … are, in turn: each has trouble of its own beside the
usual one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.distortions import FROZEN, PAGE_BENDS, ROW_BENDS

SETTLE_S = 120.0  # what the projects of all worlds wait for a request to show in the list
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What a world is like. Rates are shares from 0 to 1."""

    fault_rate: float = 0.15  # of requests that meet trouble on their way
    lost_rate: float = 0.0  # of submits whose answer is lost, beside that
    cut_rate: float = 0.4  # of deaths that are power cuts
    death_rate: float = 1.0  # of the first lives that end too early
    rot_rate: float = 0.0  # of lives after which a blob rots
    colleague_rate: float = 0.0  # of troubled submits beside which somebody else submits too
    late_s: float = 60.0  # how much later than it was sent a request is delivered, at most
    late_from_s: float = 1.0  # and at least
    day_rate: float = 0.0  # of lives after which nobody comes for more than a day
    crowd_rate: float = 0.0  # of pauses in which somebody else submits what then waits for long
    change_rate: float = 0.0  # of lives after which something else is asked for
    cancel_rate: float = 0.0  # of lives that cancel what nobody asks for any more
    environments: bool = False  # some lives are of another environment
    rivals: bool = False  # two applies begin at once
    shared: bool = False  # no lock keeps them apart: nothing but the ledger does
    pause_s: float = 0.0  # for how long one of these stands still at a write, at most
    clock_errors_s: tuple[float, ...] = (0.0,)  # by which the clocks of lives are wrong
    jump_rate: float = 0.0  # of lives in which the clock is set
    wrong_dates: bool = False  # the Date of uploads, results and proxies is not the task API's
    uploads: bool = False  # some inputs are local files
    lag_s: float = 0.0  # how much later than it was made the list shows a task, at most
    page_size: int = 0  # of the list; 0: as it is asked for
    list_rate: float = 0.0  # of times in which the list is shuffled, or contradicts itself
    list_bends: tuple[str, ...] = (*PAGE_BENDS, FROZEN)  # how it may do so
    hide_rate: float = 0.0  # of lists that leave out the newest task, once
    row_rate: float = 0.0  # of rows of a list of which something cannot be read
    row_bends: tuple[str, ...] = tuple(ROW_BENDS)  # what may be wrong with them
    answer_rate: float = 0.0  # of POSTs whose answer is not the one that the service gives
    status_rate: float = 0.0  # of looks at a task whose answer contradicts what was said before

    @property
    def edge(self) -> bool:
        """Whether a request may come to light after it was given up: what is told then is no
        fault.
        """
        return max(self.late_s + self.lag_s, self.pause_s) >= SETTLE_S

    @property
    def is_plain_spoken(self) -> bool:
        """Whether list and answers say what is: then no task of ours is ever in question."""
        return not (self.list_rate or self.row_rate or self.answer_rate or self.status_rate)


CLOCKS_S = (
    0.0, 10.0, -10.0, 10 * MINUTE_S, -10 * MINUTE_S, 3 * HOUR_S, -3 * HOUR_S, 90.0, -90.0,
)  # fmt: skip
CALENDARS_S = (0.0, 2 * DAY_S, -2 * DAY_S, 40 * DAY_S)
SHOWS_LESS = (FROZEN, FROZEN, "list: shuffled", "list: left out row")
NAMES = ("row: dated model", "row: unknown model")
KINDS: dict[str, Kind] = {
    "plain": Kind(),
    "late": Kind(late_s=600.0),
    "days": Kind(day_rate=0.3),
    "rivals": Kind(rivals=True),
    "rot": Kind(rot_rate=0.3),
    "colleague": Kind(colleague_rate=0.8, fault_rate=0.25),
    "changes": Kind(change_rate=0.6),
    "clocks": Kind(clock_errors_s=CLOCKS_S, jump_rate=0.5, lost_rate=0.5),
    "calendars": Kind(clock_errors_s=CALENDARS_S, jump_rate=0.3, day_rate=0.05, fault_rate=0.35),
    "hosts": Kind(wrong_dates=True, uploads=True, lost_rate=0.5, row_rate=0.5, row_bends=NAMES),
    "lag": Kind(
        late_s=1.0,
        lag_s=118.0,
        list_rate=0.4,
        list_bends=SHOWS_LESS,
        hide_rate=0.8,
        lost_rate=0.5,
        death_rate=0.3,
    ),
    "stale": Kind(lag_s=400.0, lost_rate=0.3),
    "pages": Kind(page_size=2, list_rate=0.5, hide_rate=0.3, lost_rate=0.5),
    "rows": Kind(row_rate=0.7, lost_rate=0.5, colleague_rate=0.2),
    "crowd": Kind(crowd_rate=0.4, lost_rate=0.5),
    "answers": Kind(answer_rate=0.6),
    "looks": Kind(status_rate=0.15, lost_rate=0.1),
    "storm": Kind(
        clock_errors_s=CLOCKS_S,
        jump_rate=0.3,
        wrong_dates=True,
        uploads=True,
        late_s=25.0,
        lag_s=60.0,
        list_rate=0.2,
        hide_rate=0.2,
        row_rate=0.1,
        answer_rate=0.2,
        status_rate=0.1,
        day_rate=0.1,
        change_rate=0.2,
        cancel_rate=0.5,
        colleague_rate=0.1,
        lost_rate=0.1,
    ),
}


# every other world of changes: what waits is cancelled where nobody asks for it any more
OBSOLETE = Kind(change_rate=0.6, cancel_rate=0.8, environments=True)


# every other world of rivals: they share a ledger, as two machines may
SHARED = Kind(rivals=True, shared=True, pause_s=400.0, lost_rate=0.3)


def kind_of(seed: int) -> Kind:
    """The kind of a seed's world."""
    name, turn = list(KINDS)[seed % len(KINDS)], turn_of(seed)
    if name == "changes" and turn % 2 == 0:
        return OBSOLETE
    return SHARED if name == "rivals" and turn % 2 else KINDS[name]


def turn_of(seed: int) -> int:
    """How many seeds before it had a world of the same kind."""
    return seed // len(KINDS)

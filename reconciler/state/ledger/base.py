"""What every ledger promises, wherever its tables lie: values and protocols. Pure.

No attempt of a key is begun while another may still succeed or has; no lane has two open intents;
an intent is durable before its request is sent; a task that was known is never forgotten, and an
attempt moves only along `ARROWS`. No connection is handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from reconciler.formats.values import value
from reconciler.state.booked import Booking, Entry
from reconciler.state.ledger.listed import TaskList
from reconciler.state.ledger.parts import Baselines, Books, Readings, Strays, Uploads
from reconciler.state.observed import Attempt, History, Request, State


@value(frozen=True, slots=True)
class Intent:
    """What was about to be sent. Times in seconds since 1970."""

    server_time: float | None  # the service's own clock, where it was known
    created_at: float  # by this machine's clock
    prompt: str | None
    job: Mapping[str, Any]
    named_id: str = ""  # what an answer that was no acceptance named as the task's id
    sender: str = ""  # a digest of key and workspace; empty where an earlier version sent it
    vouched: bool = True  # of an adopted task: the list told its model, or a person its id


@value(frozen=True, slots=True)
class Ending:
    """A task that has ended: what was asked for, and the service's last answer."""

    job: Mapping[str, Any]
    answer: Mapping[str, Any]


@value(frozen=True, slots=True)
class SpendingLimit:
    """What is held against the books in the transaction that writes an intent. `check` is given the
    entries of the period that is under way, and the moment of the intent, both by the clock that
    the ledger counts by (seconds since 1970), and raises BudgetExceeded where there is no room.
    """

    period_s: float  # which begin at its multiples since 1970, as the days of UTC do
    now: float  # by this machine's clock, where the ledger has none of its own
    check: Callable[[Sequence[Entry], float], None]


@value(frozen=True, slots=True)
class Sighting:
    """What the service said of a task, and when. `answer` carries no signed URL."""

    task_id: str
    status: str
    answer: Mapping[str, Any]
    at: float  # seconds since 1970


class Ledger(Protocol):
    """The ledger of one realm: attempts and tasks, and beside them books, readings, strays and
    uploads. Written by the holder of the lock, read by anybody.
    """

    @property
    def books(self) -> Books:
        """For whom each request was made, and at which price."""

    @property
    def baselines(self) -> Baselines:
        """Readings of the account's list."""

    @property
    def strays(self) -> Strays:
        """Tasks that nobody waits for."""

    @property
    def uploads(self) -> Uploads:
        """What lies in the service's storage."""

    @property
    def task_list(self) -> TaskList | None:
        """The list of tasks in flight, read by one for all; None where nobody else may write."""

    @property
    def readings(self) -> Readings | None:
        """Readings before requests that others may use; None where nobody else may write."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write to it at the same time."""

    @property
    def send_within_s(self) -> float:
        """How long after an intent was begun its request may still be sent; infinity where nobody
        else would settle it meanwhile.
        """

    # -------------------------------------------------------------- several that share it

    def left_intents(self) -> Sequence[str]:
        """Ids of the open intents that are this process's to settle, oldest first: its own, and
        those of processes that are dead, which are taken over for good.
        """

    def find_followed(self) -> frozenset[str]:
        """Ids of the attempts that are not over, and that other processes hold which live: they
        follow them.
        """

    def take_duty(self, name: str, /) -> bool:
        """Whether something that one process does for all is for this one to do, for as long as it
        lives.
        """

    def take_turn(self, lane: str, per_s: float, turns: int = 1, /) -> float:
        """Take the next turn of a lane that lets `per_s` pass in a second, of everybody together,
        or several that follow each other; the seconds until the first.
        """

    def tell_time(self, now: float, /) -> float:
        """The moment by the clock that requests are counted by: that of the ledger where several
        share it, else `now`, by this machine's. In seconds since 1970.
        """

    def count_sharers(self) -> int:
        """How many processes work on the ledger, this one too, as its last sign of life has shown;
        asks nobody.
        """

    def has_failed_over(self) -> bool:
        """Whether the ledger lies on another server than it did, which may lack its last commits.
        Until `accept_server` every intent is refused.
        """

    def accept_server(self) -> None:
        """What the ledger may have lost is written down."""

    # -------------------------------------------------------------- what happens to an attempt

    def close(self) -> None:
        """Let go of the ledger."""

    def intend(
        self,
        attempt: Attempt,
        *,
        request_sha256: str,
        prompt: str | None,
        job: Mapping[str, Any],
        server_time: float | None,
        baseline: int | None = None,
        sender: str = "",
        booking: Booking | None = None,
        loses: str | None = None,
        most_running: int | None = None,
        limit: SpendingLimit | None = None,
    ) -> None:
        """Make durable that a request is about to be sent. Raises KeyTaken, LaneBusy,
        FailedOver, and what `limit` raises; may not be repeated.

        `baseline`: the number of the reading of the account's list that was taken before it.
        `sender`: what tells one key and workspace from another. `booking`: for whom, and at which
        price. `loses`: an attempt that SUCCEEDED and is given up for LOST in the same transaction,
        because it is paid again. `most_running`: how many tasks the lane may have at the service,
        of all who share the ledger; LaneFull is raised where it has them.
        """

    def submitted(
        self,
        attempt_id: str,
        task_id: str,
        *,
        at: float,
        request_id: str = "",
        server_time: float | None = None,
        adopted: bool = False,
        vouched: bool = True,
        look_at: float | None = None,
        baseline: int | None = None,
    ) -> None:
        """Make the task_id of an attempt durable. Saying the same again is no change.

        Without `adopted` it is the service's own answer, and never lost: where the attempt has
        moved on meanwhile, the task becomes a stray with an open question, and then MovedOn is
        raised. What was to be adopted for such an attempt is left alone. Raises MovedOn, TaskTaken.

        `server_time`: the service's clock when it accepted. `vouched`: whether somebody or the list
        vouches for an adopted task before its prompt does. `baseline`: the reading beside which a
        second look is to hold the list at `look_at`.
        """

    def named(self, attempt_id: str, task_id: str) -> None:
        """Keep what an answer that was no acceptance named as the id of its task."""

    def end(
        self,
        attempt_id: str,
        state: State,
        *,
        at: float,
        code: str = "",
        message: str = "",
        request_id: str = "",
        look_at: float | None = None,
        baseline: int | None = None,
    ) -> None:
        """Close an attempt, or mark it UNDECIDED. `look_at`: when to look once more, and `baseline`
        the reading that this is held against. The same again is no change. What is stored wins:
        SUCCEEDED may be said of an attempt whose task was given up as UNDECIDED. Raises MovedOn.
        """

    def disown(self, attempt_id: str, *, at: float, message: str) -> None:
        """Unlink a task that was adopted wrongly: it stays known, as a stray, and the attempt
        becomes UNDECIDED. Again is no change. Raises MovedOn.
        """

    def looks_due(self, *, now: float, most_s: float = float("inf")) -> Sequence[str]:
        """Attempts for which the service's list is to be read once more, oldest first.

        One that is more than `most_s` away is due as well: nobody waits as long, so the clock was
        set back.
        """

    def looked(self, attempt_id: str) -> None:
        """The second look at an attempt is done."""

    def take_over(
        self,
        attempt: Attempt,
        *,
        prompt: str | None,
        job: Mapping[str, Any],
        server_time: float | None,
        booking: Booking,
    ) -> None:
        """Link a task that somebody else asked for to a job, as an attempt that was SUBMITTED.
        May not be repeated. `server_time`: the service's clock as it told of the task.

        Raises AlreadyOpen when the job has its result, or a task that may still bring it.
        """

    def tasks_seen(self, sightings: Sequence[Sighting]) -> None:
        """Remember what the service last said of tasks: in one commit, the last of each counts.
        That a task has ended is not forgotten for what was seen before.
        """

    # -------------------------------------------------------------- questions

    def find_history(self, keys: Collection[str], *, now: float) -> Mapping[str, History]:
        """The attempts of these keys, by key. `now` decides whether the service can still know a
        task.
        """

    def read_whole_history(self, *, now: float) -> Mapping[str, History]:
        """All attempts by key, for those who ask about everything that ever was."""

    def find_open_attempts(self, *, now: float, of_all_projects: bool = False) -> Sequence[Attempt]:
        """The attempts that are not over, in the order in which they were written: those of this
        project, or of all that share the ledger.
        """

    def find_newest_moment(self) -> float:
        """The newest moment that any attempt tells of, in seconds since 1970; 0 when there
        is none.
        """

    def count_attempts_at(self, endpoints: Collection[str]) -> int:
        """How many attempts were made at these endpoints."""

    def attempt(self, attempt_id: str, *, now: float) -> Attempt:
        """One attempt. Raises NoAttempt when there is none."""

    def open_intents(self, lane: str | None = None) -> Sequence[str]:
        """Ids of the attempts whose request may or may not have arrived, oldest first; of one lane
        or all.
        """

    def unsettled(self) -> Sequence[str]:
        """Ids of the attempts whose request may have made a task that nobody knows, oldest
        first.
        """

    def intent(self, attempt_id: str) -> Intent:
        """What was about to be sent in an attempt."""

    def knows_task(self, task_id: str) -> bool:
        """Whether a task was ever linked to an attempt."""

    def owner(self, task_id: str) -> str | None:
        """The attempt that a task is linked to; None for a stray, and for a task that is
        not known.
        """

    def find_endings(self, lane: str, *, most: int) -> Sequence[Ending]:
        """The newest `most` tasks of a lane whose end the service has told, newest first."""

    def find_jobs(self, edits: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """By edit: the job it stood for last time, when it was sent or when its result was taken
        again. Only edits that had one are in the answer.
        """

    def find_requests(self, keys: Collection[str]) -> Sequence[Request]:
        """Those of the attempts of `keys` whose key another rule of keys may have made."""

    def read_all_requests(self) -> Sequence[Request]:
        """Every attempt whose key another rule of keys may have made: of version 1, or of a link
        with parameters.
        """

    def integrity(self) -> Sequence[str]:
        """What SQLite finds wrong with the file; nothing when it is sound."""

"""One snapshot of what is: results, attempts, outputs, the lock file. Frozen types only. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from reconciler.formats.job_links import has_link
from reconciler.formats.values import value

# the service forgets a task 24 h after submit_time, and with it the way to its video
TASK_LIFE_S = 24 * 3600
TASK_ENDS = ("SUCCEEDED", "FAILED", "CANCELED")  # its words for a task that is over


class State(StrEnum):
    """Where an attempt is. The arrows between them stand in `ARROWS`."""

    INTENT = "INTENT"  # about to be sent, or sent and not known whether it arrived
    SUBMITTED = "SUBMITTED"  # the service has given a task_id
    UNDECIDED = "UNDECIDED"  # nobody can tell whether it arrived; waits for a person
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"  # the service forgot the task before its video was brought home
    LOST = "LOST"  # paid, collected once, and no longer to be had
    NOT_SENT = "NOT_SENT"
    REJECTED = "REJECTED"
    ABANDONED = "ABANDONED"


ARROWS: Mapping[State, frozenset[State]] = {
    State.INTENT: frozenset({State.SUBMITTED, State.NOT_SENT, State.REJECTED, State.UNDECIDED}),
    State.SUBMITTED: frozenset(
        {
            State.SUCCEEDED,
            State.FAILED,
            State.CANCELED,
            State.EXPIRED,
            State.UNDECIDED,
            State.SUBMITTED,
        }
    ),
    State.UNDECIDED: frozenset({State.SUBMITTED, State.NOT_SENT, State.ABANDONED}),
    State.SUCCEEDED: frozenset({State.LOST}),
}
OPEN = (State.INTENT, State.SUBMITTED, State.UNDECIDED)


class Record(Protocol):
    """A record that can be read when somebody asks."""

    def read_part(self, name: str) -> Mapping[str, Any]:
        """One of its parts. Raises StoreDamaged where the record has gone, or tells something else
        than it did.
        """


class Recorded(Mapping[str, Any]):
    """A part of a record, which is read when somebody asks for it. Raises what `Record` raises."""

    __slots__ = ("_name", "_record", "may_be_former")

    def __init__(self, record: Record, name: str, *, may_be_former: bool = False) -> None:
        self._record = record
        self._name = name
        self.may_be_former = may_be_former  # of a job, as in Result

    def _part(self) -> Mapping[str, Any]:
        return self._record.read_part(self._name)

    def __getitem__(self, name: str) -> Any:
        return self._part()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._part())

    def __len__(self) -> int:
        return len(self._part())

    def __repr__(self) -> str:
        return repr(self._part())

    def __deepcopy__(self, memo: dict[int, Any]) -> Mapping[str, Any]:
        return deepcopy(self._part(), memo)  # `asdict` makes plain data by it


@value(frozen=True, slots=True)
class Result:
    """The verified outcome of a job: a record that names a blob. Times are the service's own words
    (UTC+8).
    """

    key: str
    digest: str
    size_bytes: int
    duration_s: float
    width: int
    height: int
    stored_at: str  # UTC, ISO 8601
    edit: str  # the edit it was first rendered for
    job: Mapping[str, object]  # the canonical form that the key is the digest of
    # task_id, request_id, task_status, submit_time, scheduled_time, end_time, orig_prompt
    task: Mapping[str, object]
    usage: Mapping[str, object]
    endpoint: str
    account: str
    adopted: bool = False
    commit: str = ""  # where its request came from, as in state.booked.Origin
    author: str = ""
    approved_by: str = ""

    @property
    def stored(self) -> float:
        """When it was stored, in seconds since 1970; 0 where somebody wrote something else
        there.
        """
        try:
            return datetime.fromisoformat(self.stored_at).timestamp()
        except (ValueError, OverflowError):
            return 0.0

    @property
    def by_hand(self) -> bool:
        """Whether its bytes are a file that somebody imported: nothing was asked of the service."""
        return "imported" in self.task

    @property
    def may_be_former(self) -> bool:
        """Whether an earlier rule of keys may have to do with its key: its job is of version 1, or
        has a link with parameters.
        """
        if isinstance(self.job, Recorded):
            return self.job.may_be_former
        return self.job.get("v") == 1 or has_link(self.job)

    @property
    def identity(self) -> str:
        """What stands for its bytes in the job of an edit that builds on it."""
        return f"sha256:{self.digest}"


@value(frozen=True, slots=True)
class Attempt:
    """One try to get a job rendered, with the task that came of it."""

    id: str
    key: str
    lane: str
    edit: str
    state: State
    endpoint: str
    created_at: float  # seconds since 1970; when the intent was written
    task_id: str | None = None
    task_status: str | None = None
    submitted_at: float | None = None
    ended_at: float | None = None
    code: str = ""
    message: str = ""
    request_id: str = ""
    billable_s: float = 0.0
    adopted: bool = False
    collectable: bool = True  # False once the service has forgotten the task

    @property
    def account(self) -> str:
        """The account, as configured, that it was made for; empty where its lane names none."""
        words = self.lane.split(" ")  # apply.lanes.name_lane
        return words[1] if len(words) == 3 else ""

    def is_of(self, endpoint: str, account: str) -> bool:
        """Whether what `account` is shown at `endpoint` can tell anything of it."""
        return self.endpoint == endpoint and self.account in ("", account)

    @property
    def since(self) -> float:
        """When it came to be as it is."""
        if self.ended_at is None or self.state in (State.INTENT, State.SUBMITTED):
            return self.created_at
        return self.ended_at

    @property
    def collect_by(self) -> float | None:
        """Until when the video of its task is to be had; None where there is nothing to collect."""
        if self.task_id is None or self.state not in (State.SUBMITTED, State.SUCCEEDED):
            return None
        return find_forgotten_at(self.created_at, self.submitted_at)


def find_forgotten_at(created_at: float, submitted_at: float | None) -> float:
    """When the service forgets a task; one that was found later is as old as the request that made
    it.
    """
    return min(created_at, submitted_at or created_at) + TASK_LIFE_S


@value(frozen=True, slots=True)
class History:
    """All attempts of one key, oldest first."""

    attempts: tuple[Attempt, ...]

    @property
    def last(self) -> Attempt:
        """The attempt that counts: an open one, else the newest."""
        return next(
            (attempt for attempt in self.attempts if attempt.state in OPEN), self.attempts[-1]
        )

    @property
    def failures(self) -> int:
        """How often the service failed this job."""
        return sum(1 for attempt in self.attempts if attempt.state is State.FAILED)


# (key, edit, job) of an attempt; the job is left out where nobody needs it
Request = tuple[str, str, Mapping[str, Any] | None]


@value(frozen=True, slots=True)
class Findings:
    """What one question to ledger and store brought: results by key, and those requests that an
    earlier rule of keys may have named.
    """

    results: Mapping[str, Sequence[Result]] = field(default_factory=dict)
    requests: Sequence[Request] = ()


@value(frozen=True, slots=True)
class Stray:
    """A task at the service that a request of ours made after it was given up; it is paid, and
    nobody waits for it.
    """

    task_id: str
    edit: str
    key: str
    status: str
    seen_at: float  # seconds since 1970


@value(frozen=True, slots=True)
class Published:
    """What we wrote to an output, last time."""

    digest: str
    realm: str
    edit: str
    key: str
    # that asked for it; empty in notes of earlier versions, which did not tell
    environment: str = ""
    protected: bool = False  # whether its edit said `protect: true` when an apply last saw it


@value(frozen=True, slots=True)
class Output:
    """A path of the work tree as it is."""

    digest: str | None  # of the file there; None when there is none
    published: Published | None  # what we wrote there
    ours: bool  # whether what is there was made by us, so that it may be replaced
    cut_short: bool = False  # whether it is the beginning of what we made, or empty


@value(frozen=True, slots=True)
class Pin:
    """One entry of cutlist.lock. `made_by` is the key of the request that made its result, where
    somebody picked it and that is another one than `key`; `take` its number then.
    """

    key: str
    digest: str
    made_by: str | None = None
    take: int | None = None

    @property
    def stored_under(self) -> str:
        """The key under which its result is stored."""
        return self.made_by or self.key


@value(frozen=True, slots=True)
class Observed:
    """What is, seen at one moment: of results and attempts those of the keys that were asked for,
    and the attempts that are not over.
    """

    realm: str
    endpoint: str
    account: str
    # by key, in the order they were stored
    results: Mapping[str, Sequence[Result]] = field(default_factory=dict)
    history: Mapping[str, History] = field(default_factory=dict)  # by key
    outputs: Mapping[str, Output] = field(default_factory=dict)  # by path
    # by path: what we wrote, and no edit asks for now
    left_over: Mapping[str, Output] = field(default_factory=dict)
    pins: Mapping[str, Pin] = field(default_factory=dict)  # by edit
    # by key, of names that no edit has now
    old_pins: Mapping[str, tuple[str, Pin]] = field(default_factory=dict)
    # by edit: the job it stood for last time
    before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    strays: Sequence[Stray] = ()  # that nobody has answered for
    damaged: Sequence[str] = ()  # records and blobs that cannot be trusted, in words
    # the newest moment that the ledger knows of, in seconds since 1970; 0 when it knows none
    newest: float = 0.0

    def repaid(self) -> Observed:
        """The same without the pins whose result is not here while another of their job is: paid in
        its place.
        """

        def holds(pin: Pin) -> bool:
            return pin.key not in self.results or self.find_pinned(pin) is not None

        pins = {edit: pin for edit, pin in self.pins.items() if holds(pin)}
        return replace(
            self,
            pins=pins,
            old_pins={key: old for key, old in self.old_pins.items() if holds(old[1])},
        )

    def pin(self, edit: str, key: str) -> Pin | None:
        """What the lock file says of an edit and its job; for one that was renamed, under the name
        that it had.
        """
        own = self.pins.get(edit)
        if own is not None and own.key == key:
            return own
        old = self.old_pins.get(key)
        return old[1] if old is not None else None

    def find_pinned(self, pin: Pin) -> Result | None:
        """The result that an entry of the lock file names; None where it is not here."""
        results = self.results.get(pin.stored_under, ())
        return next((result for result in results if result.digest == pin.digest), None)

    def choose_result(self, key: str, pin: Pin | None) -> Result | None:
        """The result that counts for an edit of that key and pin: the one that the lock file names,
        else the first that was stored.
        """
        if pin is not None:
            return self.find_pinned(pin)
        results = self.results.get(key, ())
        return results[0] if results else None

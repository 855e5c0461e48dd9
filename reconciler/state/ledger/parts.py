"""What every ledger has besides its attempts: books, baselines, strays and uploads. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from reconciler.formats.values import value
from reconciler.state.booked import Entry, Holding, Origin
from reconciler.state.observed import Stray


@value(frozen=True, slots=True)
class Baseline:
    """One reading. `task_ids` are the tasks that were there and that the ledger did not know."""

    task_ids: frozenset[str]
    server_time: float | None  # the service's own clock then, in seconds since 1970
    is_whole: bool  # whether the list could be read whole


@value(frozen=True, slots=True)
class SharedReading:
    """A whole reading that one process has taken for all."""

    number: int
    baseline: Baseline
    age_s: float  # since it was begun, by the clock of the ledger


@value(frozen=True, slots=True)
class UploadPlace:
    """Where uploaded bytes may be used: the service binds them to a model and an account."""

    model: str
    account: str
    endpoint: str


class Books(Protocol):
    """The books: what was paid for whom, and which result each edit had since when."""

    def entries(
        self, edits: Collection[str] | None = None, *, since: float = 0.0
    ) -> Sequence[Entry]:
        """Every attempt and every stray, of all edits or of some, oldest first; or those since a
        moment (seconds since 1970).
        """

    def entries_begun(self, *, since: float = 0.0) -> Sequence[Entry]:
        """The same by the clock of the ledger, where several share it: every attempt and every
        stray whose request was begun since a moment, or ever.
        """

    def check(self, *, since: float = 0.0) -> None:
        """Raises LedgerError where something stands in the books that nobody can count with: in all
        of them, or in what was written since a moment.
        """

    def origin(self, attempt_id: str) -> Origin:
        """Where the request of an attempt came from; empty where that was never written down."""

    def environment(self, attempt_id: str) -> str | None:
        """The environment that an attempt was made for; None where that was never written down."""

    def holdings(self, edits: Collection[str] | None = None) -> Sequence[Holding]:
        """Which result each edit had, all of them or some, and since when, in the order in which
        that was noted: clocks may have been wrong.
        """

    def find_held_keys(self, environment: str) -> Mapping[str, str]:
        """By edit, the key of the result that it was last noted to have."""

    def hold(self, choose: Callable[[], Iterable[Holding]]) -> None:
        """Note that edits have other results from now on: those that `choose` gives. It is asked
        in the transaction that writes them down, and asks these books itself, so that nobody notes
        anything in between.
        """


class Baselines(Protocol):
    """Readings of the account's list, against which a lost answer is held."""

    def keep(
        self, task_ids: Collection[str], *, at: float, server_time: float | None, is_whole: bool
    ) -> int:
        """Make a reading durable; its number, to be named by the intents that follow."""

    def of(self, attempt_id: str) -> Baseline | None:
        """The reading that an attempt refers to; None where there is none, as in attempts of
        earlier versions.
        """

    def strangers(self, task_ids: Collection[str]) -> frozenset[str]:
        """Those of `task_ids` that the ledger has never heard of."""

    def doubtful(self, task_ids: Collection[str]) -> frozenset[str]:
        """Those of `task_ids` that need not be ours: strangers, strays, and what was adopted and
        has not succeeded, so that its prompt was never compared.
        """


class Readings(Protocol):
    """Readings before requests, which one process takes for all who share a ledger. A `reader` is
    whoever sees the same list: an endpoint, and a key with its workspace.
    """

    def find(self, reader: str, *, most_s: float) -> SharedReading | None:
        """The newest whole reading, unless it was begun more than `most_s` ago."""

    def begin(self, reader: str) -> float | None:
        """Begin a reading for all, and when that is; None while another process that lives is at
        it.
        """

    def end(self, reader: str, begun_at: float, baseline: int | None) -> None:
        """A reading is over: whole, and kept by that number; None where it is of no use to
        others.
        """


class Strays(Protocol):
    """Tasks that requests of ours made after they were given up."""

    def note(
        self, task_id: str, attempt_id: str, status: str, *, at: float, open_question: bool
    ) -> None:
        """Write down a task that nobody waits for, made by the request of an attempt after all.
        Again is no change.
        """

    def note_unknown(
        self, task_id: str, new_id: str, lane: str, status: str, *, endpoint: str, at: float
    ) -> None:
        """Write down a task of the account that the ledger has no request of, as a stray that asks:
        its request, which is lost, is written anew as far as it is known. Again is no change.
        """

    def is_unknown(self, task_id: str) -> bool:
        """Whether a task is a stray of which nobody knows the request: any job may be its own."""

    def answer(self, task_id: str) -> None:
        """A person has seen a stray."""

    def adopt(self, task_id: str, new_id: str, *, at: float) -> None:
        """Make a stray the task of its job after all, as an attempt of its own.

        Raises AlreadyOpen when the job has its result, or a task that may still bring it.
        """

    def unanswered(self) -> Sequence[Stray]:
        """Strays that nobody has answered for, oldest first."""


class Uploads(Protocol):
    """Which bytes lie in the service's temporary storage, and until when."""

    def url(self, sha256: str, place: UploadPlace, *, now: float, margin_s: float) -> str | None:
        """The oss:// URL of bytes that were uploaded and will live for at least `margin_s`; None
        when there is none.
        """

    def keep(self, sha256: str, place: UploadPlace, url: str, *, expires_at: float) -> None:
        """Remember an upload, so that the same bytes are not sent twice."""

    def forget(self, sha256: str, place: UploadPlace) -> None:
        """What was uploaded there is not to be used again."""

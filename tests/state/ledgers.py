"""Every ledger there is, and helpers that bring attempts into the states that tests start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from reconciler.state.booked import Booking, Holding, Origin
from reconciler.state.ledger import Ledger, SqliteLedger, UploadPlace
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.observed import OPEN, Attempt, State
from tests.postgres import open_emptied, open_ledger

NOW = 1_800_000_000.0
JOB = {"model": "m", "take": 1}
PLACE = UploadPlace("model", "account", "mock")
Opener = Callable[[Path], Ledger]
IMPLEMENTATIONS: dict[str, Opener] = {
    "postgres": lambda folder: open_emptied(),
    "sqlite": lambda folder: SqliteLedger.open(folder / "ledger.db"),
}
HELD = (*OPEN, State.SUCCEEDED)  # states in which a key must not be sent again
REACH: dict[State, tuple[State, ...]] = {
    State.INTENT: (),
    State.SUBMITTED: (State.SUBMITTED,),
    State.UNDECIDED: (State.UNDECIDED,),
    State.SUCCEEDED: (State.SUBMITTED, State.SUCCEEDED),
    State.FAILED: (State.SUBMITTED, State.FAILED),
    State.CANCELED: (State.SUBMITTED, State.CANCELED),
    State.EXPIRED: (State.SUBMITTED, State.EXPIRED),
    State.LOST: (State.SUBMITTED, State.SUCCEEDED, State.LOST),
    State.NOT_SENT: (State.NOT_SENT,),
    State.REJECTED: (State.REJECTED,),
    State.ABANDONED: (State.UNDECIDED, State.ABANDONED),
}
BOOKING = Booking(
    "final", {"campaign": "spring"}, "m", 0.1, "USD", Origin("c0ffee+", "Ada", "ada, typed yes")
)


def intend(
    ledger: Ledger,
    id_: str = "a",
    key: str = "k",
    lane: str = "l",
    most_running: int | None = None,
    **fields: object,
) -> Attempt:
    """Write an intent down."""
    attempt = Attempt(id_, key, lane, "film", State.INTENT, "mock", NOW)
    attempt = replace(attempt, **fields)
    ledger.intend(
        attempt,
        request_sha256="0" * 64,
        prompt="Make it blue",
        job=JOB,
        server_time=None,
        most_running=most_running,
    )
    return attempt


def move(ledger: Ledger, id_: str, state: State, task: str | None = None) -> None:
    """Take one step of an attempt's life."""
    if state is State.SUBMITTED:
        ledger.submitted(id_, task or f"task-{id_}", at=NOW)
    else:
        ledger.end(id_, state, at=NOW)


def bring(ledger: Ledger, state: State, id_: str = "a", **fields: object) -> None:
    """An attempt in that state."""
    intend(ledger, id_, **fields)
    for each in REACH[state]:
        move(ledger, id_, each)


def state_of(ledger: Ledger, id_: str = "a") -> State:
    return ledger.attempt(id_, now=NOW).state


def held(edit: str = "film", key: str = "k", at: float = NOW, **fields: object) -> Holding:
    """A holding that was paid for."""
    return replace(Holding(edit, "final", key, at, False, 5.0, BOOKING), **fields)


def take_over(
    ledger: Ledger,
    id_: str = "by hand",
    key: str = "k",
    task_id: str = "hers",
    **fields: object,
) -> None:
    """Link a task that somebody asked for by hand."""
    attempt = Attempt(
        id_, key, "l", "film", State.SUBMITTED, "mock", NOW, task_id, billable_s=20.0, adopted=True
    )
    ledger.take_over(
        replace(attempt, **fields), prompt="Make it blue", job=JOB, server_time=NOW, booking=BOOKING
    )


@contextmanager
def open_many(address: LedgerAddress, number: int) -> Iterator[list[PostgresLedger]]:
    """A shared ledger as so many processes have it, whose ids count from 1."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(open_ledger(address, id_=str(each))))
            for each in range(1, number + 1)
        ]

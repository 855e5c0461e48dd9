"""What the SQL of a ledger needs of the database that it runs in, and how what is read is checked.

The SQL is written once, in the dialect of SQLite; what another database says otherwise is
translated where that database is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar

from reconciler.errors import LedgerError
from reconciler.formats.records import parse_json
from reconciler.state.ledger.errors import LedgerAway

P = ParamSpec("P")
T = TypeVar("T")

Kind = tuple[tuple[Any, ...], float]  # what a value may be, and for numbers below what, from 0
TEXT: Kind = ((str,), 0)
FLAG: Kind = ((int,), 2)
AMOUNT: Kind = ((float, int), math.inf)
MOMENT: Kind = (
    (float, int),
    253_402_300_800.0,
)  # seconds since 1970, up to the year 10000, which no calendar here can write


class Conflict(LedgerError):
    """A unique index has refused a row."""


class Cursor(Protocol):
    """The outcome of one statement."""

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None after the last."""


class Connection(Protocol):
    """Statements inside a transaction. `?` stands for a value."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Run one statement for each row of values."""


class Database(Protocol):
    """Tables of one ledger. Its errors are LedgerError, and Conflict where an index refuses."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """Everything in the block becomes durable at its end, or nothing. No two such blocks ever
        overlap, whoever runs them; `rows` tells what was durable before, also inside of one.
        """

    def rows(self, sql: str, *values: Any, kinds: Sequence[Kind]) -> list[tuple[Any, ...]]:
        """What a question gives, each value of the kind that its column has. Raises LedgerError."""

    def integrity(self) -> Sequence[str]:
        """What the database finds wrong with what it keeps; nothing when it is sound."""

    def retire(self) -> None:
        """Let no program use it any more: what it had lies elsewhere. Raises Locked."""

    def close(self) -> None:
        """Let go of it."""


def repeat_once(write: Callable[P, T]) -> Callable[P, T]:
    """`write`, which may be repeated, tried again where its commit may have been lost."""

    @wraps(write)
    def write_again(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return write(*args, **kwargs)
        except LedgerAway:
            return write(*args, **kwargs)

    return write_again


def allow_null(kind: Kind) -> Kind:
    """The same, or nothing."""
    return ((*kind[0], type(None)), kind[1])


def check_row(row: tuple[Any, ...], kinds: Sequence[Kind]) -> tuple[Any, ...]:
    """`row`, each value of its kind. Raises LedgerError."""
    for value, (types, limit) in zip(row, kinds, strict=True):
        if not isinstance(value, types) or (limit and value is not None and not 0 <= value < limit):
            raise LedgerError(
                f"the ledger is damaged: {_shown(value)} is no value of ours.", hint=ADVICE
            )
    return row


def read_value(make: Callable[[Any], Any], value: Any) -> Any:
    """What `make` makes of a value that was read; one that we never wrote is told of. Raises
    LedgerError.
    """
    try:
        return make(value)
    except ValueError as error:
        raise LedgerError(f"the ledger is damaged: {type(error).__name__}.", hint=ADVICE) from error


def read_job(text: str) -> Mapping[str, Any]:
    """The canonical form of a job from its text. Raises ValueError for what is none."""
    job = read_mapping(text)
    sections = (job.get("input", {}), job.get("parameters", {}))
    if not isinstance(job.get("model"), str) or not isinstance(job.get("take"), int):
        raise ValueError("no job")
    if not all(isinstance(section, dict) for section in sections):
        raise ValueError("no job")
    return job


class StoredJob(Mapping[str, Any]):
    """The canonical form of a job, kept as its text and read when somebody asks: of thousands that
    are at the service at once most are never looked at. Raises ValueError for what is none.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        read_job(text)
        self._text = text

    def __getitem__(self, name: str) -> Any:
        return read_job(self._text)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(read_job(self._text))

    def __len__(self) -> int:
        return len(read_job(self._text))

    def __repr__(self) -> str:
        return repr(read_job(self._text))


def read_mapping(text: str) -> Mapping[str, Any]:
    """A JSON object from its text. Raises ValueError for what is none."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError("no mapping")
    return value


def _shown(value: object) -> str:
    return (
        repr(value)
        if isinstance(value, int | float)
        else "nothing"
        if value is None
        else "a text or bytes"
    )


ADVICE = (
    "Do not delete it: it knows what was paid. Restore it from a backup, or look at the service's"
    " list of tasks before you move it aside."
)

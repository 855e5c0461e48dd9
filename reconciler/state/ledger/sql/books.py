"""The books: for whom each request was made, at which price, with whose word; which result an
edit had since when.

Nothing here decides what is sent: that is for the attempts. A line of the books is never changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from reconciler.state.booked import Booking, Entry, Holding, Origin
from reconciler.state.ledger.sql.database import (
    AMOUNT,
    FLAG,
    MOMENT,
    TEXT,
    Connection,
    Database,
    StoredJob,
    allow_null,
    check_row,
    read_mapping,
    read_value,
    repeat_once,
)
from reconciler.state.ledger.sql.schema import NEWEST_MOMENT
from reconciler.state.observed import State

# columns of a booking, wherever it is written
BOOKED = "labels, model, price_per_s, currency, commit_id, author, approved_by"
_ENTRY = f"""a.edit, a.key, a.state, %s, a.billable_s, a.job, t.task_id, t.status, t.answer, a.code,
    a.message,
    a.adopted, b.environment, {", ".join(f"b.{column}" for column in BOOKED.split(", "))}"""
_ATTEMPTS = """from attempts a left join tasks t on t.task_id = a.task_id
    left join bookings b on b.attempt_id = a.id where"""
_STRAYS = """from tasks t join attempts a on a.id = t.stray_of
    left join bookings b on b.attempt_id = a.id where t.attempt_id = '' and"""
# by the index of moments, of which the first is never later than the newest
_YOUNGER = f"{NEWEST_MOMENT} >= ? and created_at >= ?"
# by the clock of the ledger, where that has one
_BEGUN = "case when a.intended_at > 0 then a.intended_at else %s end"
_Which = tuple[str, str, Sequence[str | float]]  # the moment of a line, a condition, its values
_MOST_LINES = 50_000  # of the books: a watch reads them again at every save
_BOOKED_KINDS = (TEXT, TEXT, allow_null(AMOUNT), TEXT, TEXT, TEXT, TEXT)
_ENTRY_KINDS = (
    TEXT,
    TEXT,
    TEXT,
    MOMENT,
    AMOUNT,
    TEXT,
    allow_null(TEXT),
    allow_null(TEXT),
    allow_null(TEXT),
    TEXT,
    TEXT,
    FLAG,
    allow_null(TEXT),
    *map(allow_null, _BOOKED_KINDS),
)


class SqlBooks:
    """The books of one ledger.

    What each method promises stands in `Books`.
    """

    def __init__(self, database: Database, project: str = "") -> None:
        self._database = database
        self._project = project

    def entries(
        self, edits: Collection[str] | None = None, *, since: float = 0.0
    ) -> Sequence[Entry]:
        which, values = _choose("a.edit", edits)
        younger, moments = (_YOUNGER, [since, since]) if since else ("1 = 1", [])
        return self._read_entries(
            ("a.created_at", f"{younger} and {which}", [*moments, *values]),
            ("t.first_seen_at", f"t.first_seen_at >= ? and {which}", [since, *values]),
        )

    def entries_begun(self, *, since: float = 0.0) -> Sequence[Entry]:
        attempts = f"(a.intended_at > 0 and a.intended_at >= ? or a.intended_at = 0 and {_YOUNGER})"
        begun, seen = _BEGUN % "a.created_at", _BEGUN % "t.first_seen_at"
        if not since:
            return self._read_entries((begun, "1 = 1", []), (seen, "1 = 1", []))
        return self._read_entries(
            (begun, attempts, [since, since, since]), (seen, f"{seen} >= ?", [since])
        )

    def _read_entries(self, attempts: _Which, strays: _Which) -> Sequence[Entry]:
        """Lines of the books, oldest first."""
        entries_ = []
        for (at, condition, values), stray in ((attempts, False), (strays, True)):
            lines, number = (_STRAYS, "t.task_id") if stray else (_ATTEMPTS, "a.rowid")
            rows = self._database.rows(
                f"select {_ENTRY % at} {lines} {condition} and a.project = ?"
                f" order by {at}, {number}",
                *values,
                self._project,
                kinds=_ENTRY_KINDS,
            )
            entries_ += [_entry(row, stray=stray) for row in rows]
        return sorted(entries_, key=lambda entry: entry.at)

    def check(self, *, since: float = 0.0) -> None:
        self.entries(since=since)
        # what is no moment is none that is early
        self._list_holdings(*(("at >= ?", since) if since else ("1 = 1",)))

    def origin(self, attempt_id: str) -> Origin:
        sql = "select commit_id, author, approved_by from bookings where attempt_id = ?"
        rows = self._database.rows(sql, attempt_id, kinds=(TEXT, TEXT, TEXT))
        return Origin(*rows[0]) if rows else Origin()

    def environment(self, attempt_id: str) -> str | None:
        sql = "select environment from bookings where attempt_id = ?"
        rows = self._database.rows(sql, attempt_id, kinds=(TEXT,))
        return str(rows[0][0]) if rows else None

    def holdings(self, edits: Collection[str] | None = None) -> Sequence[Holding]:
        which, values = _choose("edit", edits)
        return self._list_holdings(which, *values)

    def _list_holdings(self, which: str, *values: str | float) -> Sequence[Holding]:
        """Those for which a condition holds."""
        rows = self._database.rows(
            f"select edit, environment, key, at, reused, billable_s, {BOOKED} from holdings where"
            f" {which} and project = ? order by rowid",
            *values,
            self._project,
            kinds=(TEXT, TEXT, TEXT, MOMENT, FLAG, AMOUNT, *_BOOKED_KINDS),
        )
        return [_holding(row) for row in rows]

    def find_held_keys(self, environment: str) -> Mapping[str, str]:
        sql = "select edit, key from holdings where environment = ? and project = ? order by rowid"
        return dict(self._database.rows(sql, environment, self._project, kinds=(TEXT, TEXT)))

    @repeat_once
    def hold(self, choose: Callable[[], Iterable[Holding]]) -> None:
        with self._database.transaction() as connection:
            for holding in choose():
                connection.execute(
                    "insert into holdings (edit, environment, key, at, reused, billable_s,"
                    f" {BOOKED}, project) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        holding.edit,
                        holding.environment,
                        holding.key,
                        holding.at,
                        int(holding.reused),
                        holding.billable_s,
                        *_booked(holding.booking),
                        self._project,
                    ),
                )


def _choose(column: str, edits: Collection[str] | None) -> tuple[str, tuple[str, ...]]:
    """A condition that holds for some edits, or for all, and its values."""
    if edits is None:
        return "1 = 1", ()
    return f"{column} in (select value from json_each(?))", (json.dumps(sorted(edits)),)


def book(connection: Connection, attempt_id: str, booking: Booking) -> None:
    """Write the booking of an attempt, in the transaction that writes its intent."""
    connection.execute(
        f"insert into bookings (attempt_id, environment, {BOOKED}) values (?, ?, ?, ?, ?, ?, ?,"
        " ?, ?)",
        (attempt_id, booking.environment, *_booked(booking)),
    )


def copy_booking(connection: Connection, attempt_id: str, task_id: str) -> None:
    """What was booked for the request that made a stray is booked for the attempt that
    adopts it.
    """
    connection.execute(
        f"insert into bookings (attempt_id, environment, {BOOKED}) select ?, environment,"
        f" {BOOKED} from bookings where attempt_id = (select stray_of from tasks where task_id"
        " = ?)",
        (attempt_id, task_id),
    )


def _booked(booking: Booking) -> tuple[Any, ...]:
    origin = booking.origin
    labels = json.dumps(booking.labels, sort_keys=True)
    return (
        labels,
        booking.model,
        booking.price_per_s,
        booking.currency,
        origin.commit,
        origin.author,
        origin.approved_by,
    )


def _booking(row: Sequence[Any]) -> Booking:
    environment, labels, model, price_per_s, currency, *origin = row
    return Booking(
        environment, read_value(_labels, labels), model, price_per_s, currency, Origin(*origin)
    )


@lru_cache(_MOST_LINES)
def _holding(row: tuple[Any, ...]) -> Holding:
    edit, environment, key, at, reused, billable_s, *booked = row
    booking = _booking((environment, *booked))
    return Holding(edit, environment, key, at, bool(reused), billable_s, booking)


@lru_cache(_MOST_LINES)
def _entry(row: tuple[Any, ...], *, stray: bool) -> Entry:
    (
        edit,
        key,
        state,
        at,
        planned_s,
        job,
        task_id,
        status,
        answer,
        code,
        message,
        adopted,
        *booked,
    ) = row
    usage = read_value(read_mapping, answer or "{}").get("usage")
    return Entry(
        edit=edit,
        key=key,
        state=read_value(State, state),
        at=at,
        planned_s=planned_s,
        job=read_value(StoredJob, job),
        task_id=task_id,
        task_status=status,
        usage=usage if isinstance(usage, dict) else {},
        code=code,
        message=message,
        adopted=bool(adopted),
        stray=stray,
        booking=(
            None
            if booked[0] is None
            else _booking(check_row(tuple(booked), (TEXT, *_BOOKED_KINDS)))
        ),
    )


@lru_cache(maxsize=1024)  # most bookings have the labels of others
def _labels(text: str) -> Mapping[str, str]:
    """Raises ValueError for a label that is no text."""
    labels = read_mapping(text)
    if not all(isinstance(label, str) for label in labels.values()):
        raise ValueError("no labels")
    return labels

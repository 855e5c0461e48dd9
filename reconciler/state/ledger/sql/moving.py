"""All that one ledger knows of a project, written into another one in a single transaction.

What was moved is compared before it counts, and the ledger that it came from is closed for good: no
program uses it any more, so that nobody pays beside the other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.errors import LedgerError
from reconciler.formats.words import format_count
from reconciler.state.ledger.sql.books import BOOKED
from reconciler.state.ledger.sql.database import Conflict, Connection, Database, Kind
from reconciler.state.ledger.sql.schema import IS_INTENT

_ANY: Kind = ((object,), 0)
_TASKS = "task_id, attempt_id, first_seen_at, last_seen_at, status, answer, stray_of, open_question"
_ATTEMPTS = (
    "id, key, lane, edit, state, endpoint, created_at, server_time, request_sha256, prompt, job,"
    " billable_s, task_id, submitted_at, ended_at, code, message, request_id, adopted, look_at,"
    " baseline, named_id, vouched, sender"
)
_BASELINES = "id, read_at, server_time, is_whole, task_ids"
_BOOKINGS = f"attempt_id, environment, {BOOKED}"
_HOLDINGS = f"edit, environment, key, at, reused, billable_s, {BOOKED}"


def move_rows(source: Database, target: Database, *, before: str, after: str) -> int:
    """Write everything into `target` that `source` has of the project `before`, which is called
    `after` there. How many attempts there are.

    Raises LedgerError where anything is open that may be on its way, where the target has the
    project already, or where a job or a task is in both; then nothing has changed.
    """
    _require_settled(source)
    _require_alone(source, before)
    attempts = _read(source, _ATTEMPTS, "attempts", "order by rowid")
    try:
        with target.transaction() as connection:
            there = _find_ids(target, after)
            if there == {row[0] for row in attempts} and there:
                return len(attempts)  # an earlier move was killed before it closed the source
            if there:
                raise LedgerError(
                    f"the other ledger has the project {after} already.", hint="Nothing was moved."
                )
            _write_all(source, connection, attempts, after)
            _compare(connection, attempts, after)
    except Conflict as error:
        raise LedgerError(
            "a job or a task is in both ledgers, and each may have paid for it.",
            hint="Nothing was moved. What both know stands in `cutlist log` of either.",
        ) from error
    return len(attempts)


def _write_all(
    source: Database, connection: Connection, attempts: Sequence[tuple[Any, ...]], project: str
) -> None:
    """Tasks first, which attempts refer to; readings get numbers of the target's own."""
    _write(connection, "tasks", _TASKS, _read(source, _TASKS, "tasks", "order by first_seen_at"))
    numbers = {}
    for old, *reading in _read(source, _BASELINES, "baselines", "order by id"):
        row = connection.execute(
            "insert into baselines (read_at, server_time, is_whole, task_ids) values (?, ?, ?, ?)"
            " returning id",
            reading,
        ).fetchone()
        assert row is not None
        numbers[old] = row[0]
    place = _ATTEMPTS.split(", ").index("baseline")
    moved = [(*row[:place], numbers.get(row[place]), *row[place + 1 :]) for row in attempts]
    _write(connection, "attempts", f"{_ATTEMPTS}, project", [(*row, project) for row in moved])
    _write(connection, "bookings", _BOOKINGS, _read(source, _BOOKINGS, "bookings", ""))
    held = _read(source, _HOLDINGS, "holdings", "order by rowid")
    _write(connection, "holdings", f"{_HOLDINGS}, project", [(*row, project) for row in held])


def _read(source: Database, columns: str, table: str, order: str) -> list[tuple[Any, ...]]:
    kinds = [_ANY] * len(columns.split(", "))
    return source.rows(f"select {columns} from {table} {order}", kinds=kinds)


def _write(
    connection: Connection, table: str, columns: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    places = ", ".join("?" * len(columns.split(", ")))
    if rows:
        connection.executemany(f"insert into {table} ({columns}) values ({places})", rows)


def _require_settled(source: Database) -> None:
    sql = f"select count(*) from attempts where {IS_INTENT}"
    ((number,),) = source.rows(sql, kinds=[_ANY])
    if number:
        raise LedgerError(
            f"{format_count(number, 'request')} may be on its way, and it is not known whether it"
            " arrived.",
            hint="Run `cutlist apply` first, which asks the service. Nothing was moved.",
        )


def _require_alone(source: Database, project: str) -> None:
    others = source.rows(
        "select distinct project from attempts where project <> ?", project, kinds=[_ANY]
    )
    if others:
        names = ", ".join(sorted(str(row[0]) for row in others))
        raise LedgerError(
            f"the ledger has other projects as well: {names}.",
            hint="Only a ledger of one project can be moved. Nothing was moved.",
        )


def _find_ids(target: Database, project: str) -> set[str]:
    rows = target.rows("select id from attempts where project = ?", project, kinds=[_ANY])
    return {str(row[0]) for row in rows}


def _compare(connection: Connection, attempts: Sequence[tuple[Any, ...]], project: str) -> None:
    """Raises LedgerError where what has arrived is not what was sent."""
    seconds = sum(row[_ATTEMPTS.split(", ").index("billable_s")] for row in attempts)
    row = connection.execute(
        "select count(*), coalesce(sum(billable_s), 0) from attempts where project = ?", (project,)
    ).fetchone()
    if row is None or row[0] != len(attempts) or abs(float(row[1]) - seconds) > 0.001:
        raise LedgerError("what has arrived is not what was sent.", hint="Nothing was moved.")

"""What a ledger says of attempts and tasks: by key, by edit, or of all."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from reconciler.state.ledger.base import Ending, Intent
from reconciler.state.ledger.errors import NoAttempt
from reconciler.state.ledger.sql.database import (
    AMOUNT,
    FLAG,
    MOMENT,
    TEXT,
    Database,
    StoredJob,
    allow_null,
    read_job,
    read_mapping,
    read_value,
)
from reconciler.state.ledger.sql.schema import IS_INTENT, IS_OPEN, NEWEST_MOMENT
from reconciler.state.observed import Attempt, History, Request, State, find_forgotten_at

_COLUMNS = """a.id, a.key, a.lane, a.edit, a.state, a.endpoint, a.created_at, a.task_id, t.status,
    a.submitted_at,
    a.ended_at, a.code, a.message, a.request_id, a.billable_s, a.adopted"""
_KINDS = (
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    MOMENT,
    allow_null(TEXT),
    allow_null(TEXT),
    allow_null(MOMENT),
    allow_null(MOMENT),
    TEXT,
    TEXT,
    TEXT,
    AMOUNT,
    FLAG,
)


class Questions:
    """The questions to a ledger. They change nothing.

    What each method promises stands in `Ledger`.
    """

    def __init__(self, database: Database, project: str = "") -> None:
        self._database = database
        self._project = project

    def find_history(self, keys: Collection[str], *, now: float) -> Mapping[str, History]:
        return self._history(
            "where a.key in (select value from json_each(?))", _listed(keys), now=now
        )

    def read_whole_history(self, *, now: float) -> Mapping[str, History]:
        return self._history("", now=now)

    def _history(self, condition: str, *values: Any, now: float) -> Mapping[str, History]:
        """Attempts by key, in the order in which they were written: clocks may have been wrong."""
        by_key: dict[str, list[Attempt]] = {}
        for attempt in self._attempts(condition, *values, now=now):
            by_key.setdefault(attempt.key, []).append(attempt)
        return {key: History(tuple(attempts)) for key, attempts in by_key.items()}

    def find_open_attempts(self, *, now: float, of_all_projects: bool = False) -> Sequence[Attempt]:
        return self._attempts(
            f"where a.{IS_OPEN} and (a.project = ? or ? = 1)",
            self._project,
            int(of_all_projects),
            now=now,
        )

    def find_newest_moment(self) -> float:
        ((moment,),) = self._database.rows(
            f"select max({NEWEST_MOMENT}) from attempts", kinds=[allow_null(MOMENT)]
        )
        return float(moment or 0)

    def count_attempts_at(self, endpoints: Collection[str]) -> int:
        ((number,),) = self._database.rows(
            "select count(*) from attempts where endpoint in (select value from json_each(?))",
            _listed(endpoints),
            kinds=[AMOUNT],
        )
        return int(number)

    def _attempts(self, condition: str, *values: Any, now: float) -> list[Attempt]:
        rows = self._database.rows(
            f"select {_COLUMNS} from attempts a left join tasks t using (task_id) {condition}"
            " order by a.rowid",
            *values,
            kinds=_KINDS,
        )
        return [_attempt(row, now) for row in rows]

    def attempt(self, attempt_id: str, *, now: float) -> Attempt:
        attempts = self._attempts("where a.id = ?", attempt_id, now=now)
        if not attempts:
            raise NoAttempt(f"there is no attempt {attempt_id}.")
        return attempts[0]

    def open_intents(self, lane: str | None = None) -> Sequence[str]:
        rows = self._database.rows(
            f"select id from attempts where {IS_INTENT} and lane = coalesce(?, lane) order by"
            " rowid",
            lane,
            kinds=[TEXT],
        )
        return [row[0] for row in rows]

    def unsettled(self) -> Sequence[str]:
        sql = f"select id from attempts where {IS_OPEN} and state <> 'SUBMITTED' order by rowid"
        return [row[0] for row in self._database.rows(sql, kinds=[TEXT])]

    def intent(self, attempt_id: str) -> Intent:
        sql = (
            "select server_time, created_at, prompt, job, named_id, sender, vouched from attempts"
            " where id = ?"
        )
        rows = self._database.rows(
            sql,
            attempt_id,
            kinds=(allow_null(MOMENT), MOMENT, allow_null(TEXT), TEXT, TEXT, TEXT, FLAG),
        )
        if not rows:
            raise NoAttempt(f"there is no attempt {attempt_id}.")
        (row,) = rows
        server_time, created_at, prompt, job, named_id, sender, vouched = row
        return Intent(
            server_time,
            created_at,
            prompt,
            read_value(read_job, job),
            named_id,
            sender,
            bool(vouched),
        )

    def knows_task(self, task_id: str) -> bool:
        return bool(
            self._database.rows("select 1 from tasks where task_id = ?", task_id, kinds=[FLAG])
        )

    def owner(self, task_id: str) -> str | None:
        sql = "select attempt_id from tasks where task_id = ? and attempt_id <> ''"
        rows = self._database.rows(sql, task_id, kinds=[TEXT])
        return rows[0][0] if rows else None

    def find_endings(self, lane: str, *, most: int) -> Sequence[Ending]:
        rows = self._database.rows(
            "select a.job, t.answer from attempts a join tasks t using (task_id) where a.lane = ?"
            " and t.status in ('SUCCEEDED', 'FAILED') order by a.rowid desc limit ?",
            lane,
            most,
            kinds=(TEXT, TEXT),
        )
        return [
            Ending(read_value(read_job, job), read_value(read_mapping, answer))
            for job, answer in rows
        ]

    def find_jobs(self, edits: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        rows = self._database.rows(
            "with asked as (select value from json_each(?)), whose as (select cast(? as text) as"
            " project) select edit, job from (select edit, job, row_number() over (partition by"
            " edit order by at desc, is_held desc, number desc) as place from (select edit, job,"
            " created_at as at, 0 as is_held, rowid as number from attempts where edit in (select"
            " value from asked) and project = (select project from whose) union all select h.edit,"
            " a.job, h.at, 1, h.rowid from holdings h join attempts a on a.id = (select id from"
            " attempts where key = h.key order by rowid limit 1) where h.edit in (select value from"
            " asked) and h.project = (select project from whose)) as told) as placed"
            " where place = 1",
            _listed(edits),
            self._project,
            kinds=(TEXT, TEXT),
        )
        return {edit: read_value(StoredJob, job) for edit, job in rows}

    def find_requests(self, keys: Collection[str]) -> Sequence[Request]:
        return self._requests("key in (select value from json_each(?)) and", _listed(keys))

    def read_all_requests(self) -> Sequence[Request]:
        return self._requests("")

    def _requests(self, condition: str, *values: Any) -> Sequence[Request]:
        """(key, edit, job) in the order in which they were written; the job only where it has a
        link with parameters.
        """
        rows = self._database.rows(
            "select key, edit, case when instr(job, '?') > 0 then job end from attempts where "
            f"{condition}"
            " (instr(job, '?') > 0 or substr(job, length(job) - 6) = '\"v\": 1}') order by rowid",
            *values,
            kinds=(TEXT, TEXT, allow_null(TEXT)),
        )
        return [
            (key, edit, None if job is None else read_value(read_job, job))
            for key, edit, job in rows
        ]

    def integrity(self) -> Sequence[str]:
        return self._database.integrity()


def _listed(texts: Collection[str]) -> str:
    """Texts as one value of a query."""
    return json.dumps(sorted(texts))


def _attempt(row: Sequence[Any], now: float) -> Attempt:
    return Attempt(
        id=row[0],
        key=row[1],
        lane=row[2],
        edit=row[3],
        state=read_value(State, row[4]),
        endpoint=row[5],
        created_at=row[6],
        task_id=row[7],
        task_status=row[8],
        submitted_at=row[9],
        ended_at=row[10],
        code=row[11],
        message=row[12],
        request_id=row[13],
        billable_s=row[14],
        adopted=bool(row[15]),
        collectable=row[7] is not None and now < find_forgotten_at(row[6], row[9]),
    )

"""Attempts and tasks.

Two partial unique indexes hold what the program must never get wrong: one open or successful
attempt for a key, one open intent for a lane. Task rows are never deleted and a known task_id is
never overwritten.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import LedgerError
from reconciler.state.booked import Booking
from reconciler.state.ledger.baselines import Baselines
from reconciler.state.ledger.books import Books, book
from reconciler.state.ledger.database import (
    AMOUNT,
    FLAG,
    MOMENT,
    TEXT,
    AlreadyOpen,
    Database,
    a_job,
    maybe,
    understood,
)
from reconciler.state.ledger.strays import Strays
from reconciler.state.ledger.uploads import Uploads
from reconciler.state.observed import ARROWS, Attempt, History, Request, State, forgotten_at

_COLUMNS = """a.id, a.key, a.lane, a.edit, a.state, a.endpoint, a.created_at, a.task_id, t.status, a.submitted_at,
    a.ended_at, a.code, a.message, a.request_id, a.billable_s, a.adopted"""
_KINDS = (
    TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, MOMENT, maybe(TEXT), maybe(TEXT), maybe(MOMENT),
    maybe(MOMENT), TEXT, TEXT, TEXT, AMOUNT, FLAG,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intent:
    """What was about to be sent. Times in seconds since 1970."""

    server_time: float | None  # the service's own clock, where it was known
    created_at: float  # by this machine's clock
    prompt: str | None
    job: Mapping[str, Any]
    named_id: str = ""  # what an answer that was no acceptance named as the task's id
    sender: str = ""  # a digest of key and workspace; empty where an earlier version sent it
    vouched: bool = True  # of an adopted task: the list told its model, or a person its id


class TaskTaken(LedgerError):
    """The ledger knows this task already, as another request's; it is never linked twice."""


class Ledger:
    """The ledger of one realm. Opened for writing by the holder of the lock, for reading by
    anybody.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.books = Books(database)
        self.baselines = Baselines(database)
        self.strays = Strays(database)
        self.uploads = Uploads(database)

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Open for writing, creating it when there is none. Raises LedgerError."""
        return cls(Database.open(path))

    @classmethod
    def open_readonly(cls, path: Path) -> Ledger | None:
        """Open for reading; None when there is no ledger yet. Raises LedgerError."""
        database = Database.open_readonly(path)
        return None if database is None else cls(database)

    def close(self) -> None:
        self._database.close()

    # -------------------------------------------------------------- attempts

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
    ) -> None:
        """Make durable that a request is about to be sent. Raises AlreadyOpen; may not be repeated.

        `baseline`: the number of the reading of the account's list that was taken before it.
        `sender`: what tells one key and workspace from another. `booking`: for whom, and at which
        price. `loses`: an attempt that SUCCEEDED and is given up for LOST in the same transaction,
        because it is paid again.
        """
        row = (
            attempt.id,
            attempt.key,
            attempt.lane,
            attempt.edit,
            State.INTENT,
            attempt.endpoint,
            attempt.created_at,
            server_time,
            request_sha256,
            prompt,
            json.dumps(job, sort_keys=True),
            attempt.billable_s,
            baseline,
            sender,
        )
        try:
            with self._database.transaction() as connection:
                if loses is not None:
                    self._move(connection, loses, State.LOST)
                connection.execute(
                    "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
                    " server_time, request_sha256, prompt, job, billable_s, baseline, sender) values"
                    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
                if booking is not None:
                    book(connection, attempt.id, booking)
        except sqlite3.IntegrityError as error:
            raise AlreadyOpen(
                f"{attempt.edit} has an attempt that is not over, or its lane is not free."
            ) from error

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

        `server_time`: the service's clock when it accepted. `vouched`: whether somebody or the list
        vouches for an adopted task before its prompt does. `baseline`: the reading beside which a
        second look is to hold the list at `look_at`. Raises TaskTaken.
        """
        with self._database.transaction() as connection:
            state, known = self._state(connection, attempt_id)
            if state is State.SUBMITTED and known == task_id:
                return
            if known not in (None, task_id):
                raise LedgerError(
                    f"attempt {attempt_id} already has the task {known}; it is never overwritten."
                )
            _check_free(connection, task_id, attempt_id, adopted)
            connection.execute(
                "insert into tasks (task_id, attempt_id, first_seen_at, last_seen_at, status)"
                # a stray that is ours after all
                " values (?, ?, ?, ?, 'PENDING') on conflict (task_id) do update set attempt_id ="
                " excluded.attempt_id, stray_of = null, open_question = 0 where attempt_id = ''",
                (task_id, attempt_id, at, at),
            )
            self._move(connection, attempt_id, State.SUBMITTED)
            connection.execute(
                "update attempts set task_id = ?, submitted_at = coalesce(submitted_at, ?),"
                " server_time = coalesce(?, server_time), request_id = ?, adopted = ?, vouched = ?,"
                " look_at = ?, baseline = coalesce(?, baseline) where id = ?",
                (
                    task_id,
                    at,
                    server_time,
                    request_id,
                    int(adopted),
                    int(vouched),
                    look_at,
                    baseline,
                    attempt_id,
                ),
            )

    def named(self, attempt_id: str, task_id: str) -> None:
        """Keep what an answer that was no acceptance named as the id of its task."""
        with self._database.transaction() as connection:
            connection.execute(
                "update attempts set named_id = ? where id = ?", (task_id, attempt_id)
            )

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
        the reading that this is held against. The same again is no change.
        """
        with self._database.transaction() as connection:
            if self._state(connection, attempt_id)[0] is state:
                return
            self._move(connection, attempt_id, state)
            connection.execute(
                "update attempts set ended_at = ?, code = ?, message = ?, request_id = case ? when"
                " '' then request_id else ? end, look_at = coalesce(?, look_at), baseline ="
                " coalesce(?, baseline) where id = ?",
                (at, code, message, request_id, request_id, look_at, baseline, attempt_id),
            )

    def disown(self, attempt_id: str, *, at: float, message: str) -> None:
        """Unlink a task that was adopted wrongly: it stays known, as a stray, and the attempt
        becomes UNDECIDED.
        """
        with self._database.transaction() as connection:
            self._move(connection, attempt_id, State.UNDECIDED)
            connection.execute(
                "update tasks set attempt_id = '', stray_of = ?, open_question = 1 where"
                " attempt_id = ?",
                (attempt_id, attempt_id),
            )
            connection.execute(
                "update attempts set task_id = null, submitted_at = null, adopted = 0, ended_at ="
                " ?, message = ? where id = ?",
                (at, message, attempt_id),
            )

    def looks_due(self, *, now: float, most_s: float = math.inf) -> Sequence[str]:
        """Attempts for which the service's list is to be read once more, oldest first.

        One that is more than `most_s` away is due as well: nobody waits as long, so the clock was
        set back.
        """
        sql = "select id from attempts where look_at <= ? or look_at > ? order by look_at"
        return [row[0] for row in self._database.rows(sql, now, now + most_s, kinds=[TEXT])]

    def looked(self, attempt_id: str) -> None:
        """The second look at an attempt is done."""
        with self._database.transaction() as connection:
            connection.execute("update attempts set look_at = null where id = ?", (attempt_id,))

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
        now, task_id = attempt.created_at, attempt.task_id
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "insert into tasks (task_id, attempt_id, first_seen_at, last_seen_at, status)"
                    " values (?, ?, ?, ?, 'PENDING')",
                    (task_id, attempt.id, now, now),
                )
                connection.execute(
                    "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
                    " server_time, request_sha256, prompt, job, billable_s, task_id, submitted_at,"
                    " adopted) values (?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, 1)",
                    (
                        attempt.id,
                        attempt.key,
                        attempt.lane,
                        attempt.edit,
                        State.SUBMITTED,
                        attempt.endpoint,
                        now,
                        server_time,
                        prompt,
                        json.dumps(job, sort_keys=True),
                        attempt.billable_s,
                        task_id,
                        now,
                    ),
                )
                book(connection, attempt.id, booking)
        except sqlite3.IntegrityError as error:
            raise AlreadyOpen(
                "the job has its result, or a task that may still bring it."
            ) from error

    def task_seen(self, task_id: str, status: str, answer: Mapping[str, Any], *, at: float) -> None:
        """Remember what the service last said of a task. `answer` carries no signed URL."""
        with self._database.transaction() as connection:
            connection.execute(
                "update tasks set status = ?, answer = ?, last_seen_at = ? where task_id = ?",
                (status, json.dumps(answer, sort_keys=True), at, task_id),
            )

    def _state(self, connection: sqlite3.Connection, attempt_id: str) -> tuple[State, str | None]:
        row = connection.execute(
            "select state, task_id from attempts where id = ?", (attempt_id,)
        ).fetchone()
        if row is None:
            raise LedgerError(f"there is no attempt {attempt_id}.")
        return State(row[0]), row[1]

    def _move(self, connection: sqlite3.Connection, attempt_id: str, state: State) -> None:
        now = self._state(connection, attempt_id)[0]
        if state not in ARROWS.get(now, ()):
            raise LedgerError(f"attempt {attempt_id} is {now} and cannot become {state}.")
        connection.execute("update attempts set state = ? where id = ?", (state, attempt_id))

    # -------------------------------------------------------------- questions

    def find_history(self, keys: Collection[str], *, now: float) -> Mapping[str, History]:
        """The attempts of these keys, by key. `now` decides whether the service can still know a
        task.
        """
        return self._history(
            "where a.key in (select value from json_each(?))", _listed(keys), now=now
        )

    def read_whole_history(self, *, now: float) -> Mapping[str, History]:
        """All attempts by key, for those who ask about everything that ever was."""
        return self._history("", now=now)

    def _history(self, condition: str, *values: Any, now: float) -> Mapping[str, History]:
        """Attempts by key, in the order in which they were written: clocks may have been wrong."""
        by_key: dict[str, list[Attempt]] = {}
        for attempt in self._attempts(condition, *values, now=now):
            by_key.setdefault(attempt.key, []).append(attempt)
        return {key: History(tuple(attempts)) for key, attempts in by_key.items()}

    def find_open_attempts(self, *, now: float) -> Sequence[Attempt]:
        """The attempts that are not over, in the order in which they were written."""
        return self._attempts("where a.state in ('INTENT', 'SUBMITTED', 'UNDECIDED')", now=now)

    def find_newest_moment(self) -> float:
        """The newest moment that any attempt tells of, in seconds since 1970; 0 when there is none."""
        ((moment,),) = self._database.rows(
            "select max(max(created_at, coalesce(submitted_at, 0), coalesce(ended_at, 0)))"
            " from attempts",
            kinds=[maybe(MOMENT)],
        )
        return float(moment or 0)

    def count_attempts_at(self, endpoints: Collection[str]) -> int:
        """How many attempts were made at these endpoints."""
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
        """One attempt. Raises LedgerError when there is none."""
        attempts = self._attempts("where a.id = ?", attempt_id, now=now)
        if not attempts:
            raise LedgerError(f"there is no attempt {attempt_id}.")
        return attempts[0]

    def open_intents(self, lane: str | None = None) -> Sequence[str]:
        """Ids of the attempts whose request may or may not have arrived, oldest first; of one lane
        or all.
        """
        rows = self._database.rows(
            "select id from attempts where state = 'INTENT' and (? is null or lane = ?) order by"
            " rowid",
            lane,
            lane,
            kinds=[TEXT],
        )
        return [row[0] for row in rows]

    def unsettled(self) -> Sequence[str]:
        """Ids of the attempts whose request may have made a task that nobody knows, oldest first."""
        sql = "select id from attempts where state in ('INTENT', 'UNDECIDED') order by rowid"
        return [row[0] for row in self._database.rows(sql, kinds=[TEXT])]

    def intent(self, attempt_id: str) -> Intent:
        """What was about to be sent in an attempt."""
        sql = (
            "select server_time, created_at, prompt, job, named_id, sender, vouched from attempts"
            " where id = ?"
        )
        (row,) = self._database.rows(
            sql, attempt_id, kinds=(maybe(MOMENT), MOMENT, maybe(TEXT), TEXT, TEXT, TEXT, FLAG)
        )
        server_time, created_at, prompt, job, named_id, sender, vouched = row
        return Intent(
            server_time, created_at, prompt, understood(a_job, job), named_id, sender, bool(vouched)
        )

    def knows_task(self, task_id: str) -> bool:
        """Whether a task was ever linked to an attempt."""
        return bool(
            self._database.rows("select 1 from tasks where task_id = ?", task_id, kinds=[FLAG])
        )

    def owner(self, task_id: str) -> str | None:
        """The attempt that a task is linked to; None for a stray, and for a task that is not known."""
        sql = "select attempt_id from tasks where task_id = ? and attempt_id <> ''"
        rows = self._database.rows(sql, task_id, kinds=[TEXT])
        return rows[0][0] if rows else None

    def find_jobs(self, edits: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """By edit: the job it stood for last time, when it was sent or when its result was taken
        again. Only edits that had one are in the answer.
        """
        rows = self._database.rows(
            "with asked as (select value from json_each(?))"
            " select edit, job from (select edit, job, row_number() over (partition by edit order by"
            " at desc, is_held desc, number desc) as place from ( select edit, job, created_at as"
            " at, 0 as is_held, rowid as number from attempts where edit in asked union all select"
            " h.edit, a.job, h.at, 1, h.rowid from holdings h join attempts a on a.rowid = (select"
            " min(rowid) from attempts where key = h.key) where h.edit in asked)) where place = 1",
            _listed(edits),
            kinds=(TEXT, TEXT),
        )
        return {edit: understood(a_job, job) for edit, job in rows}

    def find_requests(self, keys: Collection[str]) -> Sequence[Request]:
        """Those of the attempts of `keys` whose key another rule of keys may have made."""
        return self._requests("key in (select value from json_each(?)) and", _listed(keys))

    def read_all_requests(self) -> Sequence[Request]:
        """Every attempt whose key another rule of keys may have made: of version 1, or of a link
        with parameters.
        """
        return self._requests("")

    def _requests(self, condition: str, *values: Any) -> Sequence[Request]:
        """(key, edit, job) in the order in which they were written; the job only where it has a
        link with parameters.
        """
        rows = self._database.rows(
            f"select key, edit, case when instr(job, '?') then job end from attempts where {condition}"
            " (instr(job, '?') or substr(job, -7) = '\"v\": 1}') order by rowid",
            *values,
            kinds=(TEXT, TEXT, maybe(TEXT)),
        )
        return [
            (key, edit, None if job is None else understood(a_job, job)) for key, edit, job in rows
        ]

    def integrity(self) -> Sequence[str]:
        """What SQLite finds wrong with the file; nothing when it is sound."""
        return [
            words
            for (words,) in self._database.rows("pragma integrity_check", kinds=[TEXT])
            if words != "ok"
        ]


def _listed(texts: Collection[str]) -> str:
    """Texts as one value of a query."""
    return json.dumps(sorted(texts))


def _check_free(
    connection: sqlite3.Connection, task_id: str, attempt_id: str, adopted: bool
) -> None:
    """Raises TaskTaken for a task that is another attempt's, and for one that was known before the
    service named it as new. Only adopting takes a stray.
    """
    row = connection.execute(
        "select attempt_id from tasks where task_id = ?", (task_id,)
    ).fetchone()
    if row is not None and row[0] != attempt_id and not (adopted and row[0] == ""):
        raise TaskTaken(f"the task {task_id} belongs to another request.")


def _attempt(row: Sequence[Any], now: float) -> Attempt:
    return Attempt(
        id=row[0],
        key=row[1],
        lane=row[2],
        edit=row[3],
        state=understood(State, row[4]),
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
        collectable=row[7] is not None and now < forgotten_at(row[6], row[9]),
    )

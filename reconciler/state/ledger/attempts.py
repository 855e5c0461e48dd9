"""Attempts, tasks and uploads.

Two partial unique indexes hold what the program must never get wrong: one open or successful
attempt for a key, one open intent for a lane. Task rows are never deleted and a known task_id is
never overwritten.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import LedgerError
from reconciler.state.booked import Booking
from reconciler.state.ledger.books import Books, book, copy_booking
from reconciler.state.ledger.database import (
    AMOUNT,
    FLAG,
    MOMENT,
    TEXT,
    Database,
    a_job,
    maybe,
    understood,
)
from reconciler.state.observed import ARROWS, Attempt, History, State, Stray, forgotten_at

_COLUMNS = """a.id, a.key, a.lane, a.edit, a.state, a.endpoint, a.created_at, a.task_id, t.status, a.submitted_at,
    a.ended_at, a.code, a.message, a.request_id, a.billable_s, a.adopted"""
_KINDS = (
    TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, MOMENT, maybe(TEXT), maybe(TEXT), maybe(MOMENT),
    maybe(MOMENT), TEXT, TEXT, TEXT, AMOUNT, FLAG,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intent:
    """What was about to be sent. Times in seconds since 1970."""

    server_time: float | None  # the service's clock, where it was known
    created_at: float
    prompt: str | None
    job: Mapping[str, Any]


class AlreadyOpen(LedgerError):
    """The key has an attempt that may still succeed, or the lane an intent whose outcome is
    unknown.
    """


class Ledger:
    """The ledger of one realm. Opened for writing by the holder of the lock, for reading by
    anybody.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.books = Books(database)

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
        booking: Booking | None = None,
        loses: str | None = None,
    ) -> None:
        """Make durable that a request is about to be sent. Raises AlreadyOpen; may not be repeated.

        `booking`: for whom, and at which price. `loses`: an attempt that SUCCEEDED and is given up for LOST in the same
        transaction, because it is paid again.
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
        )
        try:
            with self._database.transaction() as connection:
                if loses is not None:
                    self._move(connection, loses, State.LOST)
                connection.execute(
                    "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
                    " server_time, request_sha256, prompt, job, billable_s) values (?, ?, ?, ?, ?,"
                    " ?, ?, ?, ?, ?, ?, ?)",
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
        adopted: bool = False,
        look_at: float | None = None,
    ) -> None:
        """Make the task_id of an attempt durable. Saying the same again is no change."""
        with self._database.transaction() as connection:
            state, known = self._state(connection, attempt_id)
            if state is State.SUBMITTED and known == task_id:
                return
            if known not in (None, task_id):
                raise LedgerError(
                    f"attempt {attempt_id} already has the task {known}; it is never overwritten."
                )
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
                " request_id = ?, adopted = ?, look_at = ? where id = ?",
                (task_id, at, request_id, int(adopted), look_at, attempt_id),
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
    ) -> None:
        """Close an attempt, or mark it UNDECIDED. `look_at`: when to look once more. The same again
        is no change.
        """
        with self._database.transaction() as connection:
            if self._state(connection, attempt_id)[0] is state:
                return
            self._move(connection, attempt_id, state)
            connection.execute(
                "update attempts set ended_at = ?, code = ?, message = ?, request_id = case ? when"
                " '' then request_id else ? end, look_at = coalesce(?, look_at) where id = ?",
                (at, code, message, request_id, request_id, look_at, attempt_id),
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

    def looks_due(self, *, now: float) -> Sequence[str]:
        """Attempts for which the service's list is to be read once more, oldest first."""
        sql = "select id from attempts where look_at <= ? order by look_at"
        return [row[0] for row in self._database.rows(sql, now, kinds=[TEXT])]

    def looked(self, attempt_id: str) -> None:
        """The second look at an attempt is done."""
        with self._database.transaction() as connection:
            connection.execute("update attempts set look_at = null where id = ?", (attempt_id,))

    def stray(
        self, task_id: str, attempt_id: str, status: str, *, at: float, open_question: bool
    ) -> None:
        """Write down a task that nobody waits for, made by the request of an attempt after all.
        Again is no change.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "insert into tasks (task_id, attempt_id, first_seen_at, last_seen_at, status,"
                " stray_of, open_question) values (?, '', ?, ?, ?, ?, ?) on conflict (task_id) do"
                " nothing",
                (task_id, at, at, status, attempt_id, int(open_question)),
            )

    def answer_stray(self, task_id: str) -> None:
        """A person has seen a stray."""
        with self._database.transaction() as connection:
            connection.execute("update tasks set open_question = 0 where task_id = ?", (task_id,))

    def adopt_stray(self, task_id: str, new_id: str, *, at: float) -> None:
        """Make a stray the task of its job after all, as an attempt of its own.

        Raises AlreadyOpen when the job has its result, or a task that may still bring it.
        """
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
                    " server_time, request_sha256, prompt, job, billable_s, task_id, submitted_at,"
                    " adopted) select ?, a.key, a.lane, a.edit, 'SUBMITTED', a.endpoint, ?,"
                    " a.server_time, a.request_sha256, a.prompt, a.job, a.billable_s, t.task_id,"
                    " t.first_seen_at, 1 from tasks t join attempts a on a.id = t.stray_of where"
                    " t.task_id = ?",
                    (new_id, at, task_id),
                )
                copy_booking(connection, new_id, task_id)
                connection.execute(
                    "update tasks set attempt_id = ?, stray_of = null, open_question = 0 where"
                    " task_id = ?",
                    (new_id, task_id),
                )
        except sqlite3.IntegrityError as error:
            raise AlreadyOpen(
                "the job has its result, or a task that may still bring it."
            ) from error

    def take_over(
        self, attempt: Attempt, *, prompt: str | None, job: Mapping[str, Any], booking: Booking
    ) -> None:
        """Link a task that somebody else asked for to a job, as an attempt that was SUBMITTED.
        May not be repeated.

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
                    " request_sha256, prompt, job, billable_s, task_id, submitted_at, adopted)"
                    " values (?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, 1)",
                    (
                        attempt.id,
                        attempt.key,
                        attempt.lane,
                        attempt.edit,
                        State.SUBMITTED,
                        attempt.endpoint,
                        now,
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

    def strays(self) -> Sequence[Stray]:
        """Strays that nobody has answered for, oldest first."""
        rows = self._database.rows(
            "select t.task_id, a.edit, a.key, t.status, t.first_seen_at"
            " from tasks t join attempts a on a.id = t.stray_of"
            " where t.open_question order by t.first_seen_at, t.task_id",
            kinds=(TEXT, TEXT, TEXT, TEXT, MOMENT),
        )
        return [Stray(*row) for row in rows]

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

    def history(self, *, now: float) -> Mapping[str, History]:
        """All attempts by key. `now` decides whether the service can still know a task."""
        by_key: dict[str, list[Attempt]] = {}
        for row in self._database.rows(
            f"select {_COLUMNS} from attempts a left join tasks t using (task_id) order by"
            " a.created_at, a.rowid",
            kinds=_KINDS,
        ):
            attempt = _attempt(row, now)
            by_key.setdefault(attempt.key, []).append(attempt)
        return {key: History(tuple(attempts)) for key, attempts in by_key.items()}

    def attempt(self, attempt_id: str, *, now: float) -> Attempt:
        """One attempt. Raises LedgerError when there is none."""
        rows = self._database.rows(
            f"select {_COLUMNS} from attempts a left join tasks t using (task_id) where a.id = ?",
            attempt_id,
            kinds=_KINDS,
        )
        if not rows:
            raise LedgerError(f"there is no attempt {attempt_id}.")
        return _attempt(rows[0], now)

    def open_intents(self, lane: str | None = None) -> Sequence[str]:
        """Ids of the attempts whose request may or may not have arrived, oldest first; of one lane
        or all.
        """
        rows = self._database.rows(
            "select id from attempts where state = 'INTENT' and (? is null or lane = ?) order by"
            " created_at",
            lane,
            lane,
            kinds=[TEXT],
        )
        return [row[0] for row in rows]

    def intent(self, attempt_id: str) -> Intent:
        """What was about to be sent in an attempt."""
        sql = "select server_time, created_at, prompt, job from attempts where id = ?"
        (row,) = self._database.rows(
            sql, attempt_id, kinds=(maybe(MOMENT), MOMENT, maybe(TEXT), TEXT)
        )
        return Intent(row[0], row[1], row[2], understood(a_job, row[3]))

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

    def jobs_before(self) -> Mapping[str, Mapping[str, Any]]:
        """By edit: the job it stood for last time, when it was sent or when its result was taken
        again.
        """
        rows = self._database.rows(
            "select edit, job from (select edit, job, row_number() over (partition by edit order by"
            " at desc, is_held desc, number desc) as place from ( select edit, job, created_at as"
            " at, 0 as is_held, rowid as number from attempts union all select h.edit, a.job, h.at,"
            " 1, h.rowid from holdings h join attempts a on a.rowid = (select min(rowid) from"
            " attempts where key = h.key))) where place = 1",
            kinds=(TEXT, TEXT),
        )
        return {edit: understood(a_job, job) for edit, job in rows}

    def integrity(self) -> Sequence[str]:
        """What SQLite finds wrong with the file; nothing when it is sound."""
        return [
            words
            for (words,) in self._database.rows("pragma integrity_check", kinds=[TEXT])
            if words != "ok"
        ]

    # -------------------------------------------------------------- uploads

    def upload(
        self, sha256: str, model: str, account: str, endpoint: str, *, now: float, margin_s: float
    ) -> str | None:
        """The oss:// URL of bytes that were uploaded and will live for at least `margin_s`; None
        when there is none.
        """
        rows = self._database.rows(
            "select url from uploads"
            " where sha256 = ? and model = ? and account = ? and endpoint = ? and expires_at > ?",
            sha256, model, account, endpoint, now + margin_s, kinds=[TEXT],
        )  # fmt: skip
        return rows[0][0] if rows else None

    def uploaded(
        self, sha256: str, model: str, account: str, endpoint: str, url: str, *, expires_at: float
    ) -> None:
        """Remember an upload, so that the same bytes are not sent twice."""
        with self._database.transaction() as connection:
            connection.execute(
                "insert or replace into uploads values (?, ?, ?, ?, ?, ?)",
                (sha256, model, account, endpoint, url, expires_at),
            )


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

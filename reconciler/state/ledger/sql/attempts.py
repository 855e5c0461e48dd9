"""Attempts and tasks.

Two partial unique indexes hold what the program must never get wrong: one open or successful
attempt for a key, one open intent for a lane. Task rows are never deleted and a known task_id is
never overwritten.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from reconciler.state.booked import Booking
from reconciler.state.ledger.base import Sighting, SpendingLimit
from reconciler.state.ledger.errors import (
    AlreadyOpen,
    KeyTaken,
    LaneBusy,
    LedgerAway,
    MovedOn,
    NoAttempt,
    TaskTaken,
)
from reconciler.state.ledger.listed import TaskList
from reconciler.state.ledger.parts import Readings
from reconciler.state.ledger.sql.baselines import KEPT, SqlBaselines
from reconciler.state.ledger.sql.books import SqlBooks, book
from reconciler.state.ledger.sql.database import (
    AMOUNT,
    FLAG,
    TEXT,
    Conflict,
    Connection,
    Database,
    repeat_once,
)
from reconciler.state.ledger.sql.moving import move_rows
from reconciler.state.ledger.sql.questions import Questions
from reconciler.state.ledger.sql.strays import LOST, SqlStrays, keep_stray
from reconciler.state.ledger.sql.uploads import SqlUploads
from reconciler.state.observed import ARROWS, TASK_ENDS, Attempt, State


class SqlLedger(Questions):
    """The ledger of one realm, in whatever database it lies.

    What each method promises stands in `Ledger`.
    """

    intended_at: ClassVar = "0"  # the moment of an intent by the database's clock, in SQL
    is_shared = False
    task_list: TaskList | None = None
    readings: Readings | None = None
    send_within_s = math.inf
    kept_readings = KEPT

    def __init__(self, database: Database, project: str = "", holder: str = "") -> None:
        """`project`: whose lines are asked for and written, and `holder` who holds the intents,
        where several share the ledger.
        """
        super().__init__(database, project)
        self._holder = holder
        self.books = SqlBooks(database, project)
        self.baselines = SqlBaselines(database, self.kept_readings)
        self.strays = SqlStrays(database, project)
        self.uploads = SqlUploads(database)

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
        most_running: int | None = None,
        limit: SpendingLimit | None = None,
    ) -> None:
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
            self._project,
            self._holder,
        )
        try:
            with self._database.transaction() as connection:
                self._admit(connection, attempt, most_running)
                if loses is not None:
                    self._move(connection, loses, State.LOST)
                begun = connection.execute(
                    "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
                    " server_time, request_sha256, prompt, job, billable_s, baseline, sender,"
                    " project, holder, intended_at) values"
                    f" (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {self.intended_at})"
                    " returning intended_at",
                    row,
                ).fetchone()
                assert begun is not None
                if booking is not None:
                    book(connection, attempt.id, booking)
                if limit is not None:
                    self._check_limit(limit, begun[0] or limit.now)
        except Conflict as error:
            raise self._tell_what_is_open(attempt) from error
        except LedgerAway:
            if not self._is_known(attempt.id):
                raise  # the index refuses what is sent instead, should it be durable after all

    def _check_limit(self, limit: SpendingLimit, now: float) -> None:
        """Hold a limit against what was there before this intent. Raises what it raises."""
        limit.check(self.books.entries_begun(since=now - now % limit.period_s), now)

    def _is_known(self, attempt_id: str) -> bool:
        sql = "select 1 from attempts where id = ?"
        return bool(self._database.rows(sql, attempt_id, kinds=[FLAG]))

    def _tell_what_is_open(self, attempt: Attempt) -> AlreadyOpen:
        """Why an intent was refused; both may be so, and then the key is what counts."""
        (is_key,) = self._database.rows(
            "select count(*) from attempts where key = ? and state in ('INTENT', 'SUBMITTED',"
            " 'UNDECIDED', 'SUCCEEDED')",
            attempt.key,
            kinds=[AMOUNT],
        )
        if is_key[0]:
            return KeyTaken(f"{attempt.edit} has an attempt that is not over.")
        return LaneBusy(f"the lane of {attempt.edit} is not free.")

    @repeat_once
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
        with self._database.transaction() as connection:
            state, known = self._state(connection, attempt_id)
            if state is State.SUBMITTED and known == task_id:
                return
            moved_on = _find_move(attempt_id, state, known, task_id)
            if moved_on is None:
                _check_free(connection, task_id, attempt_id, adopted)
                self._link(connection, attempt_id, task_id, at)
                connection.execute(
                    "update attempts set task_id = ?, submitted_at = coalesce(submitted_at, ?),"
                    " server_time = coalesce(?, server_time), request_id = ?, adopted = ?,"
                    " vouched = ?, look_at = ?, baseline = coalesce(?, baseline) where id = ?",
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
            elif not adopted and known != task_id:
                keep_stray(connection, task_id, attempt_id, "PENDING", at=at, open_question=True)
                connection.execute(  # what a list let somebody guess is known now
                    "update tasks set stray_of = ?, open_question = 1 where task_id = ? and"
                    " attempt_id = '' and stray_of <> ?",
                    (attempt_id, task_id, attempt_id),
                )
        if moved_on is not None:
            raise moved_on

    def _link(self, connection: Connection, attempt_id: str, task_id: str, at: float) -> None:
        """Give an attempt its task; a stray may be ours after all."""
        connection.execute(
            "insert into tasks (task_id, attempt_id, first_seen_at, last_seen_at, status)"
            " values (?, ?, ?, ?, 'PENDING') on conflict (task_id) do update set attempt_id ="
            " excluded.attempt_id, stray_of = null, open_question = 0 where tasks.attempt_id ="
            " ''",
            (task_id, attempt_id, at, at),
        )
        self._move(connection, attempt_id, State.SUBMITTED)

    @repeat_once
    def named(self, attempt_id: str, task_id: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "update attempts set named_id = ? where id = ?", (task_id, attempt_id)
            )

    @repeat_once
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
        with self._database.transaction() as connection:
            now, task_id = self._state(connection, attempt_id)
            if now is state:
                return
            if state is State.SUCCEEDED and now is State.UNDECIDED and task_id is not None:
                self._move(connection, attempt_id, State.SUBMITTED)
            self._move(connection, attempt_id, state)
            connection.execute(
                "update attempts set ended_at = ?, code = ?, message = ?, request_id = case ? when"
                " '' then request_id else ? end, look_at = coalesce(?, look_at), baseline ="
                " coalesce(?, baseline) where id = ?",
                (at, code, message, request_id, request_id, look_at, baseline, attempt_id),
            )

    @repeat_once
    def disown(self, attempt_id: str, *, at: float, message: str) -> None:
        with self._database.transaction() as connection:
            if self._state(connection, attempt_id) == (State.UNDECIDED, None):
                return
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
        sql = "select id from attempts where look_at <= ? or look_at > ? order by look_at"
        return [row[0] for row in self._database.rows(sql, now, now + most_s, kinds=[TEXT])]

    @repeat_once
    def looked(self, attempt_id: str) -> None:
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
        now, task_id = attempt.created_at, attempt.task_id
        try:
            with self._database.transaction() as connection:
                connection.execute(  # that no request of ours is known to have made
                    "delete from tasks where task_id = ? and attempt_id = '' and stray_of in"
                    " (select id from attempts where message = ?)",
                    (task_id, LOST),
                )
                connection.execute(
                    "insert into tasks (task_id, attempt_id, first_seen_at, last_seen_at, status)"
                    " values (?, ?, ?, ?, 'PENDING')",
                    (task_id, attempt.id, now, now),
                )
                connection.execute(
                    "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
                    " server_time, request_sha256, prompt, job, billable_s, task_id, submitted_at,"
                    " adopted, project, intended_at) values (?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?,"
                    f" ?, ?, 1, ?, {self.intended_at})",
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
                        self._project,
                    ),
                )
                book(connection, attempt.id, booking)
        except Conflict as error:
            raise AlreadyOpen(
                "the job has its result, or a task that may still bring it."
            ) from error

    @repeat_once
    def tasks_seen(self, sightings: Sequence[Sighting]) -> None:
        rows = [
            (
                each.status,
                json.dumps(each.answer, sort_keys=True),
                each.at,
                each.task_id,
                int(each.status in TASK_ENDS),
            )
            for each in sightings
        ]
        with self._database.transaction() as connection:
            connection.executemany(
                "update tasks set status = ?, answer = ?, last_seen_at = ? where task_id = ?"
                f" and (? = 1 or status not in {TASK_ENDS})",
                rows,
            )

    def left_intents(self) -> Sequence[str]:
        return self.open_intents()

    def move_into(self, target: SqlLedger) -> int:
        """Write all that it has into another ledger, and close this one for good. How many attempts
        that were. Raises LedgerError, Locked; then nothing has changed here.
        """
        moved = move_rows(
            self._database, target._database, before=self._project, after=target._project
        )
        self._database.retire()
        return moved

    def find_followed(self) -> frozenset[str]:
        return frozenset()

    def take_duty(self, _name: str, /) -> bool:
        return True

    def take_turn(self, _lane: str, _per_s: float, _turns: int = 1, /) -> float:
        return 0.0

    def tell_time(self, now: float, /) -> float:
        return now

    def count_sharers(self) -> int:
        return 1

    def has_failed_over(self) -> bool:
        return False

    def accept_server(self) -> None:
        """A file is where it was."""

    def _admit(self, connection: Connection, attempt: Attempt, most_running: int | None) -> None:
        """What several that share a ledger must keep together, in the transaction of an intent.
        Raises LaneFull.
        """

    def _state(self, connection: Connection, attempt_id: str) -> tuple[State, str | None]:
        row = connection.execute(
            "select state, task_id from attempts where id = ?", (attempt_id,)
        ).fetchone()
        if row is None:
            raise NoAttempt(f"there is no attempt {attempt_id}.")
        return State(row[0]), row[1]

    def _move(self, connection: Connection, attempt_id: str, state: State) -> None:
        now = self._state(connection, attempt_id)[0]
        if state not in ARROWS.get(now, ()):
            raise MovedOn(f"attempt {attempt_id} is {now} and cannot become {state}.")
        connection.execute("update attempts set state = ? where id = ?", (state, attempt_id))


def _find_move(attempt_id: str, state: State, known: str | None, task_id: str) -> MovedOn | None:
    """Why a task cannot be an attempt's any more, with the task that it has; None where it can."""
    if known not in (None, task_id):
        return MovedOn(
            f"attempt {attempt_id} already has the task {known}; it is never overwritten."
        )
    if State.SUBMITTED not in ARROWS.get(state, ()):
        return MovedOn(f"attempt {attempt_id} is {state} and takes no task any more.")
    return None


def _check_free(connection: Connection, task_id: str, attempt_id: str, adopted: bool) -> None:
    """Raises TaskTaken for a task that is another attempt's, and for one that was known before the
    service named it as new. Only adopting takes a stray.
    """
    row = connection.execute(
        "select attempt_id from tasks where task_id = ?", (task_id,)
    ).fetchone()
    if row is not None and row[0] != attempt_id and not (adopted and row[0] == ""):
        raise TaskTaken(f"the task {task_id} belongs to another request.")

"""Strays: tasks that requests of ours made after they were given up. They are paid, and nobody
waits for them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from reconciler.formats.digest import hash_bytes
from reconciler.state.ledger.errors import AlreadyOpen
from reconciler.state.ledger.sql.books import copy_booking
from reconciler.state.ledger.sql.database import (
    AMOUNT,
    MOMENT,
    TEXT,
    Conflict,
    Connection,
    Database,
)
from reconciler.state.observed import Stray

UNKNOWN_EDIT = "unknown"  # of a task whose request the ledger has lost
LOST = "the ledger lost what was sent"


class SqlStrays:
    """The strays of one ledger.

    What each method promises stands in `Strays`.
    """

    def __init__(self, database: Database, project: str = "") -> None:
        self._database = database
        self._project = project

    def note(
        self, task_id: str, attempt_id: str, status: str, *, at: float, open_question: bool
    ) -> None:
        with self._database.transaction() as connection:
            keep_stray(connection, task_id, attempt_id, status, at=at, open_question=open_question)

    def note_unknown(
        self, task_id: str, new_id: str, lane: str, status: str, *, endpoint: str, at: float
    ) -> None:
        with self._database.transaction() as connection:
            known = connection.execute("select 1 from tasks where task_id = ?", (task_id,))
            if known.fetchone() is not None:
                return
            job = json.dumps({"model": lane.rpartition(" ")[2], "take": 1})
            connection.execute(
                "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
                " request_sha256, job, billable_s, ended_at, message, project) values (?, ?, ?,"
                " ?, 'NOT_SENT', ?, ?, '', ?, 0, ?, ?, ?)",
                (new_id, hash_bytes(task_id.encode()), lane, UNKNOWN_EDIT, endpoint, at, job, at,
                 LOST, self._project),
            )  # fmt: skip
            keep_stray(connection, task_id, new_id, status, at=at, open_question=True)

    def is_unknown(self, task_id: str) -> bool:
        sql = (
            "select count(*) from tasks t join attempts a on a.id = t.stray_of where t.task_id = ?"
            " and t.attempt_id = '' and a.message = ?"
        )
        ((number,),) = self._database.rows(sql, task_id, LOST, kinds=[AMOUNT])
        return bool(number)

    def answer(self, task_id: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("update tasks set open_question = 0 where task_id = ?", (task_id,))

    def adopt(self, task_id: str, new_id: str, *, at: float) -> None:
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
                    " server_time, request_sha256, prompt, job, billable_s, task_id, submitted_at,"
                    " adopted, project, intended_at) select ?, a.key, a.lane, a.edit, 'SUBMITTED',"
                    " a.endpoint, ?, a.server_time, a.request_sha256, a.prompt, a.job,"
                    " a.billable_s, t.task_id, t.first_seen_at, 1, a.project, a.intended_at from"
                    " tasks t join attempts a on a.id = t.stray_of where t.task_id = ?",
                    (new_id, at, task_id),
                )
                copy_booking(connection, new_id, task_id)
                connection.execute(
                    "update tasks set attempt_id = ?, stray_of = null, open_question = 0 where"
                    " task_id = ?",
                    (new_id, task_id),
                )
        except Conflict as error:
            raise AlreadyOpen(
                "the job has its result, or a task that may still bring it."
            ) from error

    def unanswered(self) -> Sequence[Stray]:
        rows = self._database.rows(
            "select t.task_id, a.edit, a.key, t.status, t.first_seen_at"
            " from tasks t join attempts a on a.id = t.stray_of"
            " where t.open_question and a.project = ? order by t.first_seen_at, t.task_id",
            self._project,
            kinds=(TEXT, TEXT, TEXT, TEXT, MOMENT),
        )
        return [Stray(*row) for row in rows]


def keep_stray(
    connection: Connection,
    task_id: str,
    attempt_id: str,
    status: str,
    *,
    at: float,
    open_question: bool,
) -> None:
    """Write down a stray of an attempt in a transaction that is open; what is known stays as it
    is.
    """
    connection.execute(
        "insert into tasks (task_id, attempt_id, first_seen_at, last_seen_at, status,"
        " stray_of, open_question) values (?, '', ?, ?, ?, ?, ?) on conflict (task_id) do"
        " nothing",
        (task_id, at, at, status, attempt_id, int(open_question)),
    )

"""Strays: tasks that requests of ours made after they were given up. They are paid, and nobody
waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.state.ledger.base import AlreadyOpen
from reconciler.state.ledger.sql.books import copy_booking
from reconciler.state.ledger.sql.database import MOMENT, TEXT, Conflict, Connection, Database
from reconciler.state.observed import Stray


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

    def answer(self, task_id: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("update tasks set open_question = 0 where task_id = ?", (task_id,))

    def adopt(self, task_id: str, new_id: str, *, at: float) -> None:
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
                    " server_time, request_sha256, prompt, job, billable_s, task_id, submitted_at,"
                    " adopted, project) select ?, a.key, a.lane, a.edit, 'SUBMITTED', a.endpoint,"
                    " ?, a.server_time, a.request_sha256, a.prompt, a.job, a.billable_s, t.task_id,"
                    " t.first_seen_at, 1, a.project from tasks t join attempts a on a.id ="
                    " t.stray_of where t.task_id = ?",
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

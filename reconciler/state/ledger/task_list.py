"""The account's list of tasks in flight in a shared ledger: one process reads it for all, by the
clock of the server.

Who reads is told by the table `watches`, in one statement. A reader that stands still is replaced,
and what it still writes carries the moment at which its reading was begun, so that it makes nothing
look newer than it is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from math import inf

from reconciler.state.ledger.holders import NOW, LedgerUser, build_abandoned_sql
from reconciler.state.ledger.listed import READ_WITHIN_S, KnownList, ListReading
from reconciler.state.ledger.sql.database import AMOUNT, FLAG, TEXT, Database, repeat_once
from reconciler.state.ledger.sql.schema import IS_OPEN

LEAST_PAGES = 2  # one for each status
_IS_FREE = build_abandoned_sql("watches", "renewed_at", READ_WITHIN_S)
_BEGIN = f"""insert into watches (endpoint, holder, renewed_at, begun_at, whole_at, pages)
    values (?, ?, {NOW}, {NOW}, 0, {LEAST_PAGES}) on conflict (endpoint) do update set
    holder = excluded.holder, renewed_at = excluded.renewed_at, begun_at = excluded.begun_at
    where watches.holder = excluded.holder or {_IS_FREE} returning begun_at"""
_SHOWN = f"""select task_id, listed_as from tasks where task_id in (select value from json_each(?))
    and listed_at > {NOW} - ? and listed_at >= ?"""


class SharedTaskList:
    """The list as one process of those who share a ledger has it. From any thread."""

    def __init__(self, database: Database, me: LedgerUser) -> None:
        self._database = database
        self._me = me

    def find(self, endpoint: str, task_ids: Collection[str], *, trust_s: float) -> KnownList:
        rows = self._database.rows(
            f"select whole_at, {NOW} - whole_at, pages, case when holder = ? or {_IS_FREE} then 0"
            " else 1 end from watches where endpoint = ?",
            self._me.id,
            endpoint,
            kinds=[AMOUNT, ((float, int), 0), AMOUNT, FLAG],
        )
        whole_at, age_s, pages, is_read = rows[0] if rows else (0.0, inf, LEAST_PAGES, 0)
        shown = self._database.rows(
            _SHOWN, json.dumps(sorted(task_ids)), trust_s, whole_at, kinds=[TEXT, TEXT]
        )
        return KnownList(dict(shown), age_s if whole_at else inf, int(pages), bool(is_read))

    def begin(self, endpoint: str) -> ListReading | None:
        with self._database.transaction() as connection:
            row = connection.execute(_BEGIN, (endpoint, self._me.id)).fetchone()
            if row is None:
                return None
            tasks = connection.execute(
                f"select count(*) from attempts where {IS_OPEN} and state = 'SUBMITTED' and"
                " endpoint = ?",
                (endpoint,),
            ).fetchone()
        return ListReading(float(row[0]), int(tasks[0]) if tasks is not None else 0)

    @repeat_once
    def note(self, endpoint: str, statuses: Mapping[str, str], reading: ListReading) -> bool:
        by_status: dict[str, list[str]] = defaultdict(list)
        for task_id, status in statuses.items():
            by_status[status].append(task_id)
        with self._database.transaction() as connection:
            for status, task_ids in by_status.items():
                connection.execute(
                    "update tasks set listed_as = ?, listed_at = ? where task_id in (select value"
                    " from json_each(?)) and listed_at <= ?",
                    (status, reading.begun_at, json.dumps(task_ids), reading.begun_at),
                )
            row = connection.execute(
                f"update watches set renewed_at = {NOW} where endpoint = ? and holder = ? and"
                " begun_at = ? returning endpoint",
                (endpoint, self._me.id, reading.begun_at),
            ).fetchone()
        return row is not None

    @repeat_once
    def finish(self, endpoint: str, reading: ListReading, *, pages: int) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                f"update watches set whole_at = begun_at, renewed_at = {NOW}, pages = ? where"
                " endpoint = ? and holder = ? and begun_at = ?",
                (max(pages, LEAST_PAGES), endpoint, self._me.id, reading.begun_at),
            )

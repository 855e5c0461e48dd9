"""Readings of the account's list before requests, in a shared ledger: one process reads for all who
ask with the same key, by the clock of the server.
"""

from __future__ import annotations

from reconciler.state.ledger.holders import NOW, LedgerUser, build_abandoned_sql
from reconciler.state.ledger.parts import Baseline, SharedReading
from reconciler.state.ledger.sql.baselines import read_ids
from reconciler.state.ledger.sql.database import (
    AMOUNT,
    MOMENT,
    TEXT,
    Database,
    allow_null,
    read_value,
    repeat_once,
)

READ_WITHIN_S = 60.0  # after it was begun: then another process may read in its place
_IS_FREE = build_abandoned_sql("readings", "begun_at", READ_WITHIN_S)
_BEGIN = f"""insert into readings (reader, holder, begun_at, is_open, whole_at)
    values (?, ?, {NOW}, 1, 0) on conflict (reader) do update set holder = excluded.holder,
    begun_at = excluded.begun_at, is_open = 1 where readings.is_open = 0 or readings.holder =
    excluded.holder or {_IS_FREE} returning begun_at"""


class SharedReadings:
    """The readings as one process of those who share a ledger has them. From any thread."""

    def __init__(self, database: Database, me: LedgerUser) -> None:
        self._database = database
        self._me = me

    def find(self, reader: str, *, most_s: float) -> SharedReading | None:
        rows = self._database.rows(
            f"select b.id, b.task_ids, b.server_time, {NOW} - r.whole_at from readings r join"
            f" baselines b on b.id = r.baseline where r.reader = ? and r.whole_at >= {NOW} - ?",
            reader,
            most_s,
            kinds=[AMOUNT, TEXT, allow_null(MOMENT), ((float, int), 0)],
        )
        if not rows:
            return None
        number, task_ids, server_time, age_s = rows[0]
        baseline = Baseline(read_value(read_ids, task_ids), server_time, is_whole=True)
        return SharedReading(int(number), baseline, age_s)

    def begin(self, reader: str) -> float | None:
        with self._database.transaction() as connection:
            row = connection.execute(_BEGIN, (reader, self._me.id)).fetchone()
        return None if row is None else float(row[0])

    @repeat_once
    def end(self, reader: str, begun_at: float, baseline: int | None) -> None:
        whole = "" if baseline is None else ", whole_at = begun_at, baseline = ?"
        with self._database.transaction() as connection:
            connection.execute(
                f"update readings set is_open = 0{whole} where reader = ? and holder = ? and"
                " begun_at = ?",
                (*(() if baseline is None else (baseline,)), reader, self._me.id, begun_at),
            )

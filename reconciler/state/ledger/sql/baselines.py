"""Readings of the account's list: which tasks were there, and not ours, before a request was sent.

What a request made is not among them, whatever any clock says. A reading is written once, in the
run that took it, and may go when nothing open refers to it any more.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from reconciler.formats.records import parse_json
from reconciler.state.ledger.parts import Baseline
from reconciler.state.ledger.sql.database import (
    FLAG,
    MOMENT,
    TEXT,
    Database,
    allow_null,
    read_value,
)

KEPT = 8  # the newest readings stay, referred to or not: a request may be about to name one
_UNUSED = """delete from baselines where id <= ? and id not in (select baseline from attempts
    where baseline is not null and (state in ('INTENT', 'UNDECIDED') or look_at is not null))"""


class SqlBaselines:
    """The readings of one ledger.

    What each method promises stands in `Baselines`.
    """

    def __init__(self, database: Database, kept: int = KEPT) -> None:
        self._database = database
        self._kept = kept

    def keep(
        self, task_ids: Collection[str], *, at: float, server_time: float | None, is_whole: bool
    ) -> int:
        with self._database.transaction() as connection:
            row = connection.execute(
                "insert into baselines (read_at, server_time, is_whole, task_ids)"
                " values (?, ?, ?, ?) returning id",
                (at, server_time, int(is_whole), json.dumps(sorted(task_ids))),
            ).fetchone()
            assert row is not None
            number = int(row[0])
            connection.execute(_UNUSED, (number - self._kept,))
        return number

    def of(self, attempt_id: str) -> Baseline | None:
        rows = self._database.rows(
            "select b.task_ids, b.server_time, b.is_whole from baselines b"
            " join attempts a on a.baseline = b.id where a.id = ?",
            attempt_id,
            kinds=(TEXT, allow_null(MOMENT), FLAG),
        )
        if not rows:
            return None
        task_ids, server_time, is_whole = rows[0]
        return Baseline(read_value(read_ids, task_ids), server_time, bool(is_whole))

    def strangers(self, task_ids: Collection[str]) -> frozenset[str]:
        rows = self._database.rows(
            "select value from json_each(?) where value not in (select task_id from tasks)",
            json.dumps(sorted(task_ids)),
            kinds=[TEXT],
        )
        return frozenset(row[0] for row in rows)

    def doubtful(self, task_ids: Collection[str]) -> frozenset[str]:
        rows = self._database.rows(
            "select value from json_each(?) where value not in (select task_id from attempts"
            " where task_id is not null and (adopted = 0 or state in ('SUCCEEDED', 'LOST')))",
            json.dumps(sorted(task_ids)),
            kinds=[TEXT],
        )
        return frozenset(row[0] for row in rows)


def read_ids(text: str) -> frozenset[str]:
    """The tasks of a reading. Raises ValueError for what is no list of task ids."""
    ids = parse_json(text)
    if not isinstance(ids, list) or not all(isinstance(task_id, str) for task_id in ids):
        raise ValueError("no ids")
    return frozenset(ids)

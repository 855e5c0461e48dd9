"""What every plan asks of a ledger, however much was ever sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.state.ledger import SqliteLedger

QUESTIONS: dict[str, Callable[[SqliteLedger], object]] = {
    "find_newest_moment": lambda ledger: ledger.find_newest_moment(),
    "find_open_attempts": lambda ledger: ledger.find_open_attempts(now=0.0),
    "unanswered": lambda ledger: ledger.strays.unanswered(),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_table_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """SQLite answers by an index; without one it would look at every attempt or task."""
    asked: list[str] = []
    real = sqlite3.connect

    def connect(*args: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*args, **options)  # type: ignore[call-overload]
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    with closing(SqliteLedger.open(tmp_path / "ledger.db")) as ledger:
        asked.clear()
        QUESTIONS[question](ledger)
    (sql,) = asked
    with closing(real(tmp_path / "ledger.db")) as connection:
        steps = [row[3] for row in connection.execute(f"explain query plan {sql}")]
    assert steps
    assert all(("USING" in step and "INDEX" in step) or "TEMP B-TREE" in step for step in steps)

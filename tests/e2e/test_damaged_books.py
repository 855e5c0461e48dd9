"""A ledger that somebody, or a disk, has changed: every command says so in one error, or does not
need what is bad.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import LedgerError
from reconciler.history.log import log_to_json
from reconciler.history.spending import GROUPS
from reconciler.report.cost import write_cost
from reconciler.report.log import write_log
from tests.e2e.bench import Bench

BAD: dict[str, Any] = {
    "words": "words",
    "no UTF-8": "cast(x'ff' as text)",
    "bytes": b"\xff",
    "nothing": None,
    "no number": "9e999 - 9e999",
    "endless": "9e999",
    "below zero": -1.0,
    "the year 10000": 253_402_300_800.0,
    "far away": 2.0**62,
    "a list": "[]",
    "half": '{"usage": ',
    "deep": "[" * 100_000,
    "numbers": '{"usage": {"duration": 1e999}, "a": 1, "model": 3}',
    "huge": '{"usage": {"duration": 1' + "0" * 400 + "}}",
    "surrogate": '{"a": "\\ud800\\u001b[2J"}',
    "no job": '{"model": "wan2.7-videoedit", "take": 1, "input": "x"}',
}
SQL = ("no UTF-8", "no number", "endless")  # values that are written as expressions
REFUSED = {  # what no reader may count with
    "attempts.created_at": (
        "words",
        "bytes",
        "nothing",
        "no number",
        "below zero",
        "the year 10000",
    ),
    "attempts.billable_s": ("words", "bytes", "nothing", "no number", "endless", "below zero"),
    "attempts.job": (
        "words",
        "no UTF-8",
        "bytes",
        "nothing",
        "a list",
        "half",
        "deep",
        "numbers",
        "no job",
    ),
    "attempts.state": ("words", "no UTF-8", "bytes", "nothing"),
    "tasks.answer": ("words", "no UTF-8", "bytes", "a list", "half", "deep"),
    "bookings.price_per_s": ("words", "bytes", "endless", "below zero"),
    "bookings.labels": ("words", "no UTF-8", "bytes", "a list", "half", "deep"),
    "bookings.approved_by": ("no UTF-8", "bytes"),
    "holdings.at": ("words", "bytes", "nothing", "no number", "below zero", "the year 10000"),
    "holdings.billable_s": ("words", "bytes", "nothing", "no number", "endless", "below zero"),
    "holdings.labels": ("words", "no UTF-8", "bytes", "nothing", "a list", "half", "deep"),
}


def commands(bench: Bench) -> dict[str, Callable[[], Any]]:
    """What reads the books: `cost`, `log`, `plan`, each with all it can print."""

    def cost() -> None:
        account = bench.project().cost()
        json.dumps(account.to_json(), allow_nan=False)
        for by in GROUPS:
            write_cost(account, by).encode()

    def log() -> None:
        records = bench.project().log()
        json.dumps(log_to_json(records), allow_nan=False)
        write_log(records, full=True).encode()

    def plan() -> None:
        json.dumps(bench.project().plan().to_json(), allow_nan=False)

    return {"cost": cost, "log": log, "plan": plan}


def refused_by(bench: Bench) -> set[str]:
    """The commands that end with LedgerError. Any other error is one of the test's."""
    refused = set()
    for name, command in commands(bench).items():
        try:
            command()
        except LedgerError as error:
            assert "Do not delete it" in error.hint
            refused.add(name)
    return refused


class Loose:
    """The ledger of a project, in a file that takes any value anywhere."""

    TABLES = ("attempts", "tasks", "bookings", "holdings")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sound = path.with_suffix(".sound")
        with self._connected() as connection:
            for table in self.TABLES:
                # without any constraint
                connection.execute(f"create table loose as select * from {table}")
                connection.execute(f"drop table {table}")
                connection.execute(f"alter table loose rename to {table}")
            rows = {
                table: connection.execute(f"pragma table_info({table})").fetchall()
                for table in self.TABLES
            }
        self.columns = [(table, name) for table, columns in rows.items() for _, name, *_ in columns]
        shutil.copy(path, self._sound)

    def damage(self, table: str, column: str, kind: str) -> None:
        """One bad value in all rows of a table of a ledger that was sound."""
        shutil.copy(self._sound, self.path)
        value = BAD[kind] if kind in SQL else "?"
        with self._connected() as connection:
            connection.execute(
                f"update {table} set {column} = {value}", () if kind in SQL else (BAD[kind],)
            )

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("pragma foreign_keys = off")
            yield connection
            connection.commit()
            connection.execute("pragma wal_checkpoint(truncate)")


@pytest.fixture
async def loose(bench: Bench) -> Loose:
    """A ledger with something in every table: two edits of one job, and a stray."""
    bench.edit("rain")
    bench.edit("twin")
    await bench.apply()
    path = bench.project().config.state_dir / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "insert into tasks (task_id, attempt_id, first_seen_at, last_seen_at, status, stray_of,"
            " open_question) select 'late', '', first_seen_at, last_seen_at, 'RUNNING', attempt_id,"
            " 1 from tasks"
        )
    connection.close()
    return Loose(path)


async def test_whatever_stands_in_a_column(bench: Bench, loose: Loose) -> None:
    """No command ends but well or with the one error; what would be counted with is refused by what
    counts. A column that nobody counts with meets every sixth kind, its neighbours the others.
    """
    for number, ((table, column), kind) in enumerate(itertools.product(loose.columns, BAD)):
        if kind not in REFUSED.get(f"{table}.{column}", ()) and number % 6:
            continue
        loose.damage(table, column, kind)
        refused = refused_by(bench)
        if kind in REFUSED.get(f"{table}.{column}", ()):
            assert "cost" in refused, (table, column, kind)


@pytest.mark.parametrize(("place", "kind"), [(place, kinds[0]) for place, kinds in REFUSED.items()])
async def test_apply_sends_nothing_that_it_cannot_book(
    bench: Bench, loose: Loose, place: str, kind: str
) -> None:
    """It is refused before the first request, and the ledger is left as it is."""
    bench.edit("snow", "make it snow")
    loose.damage(*place.split("."), kind)
    before, requests = loose.path.read_bytes(), list(bench.network.requests)
    with pytest.raises(LedgerError) as told:
        await bench.apply()
    assert "Do not delete it" in told.value.hint
    assert bench.network.requests == requests
    assert loose.path.read_bytes() == before

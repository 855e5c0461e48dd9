"""What is asked of a shared ledger for each request costs the same however much was ever sent: no
question that an apply repeats is answered by looking at all attempts, or all tasks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from reconciler.state.ledger import Sighting
from reconciler.state.ledger.holders import LedgerUser
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.ledger.postgres_database import PostgresDatabase
from reconciler.state.ledger.sql.database import Connection, Cursor, Database, Kind
from reconciler.state.ledger.sql.translation import translate
from reconciler.state.observed import State
from tests.postgres import make_address
from tests.simulation.crowd.ledgers import FileDatabase, TroubledDatabase, open_shared
from tests.simulation.flotilla import Calm
from tests.simulation.loop import VirtualLoop
from tests.state.ledgers import NOW, intend

ME = LedgerUser("me", "apply", "here")
LOOKS_AT_ALL = re.compile(r"SCAN (?:attempts|tasks|a|t)$|Seq Scan on (?:attempts|tasks)\b")
Asked = list[tuple[str, Sequence[Any]]]


class _Listener:
    """A database that hears what is asked of it."""

    knows_server = False

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.asked: Asked = []

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._inner.transaction() as connection:
            yield _Statements(connection, self.asked)

    def rows(self, sql: str, *values: Any, kinds: Sequence[Kind]) -> list[tuple[Any, ...]]:
        self.asked.append((sql, values))
        return self._inner.rows(sql, *values, kinds=kinds)

    def close(self) -> None:
        self._inner.close()


class _Statements:
    def __init__(self, connection: Connection, asked: Asked) -> None:
        self._connection, self._asked = connection, asked

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        self._asked.append((sql, values))
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> None:
        self._asked.append((sql, rows[0]))
        self._connection.executemany(sql, rows)


def live_through_an_attempt(ledger: PostgresLedger) -> None:
    """What an apply asks and writes for one job, and while it waits for others."""
    ledger.find_history({"k"}, now=NOW)
    ledger.open_intents("l")
    ledger.open_intents()
    ledger.left_intents()
    ledger.unsettled()
    ledger.take_turn("l", 5.0)
    intend(ledger, most_running=5)
    ledger.submitted("a", "task", at=NOW)
    ledger.attempt("a", now=NOW)
    ledger.find_open_attempts(now=NOW)
    ledger.find_followed()
    ledger.list_open_projects()
    reading = ledger.task_list.begin("mock")
    assert reading is not None
    assert reading.tasks == 1
    ledger.task_list.note("mock", {"task": "RUNNING"}, reading)
    ledger.task_list.finish("mock", reading, pages=2)
    ledger.task_list.find("mock", {"task"}, trust_s=60.0)
    ledger.tasks_seen([Sighting("task", "SUCCEEDED", {}, NOW)])
    ledger.end("a", State.SUCCEEDED, at=NOW)
    ledger.find_jobs({"film"})
    ledger.find_requests({"k"})


def find_whole_looks(asked: Asked, explain: Callable[[str, Sequence[Any]], list[str]]) -> list[str]:
    """What of that is answered by looking at all that ever was."""
    assert len(asked) > 20
    return [
        sql
        for sql, values in asked
        if any(LOOKS_AT_ALL.search(step.strip()) for step in explain(sql, values))
    ]


def test_in_sqlite(tmp_path: Path) -> None:
    """SQLite has no statistics here: each question names the index that answers it."""
    loop, database = VirtualLoop(), FileDatabase(tmp_path)
    inner, close = database.connect(readonly=False)
    troubled = TroubledDatabase(inner, Calm(), close, lambda: "first")
    listener = _Listener(troubled)

    def explain(sql: str, values: Sequence[Any]) -> list[str]:
        connection = database._database._connection
        said = connection.execute(f"explain query plan {troubled._translate(sql)}", values)
        return [row[3] for row in said]

    async def live() -> None:
        with closing(open_shared(listener, "films", ME, readonly=False)) as ledger:  # type: ignore[arg-type]
            live_through_an_attempt(ledger)

    try:
        loop.run_until_complete(live())
        assert find_whole_looks(listener.asked, explain) == []
    finally:
        loop.close()
        database.close()


def test_in_postgresql() -> None:
    """Every question can be answered by an index, once a table is large enough for that."""
    address = make_address()
    listener = _Listener(PostgresDatabase.open(address))
    with closing(PostgresLedger(listener, "films", ME)) as ledger:  # type: ignore[arg-type]
        ledger._join()
        live_through_an_attempt(ledger)
    with closing(psycopg.connect(address.url, autocommit=True)) as raw:
        raw.execute(f'set search_path to "{address.schema}"')
        raw.execute("set enable_seqscan = off")

        def explain(sql: str, values: Sequence[Any]) -> list[str]:
            said = raw.execute(f"explain {translate(sql)}", [_tell(value) for value in values])
            return [row[0] for row in said.fetchall()]

        assert find_whole_looks(listener.asked, explain) == []


def _tell(value: object) -> object:
    return value.value if isinstance(value, State) else value

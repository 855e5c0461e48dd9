"""One ledger for all machines of a crowd, in a file or in PostgreSQL: the program's own ledger for
several, whose clock is the virtual one, and whose connections fail.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol

from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.holders import NOW, SIGN_EVERY_S, Holders, LedgerUser
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.ledger.postgres_database import SERVER, PostgresDatabase
from reconciler.state.ledger.sql.database import Connection, Cursor, Database, Kind
from reconciler.state.ledger.sqlite import SqliteDatabase
from tests.postgres import make_address, run_sql
from tests.simulation.clocks import EPOCH, elapsed_s

INTENT = "insert into attempts"
VIRTUAL_NOW = "virtual_now"  # a function, so that statements stay the same and are prepared once


class SharedDatabase(Protocol):
    """Where the ledger of a crowd lies."""

    def connect(self, *, readonly: bool) -> tuple[Database, Callable[[], None]]:
        """The tables as a process of its own opens them, and what ends that."""

    def begin_to_forget(self) -> Callable[[], None] | None:
        """What is committed from now on is lost by what this gives, which makes it what it was;
        None where it cannot be made so.
        """

    def close(self) -> None:
        """Nobody asks any more."""


class FileDatabase:
    """In a file that one process writes: lives are coroutines, so that no two ever overlap."""

    def __init__(self, folder: Path) -> None:
        path = folder / "shared.db"
        path.write_bytes(_make_file())
        connections = [
            sqlite3.connect(path, isolation_level=None, cached_statements=512) for _ in range(2)
        ]
        for connection in connections:
            connection.executescript("pragma synchronous = off; pragma foreign_keys = on")
            # virtual time stands still in a statement: it is asked once, and not for each row
            connection.create_function(
                VIRTUAL_NOW, 0, lambda: EPOCH + elapsed_s(), deterministic=True
            )
        self._database = SqliteDatabase(*connections)
        self._before = sqlite3.connect(":memory:")

    def connect(self, *, readonly: bool) -> tuple[Database, Callable[[], None]]:
        return self._database, lambda: None

    def begin_to_forget(self) -> Callable[[], None]:
        self._database._connection.backup(self._before)
        return lambda: self._before.backup(self._database._connection)

    def close(self) -> None:
        self._before.close()
        self._database.close()


@cache
def _make_file() -> bytes:
    """An empty ledger, to be copied."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        SqliteDatabase.open(path).close()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("create table about (server text not null)")
            connection.execute("insert into about values ('first')")
        return path.read_bytes()


class ServerDatabase:
    """In a real PostgreSQL, with connections of its own for each life."""

    def __init__(self, _folder: Path) -> None:
        self._address, empty = _keep_address()
        run_sql(self._address, empty)
        self._opened: list[PostgresDatabase] = []

    def connect(self, *, readonly: bool) -> tuple[Database, Callable[[], None]]:
        open_ = PostgresDatabase.open_readonly if readonly else PostgresDatabase.open
        database = open_(self._address)
        assert database is not None
        self._opened.append(database)
        return database, database.close

    def begin_to_forget(self) -> None:
        return None

    def close(self) -> None:
        for database in self._opened:
            database.close()


@cache
def _keep_address() -> tuple[LedgerAddress, str]:
    """A ledger of this process with its tables, and what empties it."""
    address = make_address("live")
    PostgresDatabase.open(address).close()
    tables = run_sql(address, "select tablename from pg_tables where schemaname = current_schema")
    deletes = [f"delete from {name}" for (name,) in tables if name != "about"]
    named = "update about set server = 'first'"
    return address, ";".join(["set session_replication_role = replica", *deletes, named])


DATABASES: dict[str, Callable[[Path], SharedDatabase]] = {
    "sqlite": FileDatabase,
    "postgres": ServerDatabase,
}


class Trouble(Protocol):
    """What may happen to a life at its ledger."""

    def before(self) -> None:
        """Before a question or a transaction. May raise."""

    def at_commit(self, *, is_intent: bool) -> None:
        """Before a commit. May raise: it does not arrive."""

    def after(self, *, is_intent: bool) -> None:
        """After a commit. May raise: its answer is lost."""


class TroubledDatabase:
    """A database as one life sees it: by the virtual clock, and not always."""

    knows_server = True

    def __init__(
        self,
        inner: Database,
        trouble: Trouble,
        close: Callable[[], None],
        find_server: Callable[[], str],
    ) -> None:
        self._find_server = find_server
        self._inner, self._trouble = inner, trouble
        self.close = close

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        self._trouble.before()
        with self._inner.transaction() as connection:
            statements = _Statements(connection, self._translate)
            yield statements
            self._trouble.at_commit(is_intent=statements.is_intent)
        self._trouble.after(is_intent=statements.is_intent)

    def rows(self, sql: str, *values: Any, kinds: Sequence[Kind]) -> list[tuple[Any, ...]]:
        self._trouble.before()
        return self._inner.rows(self._translate(sql), *values, kinds=kinds)

    def _translate(self, sql: str) -> str:
        sql = sql.replace(SERVER, f"'{self._find_server()}'") if SERVER in sql else sql
        if isinstance(self._inner, SqliteDatabase):
            return _speak_sqlite(sql)
        return sql.replace(NOW, f"cast({EPOCH + elapsed_s()!r} as double precision)")

    def integrity(self) -> Sequence[str]:
        return self._inner.integrity()

    def retire(self) -> None:
        self._inner.retire()


@lru_cache(1024)
def _speak_sqlite(sql: str) -> str:
    """What is asked of a server, as SQLite has it."""
    return sql.replace(NOW, f"{VIRTUAL_NOW}()").replace("greatest(", "max(")


class _Statements:
    def __init__(self, connection: Connection, translate: Callable[[str], str]) -> None:
        self._connection, self._translate = connection, translate
        self.is_intent = False

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        self.is_intent = self.is_intent or sql.startswith(INTENT)
        return self._connection.execute(self._translate(sql), values)

    def executemany(self, sql: str, rows: Any, /) -> object:
        return self._connection.executemany(self._translate(sql), rows)


class _Signs:
    """In the place of the thread that gives signs of life: a part of the life, so that it dies and
    stands still with it.
    """

    def __init__(self, sign: Callable[[], None]) -> None:
        self._sign = sign
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    def join(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(SIGN_EVERY_S)
            self._sign()


def open_shared(
    database: TroubledDatabase, project: str, me: LedgerUser, *, readonly: bool
) -> PostgresLedger:
    """The ledger, as one life has it."""
    ledger = PostgresLedger(database, project, me)  # type: ignore[arg-type]
    holders: Holders = ledger._holders
    holders._signs = _Signs(holders.sign_once)  # type: ignore[assignment]
    if not readonly:
        ledger._join()
    return ledger

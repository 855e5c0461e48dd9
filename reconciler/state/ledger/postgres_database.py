"""The database of a ledger in PostgreSQL: connections that come back, transactions, the version of
the tables, and the server's errors in our words.

Each account has a ledger of its own in each realm: a schema. A transaction begins with a lock of
its schema, so that no two overlap, as in SQLite; what is read and then written relies on it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any

import psycopg
from psycopg import errors, sql

from reconciler.errors import LedgerError, Locked
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.errors import LedgerAway, LedgerRetired
from reconciler.state.ledger.holders import LIVING
from reconciler.state.ledger.sql.database import (
    Conflict,
    Cursor,
    Kind,
    check_row,
)
from reconciler.state.ledger.sql.schema import RETIRED, STEPS, VERSION
from reconciler.state.ledger.sql.translation import translate, translate_tables

_SETTINGS: dict[str, Any] = {
    "application_name": "cutlist",
    "client_encoding": "utf8",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# a writer that was stopped in the middle of a transaction holds up nobody for longer
_WRITER = "-c idle_in_transaction_session_timeout=10s -c lock_timeout=30s -c statement_timeout=60s"
_READER = "-c default_transaction_read_only=on -c statement_timeout=120s"
_DURABLE = """select case when current_setting('synchronous_commit') in ('off', 'local')
    then set_config('synchronous_commit', 'on', false) end, pg_is_in_recovery()"""
# a connection that is gone: what was under way on it did not happen, unless it was the commit
_LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.IdleInTransactionSessionTimeout,
)
_ABOUT = """create table about (
    one boolean primary key default true check (one),
    version bigint not null, realm text not null, account text not null,
    server text not null default '')"""
# which server it is, and how often another one has taken its place: a new one begins a timeline
SERVER = """(select system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
    from pg_control_system())"""
_MAY_ASK = """select has_function_privilege('pg_control_system()', 'execute')
    and has_function_privilege('pg_walfile_name(pg_lsn)', 'execute')"""
_IS_MARKED = """select count(*) from information_schema.columns where table_name = 'about'
    and table_schema = current_schema() and column_name = 'server'"""


class PostgresDatabase:
    """The schema of one ledger."""

    knows_server = False  # whether it was asked which server it is

    def __init__(self, address: LedgerAddress, writer: _Link | None, reader: _Link) -> None:
        """`writer`: None where nothing is to be written, and what is read is of one moment."""
        self._address = address
        self._writer = writer
        self._writing = threading.Lock()
        self._reader = reader
        self._reading = threading.Lock()

    @classmethod
    def open(cls, address: LedgerAddress) -> PostgresDatabase:
        """Open for writing. Raises LedgerError, Locked."""
        writer = _Link(address, _WRITER)
        try:
            with _mapped(address):
                _bring_up_to_date(writer.connect(), address)
                knows_server = _mark_server(writer.connect())
        except BaseException:
            writer.close()
            raise
        database = cls(address, writer, _Link(address, _READER))
        database.knows_server = knows_server
        return database

    @classmethod
    def open_readonly(cls, address: LedgerAddress) -> PostgresDatabase | None:
        """Open for reading; None when there is no ledger yet. Raises LedgerError."""
        reader = _Link(address, _READER)
        try:
            with _mapped(address):
                connection = reader.connect()
                version = _find_version(connection, address)
                if version == VERSION:
                    connection.execute("begin isolation level repeatable read read only")
                    return cls(address, None, reader)
        except BaseException:
            reader.close()
            raise
        reader.close()
        if version == 0:
            return None
        cls.open(address).close()  # of an earlier program: tables are added, nothing is changed
        return cls.open_readonly(address)

    def close(self) -> None:
        """Let go of the connections."""
        with self._reading:
            self._reader.close()
        with self._writing:
            if self._writer is not None:
                self._writer.close()

    @contextmanager
    def transaction(self) -> Iterator[_Statements]:
        """Everything in the block becomes durable at its end, or nothing. No two such blocks ever
        overlap, on whatever machines.
        """
        if self._writer is None:
            raise LedgerError("the ledger was opened for reading.")
        with self._writing:
            with _mapped(self._address):
                connection = self._begin(self._writer)
            try:
                with _mapped(self._address):
                    yield _Statements(connection)
            except BaseException:
                with suppress(psycopg.Error):
                    connection.execute("rollback")
                raise
            with _mapped(self._address):
                connection.execute("commit")

    def _begin(self, link: _Link) -> psycopg.Connection[Any]:
        """A transaction with its lock, on a new connection where the old one was lost."""
        statement = f"begin; select pg_advisory_xact_lock({self._address.lock})"
        try:
            return _execute_on(link.connect(), statement)
        except errors.LockNotAvailable:
            link.close()
            raise
        except _LOST:
            link.close()
            return _execute_on(link.connect(), statement)

    def rows(self, sql: str, *values: Any, kinds: Sequence[Kind]) -> list[tuple[Any, ...]]:
        """What a question gives, each value of the kind that its column has. Raises LedgerError."""
        with self._reading, _mapped(self._address):
            try:
                rows = self._ask(sql, values)
            except _LOST:
                if self._writer is None:
                    raise  # a new connection would tell of another moment
                self._reader.close()
                rows = self._ask(sql, values)
        return [check_row(row, kinds) for row in rows]

    def _ask(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        cursor = self._reader.connect().execute(translate(sql), _adapt(values))
        return cursor.fetchall()

    def retire(self) -> None:
        """Let no program use it any more. Raises Locked where others do."""
        with self.transaction() as connection:
            connection.execute("update about set version = ?", (RETIRED,))
            row = connection.execute(f"select count(*) from ({LIVING}) as living").fetchone()
            if row is None or row[0] > 1:
                raise Locked(
                    f"others work on the ledger at {self._address.host}.",
                    hint="Run the command again when they are done. Nothing was moved.",
                )

    def integrity(self) -> Sequence[str]:
        """The server looks after its own files."""
        return ()


class _Link:
    """A connection that is made when it is needed, and anew after it was closed."""

    def __init__(self, address: LedgerAddress, options: str) -> None:
        self._address = address
        self._options = options
        self._connection: psycopg.Connection[Any] | None = None

    def connect(self) -> psycopg.Connection[Any]:
        """The connection. Raises psycopg.Error, LedgerError."""
        if self._connection is None or self._connection.closed:
            self._connection = None
            connection = psycopg.connect(
                self._address.url,
                autocommit=True,
                prepare_threshold=None,
                options=self._options,
                **_SETTINGS,
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: psycopg.Connection[Any]) -> None:
        row = connection.execute(_DURABLE).fetchone()
        if row is not None and row[1]:
            raise LedgerError(
                f"the ledger at {self._address.host} is a replica, which may not know yet what was"
                " sent. Nothing was sent.",
                hint="Name the server that is written to.",
            )
        connection.execute(
            sql.SQL("set search_path to {}").format(sql.Identifier(self._address.schema))
        )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Statements:
    """A connection inside a transaction, which is told everything in the dialect of SQLite."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        return self._connection.execute(translate(sql), _adapt(values))

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(translate(sql), [_adapt(row) for row in rows])


def _execute_on(connection: psycopg.Connection[Any], statement: str) -> psycopg.Connection[Any]:
    connection.execute(statement)
    return connection


def _adapt(values: Sequence[Any]) -> list[Any]:
    """Values as the database takes them: a text there has no NUL."""
    return [_adapt_one(value) for value in values]


def _adapt_one(value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


# ------------------------------------------------------------------ versions


def _find_version(connection: psycopg.Connection[Any], address: LedgerAddress) -> int:
    """The version of the tables, 0 where there are none. Raises LedgerError for a ledger that is
    newer than this program, or another's.
    """
    known = "select 1 from pg_tables where schemaname = %s and tablename = 'about'"
    if connection.execute(known, (address.schema,)).fetchone() is None:
        return 0
    about = sql.Identifier(address.schema, "about")  # a schema that may not be used is not searched
    statement = sql.SQL("select version, realm, account from {}").format(about)
    row = connection.execute(statement).fetchone()
    version, realm, account = row or (0, "", "")
    if (realm, account) != (address.realm, address.account):
        raise LedgerError(
            f"the ledger at {address.host} belongs to account {account} in the realm {realm}, and"
            f" this project to account {address.account} in the realm {address.realm}.",
            hint="Name the database of your own account. Nothing was sent.",
        )
    if version == RETIRED:
        raise LedgerRetired(
            f"the ledger at {address.host} is closed: all it had was moved into a file.",
            hint="Use the clone with that file, or another database. Nothing was sent.",
        )
    if not 0 < version <= VERSION:
        raise LedgerError(
            f"the ledger at {address.host} was written by another version of cutlist (ledger"
            f" version {version}, this one knows {VERSION}).",
            hint="Use the newer version. Nothing was sent.",
        )
    return int(version)


def _bring_up_to_date(connection: psycopg.Connection[Any], address: LedgerAddress) -> None:
    if _find_version(connection, address) == VERSION:
        return
    with connection.transaction():
        _execute_on(connection, f"select pg_advisory_xact_lock({address.lock})")
        # looked at again: another program may have been faster
        version = _find_version(connection, address)
        if version == VERSION:
            return
        if version and connection.execute(LIVING).fetchone() is not None:
            raise Locked(
                f"the tables of the ledger at {address.host} are of an earlier version, and others"
                " work on them.",
                hint="Run the command again when they are done. Nothing was sent.",
            )
        if version == 0:
            schema = sql.Identifier(address.schema)
            connection.execute(sql.SQL("create schema if not exists {}").format(schema))
            _execute_on(connection, _ABOUT)
            connection.execute(
                "insert into about (version, realm, account) values (%s, %s, %s)",
                (VERSION, address.realm, address.account),
            )
        for statement in "".join(STEPS[version:]).split(";"):
            if statement.strip():
                _execute_on(connection, translate_tables(statement))
        connection.execute("update about set version = %s", (VERSION,))


def _mark_server(connection: psycopg.Connection[Any]) -> bool:
    """Note on which server the ledger lies, once. Whether this user may know that."""
    if connection.execute(_IS_MARKED).fetchone() == (0,):
        _execute_on(
            connection,
            "alter table about add column if not exists server text not null default ''",
        )
    if connection.execute(_MAY_ASK).fetchone() != (True,):
        return False
    _execute_on(connection, f"update about set server = {SERVER} where server = ''")
    return True


# ------------------------------------------------------------------ errors


@contextmanager
def _mapped(address: LedgerAddress) -> Iterator[None]:
    """psycopg's errors in our words."""
    try:
        yield
    except psycopg.IntegrityError as error:
        raise Conflict(f"the ledger refuses it: {_first_line(error, address)}.") from error
    except errors.LockNotAvailable as error:
        raise Locked(
            f"the ledger at {address.host} is busy: another process is writing to it.",
            hint="Run the command again.",
        ) from error
    except _LOST as error:
        raise LedgerAway(
            f"the ledger at {address.host} cannot be reached ({_first_line(error, address)})."
        ) from error
    except errors.InsufficientPrivilege as error:
        raise LedgerError(
            f"the ledger at {address.host} cannot be used: {_first_line(error, address)}.",
            hint=f"Let this user make the schema {address.schema} (`grant create on database`), or"
            " give it all rights in that schema and its tables where it is there. For looking only:"
            " `usage` of it, and `select` on its tables.",
        ) from error
    except (psycopg.Error, UnicodeError) as error:
        raise LedgerError(
            f"the ledger at {address.host} cannot be used: {_first_line(error, address)}."
        ) from error


def _first_line(error: Exception, address: LedgerAddress) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    told = lines[0].rpartition(" failed: ")[2]  # before it stands where, which is known
    return address.redact(told.strip().rstrip("."))

"""A ledger in a file of SQLite: opening it, its versions, transactions, and SQLite's errors in
our words.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reconciler.errors import LedgerError, Locked
from reconciler.state.ledger.errors import LedgerRetired
from reconciler.state.ledger.sql.attempts import SqlLedger
from reconciler.state.ledger.sql.database import ADVICE, TEXT, Conflict, Kind, check_row
from reconciler.state.ledger.sql.schema import RETIRED, STEPS, VERSION
from reconciler.system.files import find_network_file_system, fsync_dir, make_dirs


class SqliteLedger(SqlLedger):
    """The ledger of one realm in a file. Opened for writing by the holder of the lock, for reading
    by anybody.
    """

    @classmethod
    def open(cls, path: Path) -> SqliteLedger:
        """Open for writing, creating it when there is none. Raises LedgerError."""
        return cls(SqliteDatabase.open(path))

    @classmethod
    def open_readonly(cls, path: Path) -> SqliteLedger | None:
        """Open for reading; None when there is no ledger yet. Raises LedgerError."""
        database = SqliteDatabase.open_readonly(path)
        return None if database is None else cls(database)


class SqliteDatabase:
    """One file. Opened for writing by the holder of the lock, for reading by anybody."""

    def __init__(
        self, connection: sqlite3.Connection, reader: sqlite3.Connection | None = None
    ) -> None:
        """`reader`: a connection for questions, which then wait for no commit that is under way."""
        self._connection = connection
        self._mutex = threading.Lock()
        self._reader = reader or connection
        self._reading = threading.Lock() if reader else self._mutex

    @classmethod
    def open(cls, path: Path) -> SqliteDatabase:
        """Open for writing, creating it when there is none. Raises LedgerError."""
        make_dirs(path.parent)
        fresh = not path.exists()
        kind = find_network_file_system(path.parent)
        if kind is not None:
            raise LedgerError(
                f"{path.parent} lies on a network file system ({kind}), where SQLite's locks cannot"
                " be trusted.",
                hint=(
                    "Keep the project on a local disk; the store alone may lie elsewhere"
                    " (CUTLIST_STORE)."
                ),
            )
        with (
            _mapped(path),
            _closed_on_error(
                sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            ) as connection,
        ):
            for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = on"):
                connection.execute(f"pragma {pragma}")
            _bring_up_to_date(connection, path)
            reader = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=10
            )
            with _closed_on_error(reader):
                reader.execute("pragma query_only = on")
        if fresh:
            fsync_dir(path.parent)
        return cls(connection, reader)

    @classmethod
    def open_readonly(cls, path: Path) -> SqliteDatabase | None:
        """Open for reading; None when there is no ledger yet. Raises LedgerError."""
        if not path.exists():
            return None
        with (
            _mapped(path),
            _closed_on_error(
                sqlite3.connect(
                    f"file:{_quoted(path)}?mode=ro", uri=True, isolation_level=None, timeout=10
                )
            ) as connection,
        ):
            if _version(connection, path) != VERSION:
                connection.close()
                # of an earlier program: tables are added, and nothing is changed
                cls.open(path).close()
                return cls.open_readonly(path)
        return cls(connection)

    def close(self) -> None:
        with self._reading:
            self._reader.close()
        with self._mutex:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything in the block becomes durable at its end, or nothing."""
        with self._mutex, _mapped(None):
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def retire(self) -> None:
        """Let no program use it any more."""
        with self.transaction() as connection:
            connection.execute(f"pragma user_version = {RETIRED}")

    def integrity(self) -> Sequence[str]:
        return [
            words for (words,) in self.rows("pragma integrity_check", kinds=[TEXT]) if words != "ok"
        ]

    def rows(self, sql: str, *values: Any, kinds: Sequence[Kind]) -> list[tuple[Any, ...]]:
        """What a question gives, each value of the kind that its column has. Raises LedgerError."""
        with self._reading, _mapped(None):
            rows = self._reader.execute(sql, values).fetchall()
        return [check_row(row, kinds) for row in rows]


def _tell_retired(path: Path) -> LedgerRetired:
    return LedgerRetired(
        f"{path} is closed: all it had was moved into a shared ledger.",
        hint="Name that as `ledger` in cutlist.yaml; `cutlist move --to file` brings it back.",
    )


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The file's version, 0 where it has no tables yet. Raises LedgerError for one that is newer
    than this program.
    """
    version = int(connection.execute("pragma user_version").fetchone()[0])
    if version == RETIRED:
        raise _tell_retired(path)
    if not 0 <= version <= VERSION:
        raise LedgerError(
            f"{path} was written by another version of cutlist (ledger version {version}, this one"
            f" knows {VERSION}).",
            hint="Use the newer version. Do not delete the ledger: it knows what was paid.",
        )
    return version


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection, path) == VERSION:
        return
    connection.execute("begin immediate")
    try:
        # looked at again: another program may have been faster
        missing = STEPS[_version(connection, path) :]
        for statement in "".join(missing).split(";"):
            connection.execute(statement)
        connection.execute(f"pragma user_version = {VERSION}")
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


def _quoted(path: Path) -> str:
    from urllib.parse import quote  # lazy: start-up time

    return quote(str(path))


@contextmanager
def _mapped(path: Path | None) -> Iterator[None]:
    """sqlite3's errors in our words."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Conflict(f"the ledger refuses it: {error}.") from error
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Locked(
                "the ledger is busy: another process is writing to it.",
                hint="Run the command again.",
            ) from error
        if "readonly" in str(error):
            raise LedgerError(
                f"{path or 'the ledger'} cannot be used: its folder may not be written.",
                hint=_KEEPS,
            ) from error
        raise LedgerError(f"the ledger cannot be used: {error}.", hint=ADVICE) from error
    # the latter where SQLite quotes damaged bytes
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        where = f"{path} " if path else "the ledger "
        words = "its text is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise LedgerError(f"{where}is damaged: {words}.", hint=ADVICE) from error


_KEEPS = (
    "SQLite keeps two files beside it, also for reading. Let this user write there, or work on a"
    " copy of the project."
)

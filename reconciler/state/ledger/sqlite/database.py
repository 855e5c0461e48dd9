"""The ledger's file: its tables and their versions, transactions, and SQLite's errors in
our words.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reconciler.errors import LedgerError, Locked
from reconciler.formats.records import parse_json
from reconciler.system.files import find_network_file_system, fsync_dir, make_dirs

_ATTEMPTS = """
create table attempts (
    id text primary key,
    key text not null,
    lane text not null,
    edit text not null,
    state text not null,
    endpoint text not null,
    created_at real not null,
    server_time real,
    request_sha256 text not null,
    prompt text,
    job text not null,
    billable_s real not null,
    task_id text references tasks (task_id),
    submitted_at real,
    ended_at real,
    code text not null default '',
    message text not null default '',
    request_id text not null default '',
    adopted integer not null default 0,
    look_at real
) strict;
create unique index one_attempt_per_key on attempts (key)
    where state in ('INTENT', 'SUBMITTED', 'UNDECIDED', 'SUCCEEDED');
create unique index one_intent_per_lane on attempts (lane) where state = 'INTENT';
create index attempts_by_edit on attempts (edit, created_at);

create table tasks (
    task_id text primary key,
    attempt_id text not null,
    first_seen_at real not null,
    last_seen_at real not null,
    status text not null,
    answer text not null default '{}',
    stray_of text,
    open_question integer not null default 0
) strict;

create table uploads (
    sha256 text not null,
    model text not null,
    account text not null,
    endpoint text not null,
    url text not null,
    expires_at real not null,
    primary key (sha256, model, account, endpoint)
) strict;
"""
_BOOKS = """
create table bookings (
    attempt_id text primary key references attempts (id),
    environment text not null,
    labels text not null,
    model text not null,
    price_per_s real,
    currency text not null,
    commit_id text not null,
    author text not null,
    approved_by text not null
) strict;

create table holdings (
    edit text not null,
    environment text not null,
    key text not null,
    at real not null,
    reused integer not null,
    billable_s real not null,
    labels text not null,
    model text not null,
    price_per_s real,
    currency text not null,
    commit_id text not null,
    author text not null,
    approved_by text not null
) strict;
create index holdings_by_edit on holdings (edit, environment);
create index attempts_by_key on attempts (key);
"""
_BASELINES = """
create table baselines (
    id integer primary key,
    read_at real not null,
    server_time real,
    is_whole integer not null,
    task_ids text not null
) strict;
alter table attempts add column baseline integer;
alter table attempts add column named_id text not null default '';
alter table attempts add column vouched integer not null default 1;
alter table attempts add column sender text not null default '';
"""
# what every plan asks, however much was ever sent
_INDEXES = """
create index attempts_by_moment on attempts
    (max(created_at, coalesce(submitted_at, 0), coalesce(ended_at, 0)));
create index open_attempts on attempts (state) where state in ('INTENT', 'SUBMITTED', 'UNDECIDED');
create index open_questions on tasks (first_seen_at, task_id) where open_question;
"""
# each takes a file to the version of its number, from 1; what was written stays
_STEPS = (_ATTEMPTS, _BOOKS, _BASELINES, _INDEXES)
VERSION = len(_STEPS)
Kind = tuple[tuple[Any, ...], float]  # what a value may be, and for numbers below what, from 0
TEXT: Kind = ((str,), 0)
FLAG: Kind = ((int,), 2)
AMOUNT: Kind = ((float, int), math.inf)
MOMENT: Kind = (
    (float, int),
    253_402_300_800.0,
)  # seconds since 1970, up to the year 10000, which no calendar here can write


class Database:
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
    def open(cls, path: Path) -> Database:
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
    def open_readonly(cls, path: Path) -> Database | None:
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

    def rows(self, sql: str, *values: Any, kinds: Sequence[Kind]) -> list[tuple[Any, ...]]:
        """What a question gives, each value of the kind that its column has. Raises LedgerError."""
        with self._reading, _mapped(None):
            rows = self._reader.execute(sql, values).fetchall()
        return [check_row(row, kinds) for row in rows]


def allow_null(kind: Kind) -> Kind:
    """The same, or nothing."""
    return ((*kind[0], type(None)), kind[1])


def check_row(row: tuple[Any, ...], kinds: Sequence[Kind]) -> tuple[Any, ...]:
    """`row`, each value of its kind. Raises LedgerError."""
    for value, (types, limit) in zip(row, kinds, strict=True):
        if not isinstance(value, types) or (limit and value is not None and not 0 <= value < limit):
            raise LedgerError(
                f"the ledger is damaged: {_shown(value)} is no value of ours.", hint=_ADVICE
            )
    return row


def read_value(make: Callable[[Any], Any], value: Any) -> Any:
    """What `make` makes of a value that was read; one that we never wrote is told of. Raises
    LedgerError.
    """
    try:
        return make(value)
    except ValueError as error:
        raise LedgerError(
            f"the ledger is damaged: {type(error).__name__}.", hint=_ADVICE
        ) from error


def read_job(text: str) -> Mapping[str, Any]:
    """The canonical form of a job from its text. Raises ValueError for what is none."""
    job = read_mapping(text)
    sections = (job.get("input", {}), job.get("parameters", {}))
    if not isinstance(job.get("model"), str) or not isinstance(job.get("take"), int):
        raise ValueError("no job")
    if not all(isinstance(section, dict) for section in sections):
        raise ValueError("no job")
    return job


def read_mapping(text: str) -> Mapping[str, Any]:
    """A JSON object from its text. Raises ValueError for what is none."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError("no mapping")
    return value


def _shown(value: object) -> str:
    return (
        repr(value)
        if isinstance(value, int | float)
        else "nothing"
        if value is None
        else "a text or bytes"
    )


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The file's version, 0 where it has no tables yet. Raises LedgerError for one that is newer
    than this program.
    """
    version = int(connection.execute("pragma user_version").fetchone()[0])
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
        missing = _STEPS[_version(connection, path) :]
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
    """sqlite3's errors in our words. IntegrityError is left to the caller, who knows which promise
    was at stake.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
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
        raise LedgerError(f"the ledger cannot be used: {error}.", hint=_ADVICE) from error
    # the latter where SQLite quotes damaged bytes
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        where = f"{path} " if path else "the ledger "
        words = "its text is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise LedgerError(f"{where}is damaged: {words}.", hint=_ADVICE) from error


_KEEPS = (
    "SQLite keeps two files beside it, also for reading. Let this user write there, or work on a"
    " copy of the project."
)
_ADVICE = (
    "Do not delete it: it knows what was paid. Restore it from a backup, or look at the service's"
    " list of tasks before you move it aside."
)

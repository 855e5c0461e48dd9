"""A ledger of an earlier version gets its books and readings: all of them or none, whoever is
killed, and whoever else does it too.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from reconciler.errors import LedgerError
from reconciler.state.ledger import SqliteLedger
from reconciler.state.ledger.sql import schema
from reconciler.state.observed import State

NOBODY = 65534
KILLED_AT = (
    "begin",
    "create table bookings",
    "create table holdings",
    "create table baselines",
    "alter table attempts",
    "create index attempts_by_moment",
    f"pragma user_version = {schema.VERSION}",
    "commit",
)
EARLIER = range(1, schema.VERSION)
UPGRADE = """
import os, sqlite3, sys
from pathlib import Path
from reconciler.state.ledger import SqliteLedger

def connect(*args, real=sqlite3.connect, **options):
    connection = real(*args, **options)
    connection.set_trace_callback(lambda sql: os._exit(9) if sql.strip().lower().startswith(sys.argv[1]) else None)
    return connection

sqlite3.connect = connect
for path in sys.argv[2:]:
    SqliteLedger.open(Path(path)).close()
"""


def of_version(version: int, path: Path) -> Path:
    """A ledger as an earlier version wrote it, with one attempt that is open."""
    tables = "".join(schema.STEPS[:version])
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(f"pragma journal_mode = wal; {tables} pragma user_version = {version};")
        raw.execute(
            "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
            " request_sha256, job, billable_s) values ('a', 'k', 'l', 'film', 'INTENT', 'mock',"
            " 1800000000, '', ?, 20)",
            [json.dumps({"model": "m", "take": 1})],
        )
        raw.commit()
    return path


def is_whole(path: Path) -> bool:
    """Whether it has been brought up to date, and knows what it knew."""
    with closing(sqlite3.connect(path)) as raw:
        (version,) = raw.execute("pragma user_version").fetchone()
        if version != schema.VERSION:
            tables = {
                name
                for (name,) in raw.execute("select name from sqlite_schema where type = 'table'")
            }
            books = {"bookings", "holdings"} if version > 1 else set()
            assert tables == {"attempts", "tasks", "uploads", *books}
            return False
    ledger = SqliteLedger.open_readonly(path)
    assert ledger is not None
    with closing(ledger):
        (entry,) = ledger.books.entries()
        assert (entry.edit, entry.state, entry.planned_s, entry.booking) == (
            "film",
            State.INTENT,
            20.0,
            None,
        )
        assert (list(ledger.books.holdings()), list(ledger.open_intents())) == ([], ["a"])
        assert ledger.baselines.of("a") is None
        assert (ledger.intent("a").named_id, ledger.intent("a").vouched) == ("", True)
        assert list(ledger.integrity()) == []
    return True


def upgrading(killed_at: str, *paths: Path) -> subprocess.Popen[bytes]:
    """A process that brings ledgers up to date, and is killed before the statement that begins like
    this.
    """
    return subprocess.Popen([sys.executable, "-c", UPGRADE, killed_at, *map(str, paths)])


@pytest.mark.parametrize("killed_at", KILLED_AT)
def test_a_kill_during_the_upgrade(tmp_path: Path, killed_at: str) -> None:
    """It is of its version as before; the next one to open it, for reading too, finishes
    the work.
    """
    path = of_version(1, tmp_path / "ledger.db")
    assert upgrading(killed_at, path).wait() == 9
    assert not is_whole(path)
    reader = SqliteLedger.open_readonly(path)
    assert reader is not None
    reader.close()
    assert is_whole(path)


@pytest.mark.parametrize("version", EARLIER)
def test_every_earlier_version(tmp_path: Path, version: int) -> None:
    """What it knew is known, and its open request is asked for without a reading."""
    path = of_version(version, tmp_path / "ledger.db")
    SqliteLedger.open(path).close()
    assert is_whole(path)


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Both go on: one of them makes the tables, the other one finds them."""
    paths = [of_version(1 + number % 2, tmp_path / f"{number}.db") for number in range(40)]
    both = [upgrading("never", *paths) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert all(is_whole(path) for path in paths)


# ------------------------------------------------------------------ a folder that nobody may write


@contextmanager
def nobody() -> Iterator[None]:
    """Without the rights of the superuser, whom no folder refuses."""
    superuser = os.geteuid() == 0
    if superuser:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that everybody may read, to be closed for writing by the test."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        Path(folder).chmod(0o755)


@pytest.mark.parametrize("version", [*EARLIER, schema.VERSION])
def test_a_folder_that_is_read_only(read_only: Path, version: int) -> None:
    """It is told in one error, with what SQLite wants there; nothing is changed."""
    path = of_version(version, read_only / "ledger.db")
    path.chmod(0o444)
    read_only.chmod(0o555)
    content = path.read_bytes()
    with nobody():
        for open_ in (SqliteLedger.open, SqliteLedger.open_readonly):
            with pytest.raises(LedgerError) as told:
                open_(path)
            assert str(told.value) == f"{path} cannot be used: its folder may not be written."
            assert "Let this user write there" in told.value.hint
    assert path.read_bytes() == content
    assert [each.name for each in read_only.iterdir()] == ["ledger.db"]

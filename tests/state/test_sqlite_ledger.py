"""What the ledger in a file of SQLite does beside its promises: damage, versions, readers."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.errors import BudgetExceeded, LedgerError
from reconciler.state.booked import Entry, Holding
from reconciler.state.ledger import Books, SpendingLimit, SqliteLedger
from reconciler.state.observed import Attempt, State
from tests.state.ledgers import (
    JOB,
    NOW,
    PLACE,
    bring,
    held,
    intend,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """An empty ledger in a file."""
    with closing(SqliteLedger.open(tmp_path / "ledger.db")) as opened:
        yield opened


def test_the_database_itself_holds_both(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Both promises hold against SQL that goes past the program."""
    intend(ledger)
    with sqlite3.connect(tmp_path / "ledger.db") as raw:
        columns = (
            "id, key, lane, edit, state, endpoint, created_at, request_sha256, job, billable_s"
        )
        for key, lane in [("k", "other"), ("other", "l")]:
            with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
                raw.execute(
                    f"insert into attempts ({columns}) values ('b', ?, ?, 'e', 'INTENT', 'm', 0,"
                    " '', '{}', 0)",
                    (key, lane),
                )
    raw.close()


def test_everything_survives_reopening(ledger: SqliteLedger, tmp_path: Path) -> None:
    """What was committed is there for the next process, writer or reader."""
    bring(ledger, State.FAILED)
    intend(ledger, "b")
    ledger.uploads.keep("sha", PLACE, "oss://x", expires_at=NOW + 100)
    seen = ledger.read_whole_history(now=NOW)
    ledger.close()
    for again in (
        SqliteLedger.open(tmp_path / "ledger.db"),
        SqliteLedger.open_readonly(tmp_path / "ledger.db"),
    ):
        assert again is not None
        assert again.read_whole_history(now=NOW) == seen
        assert (again.open_intents(), again.open_intents("l"), again.open_intents("other")) == (
            ["b"],
            ["b"],
            [],
        )
        assert (again.intent("b").prompt, again.intent("b").job) == ("Make it blue", JOB)
        assert again.find_jobs(["film"]) == {"film": JOB}
        again.close()


def test_no_ledger_yet(tmp_path: Path) -> None:
    """Reading makes no file; nothing is known."""
    assert SqliteLedger.open_readonly(tmp_path / "ledger.db") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"no database at all, but long enough to be looked at" * 100,
        b"SQLite format 3\0" + b"\xff" * 5000,
    ],
)
def test_a_damaged_ledger(tmp_path: Path, content: bytes) -> None:
    """It is told, with the advice not to delete it, and left as it is."""
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    for open_ in (SqliteLedger.open, SqliteLedger.open_readonly):
        with pytest.raises(LedgerError) as told:
            open_(path)
        assert "Do not delete it" in told.value.hint
        assert path.read_bytes() == content


def test_a_damaged_schema(ledger: SqliteLedger, tmp_path: Path) -> None:
    """SQLite quotes what it cannot read; where that is no text it is told in words all the same."""
    ledger.close()
    path = tmp_path / "ledger.db"
    path.write_bytes(path.read_bytes().replace(b"TABLE tasks (", b"TABLE tasks \xff"))
    for open_ in (SqliteLedger.open, SqliteLedger.open_readonly):
        opened = None
        with pytest.raises(LedgerError, match="damaged"):
            opened = open_(path)
            assert opened is not None
            opened.strays.unanswered()
        if opened is not None:
            opened.close()


@pytest.mark.parametrize("moment", [-1.0, 2.0**62])
def test_a_moment_that_never_was(ledger: SqliteLedger, tmp_path: Path, moment: float) -> None:
    """A time that no calendar has is damage, told before anybody counts with it."""
    intend(ledger, "a")
    ledger.close()
    raw = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    raw.execute("update attempts set created_at = ?", (moment,))
    raw.close()
    damaged = SqliteLedger.open(tmp_path / "ledger.db")
    with pytest.raises(LedgerError, match="damaged"):
        damaged.read_whole_history(now=NOW)
    damaged.close()


def test_another_version(ledger: SqliteLedger, tmp_path: Path) -> None:
    """A ledger of another version is refused, not converted or overwritten."""
    ledger.close()
    raw = sqlite3.connect(tmp_path / "ledger.db")
    raw.execute("pragma user_version = 99")
    raw.close()
    for open_ in (SqliteLedger.open, SqliteLedger.open_readonly):
        with pytest.raises(LedgerError, match="ledger version 99"):
            open_(tmp_path / "ledger.db")


def test_readers_do_not_write(ledger: SqliteLedger, tmp_path: Path) -> None:
    """A ledger opened for reading refuses to be written."""
    reader = SqliteLedger.open_readonly(tmp_path / "ledger.db")
    assert reader is not None
    with pytest.raises(LedgerError):
        intend(reader)
    reader.close()


def test_two_that_note_the_same_holding(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Who notes holdings while another process does waits for it, and then sees what it has
    noted.
    """
    other = SqliteLedger.open(tmp_path / "ledger.db")
    seen: list[int] = []

    def choose(books: Books) -> list[Holding]:
        before = books.holdings()
        if not seen:
            seen.append(len(before))
            theirs.start()
            theirs.join(0.2)  # would be enough, if nothing held it up
        else:
            seen.append(len(before))
        return [] if before else [held()]

    theirs = threading.Thread(target=lambda: other.books.hold(lambda: choose(other.books)))
    ledger.books.hold(lambda: choose(ledger.books))
    theirs.join()
    assert (seen, ledger.books.holdings()) == ([0, 1], [held()])
    other.close()


def test_two_that_spend_the_rest_of_a_day(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Of two processes that write an intent at once the second one counts the first; an intent for
    which there is no room is written nowhere.
    """
    other = SqliteLedger.open(tmp_path / "ledger.db")
    counted: list[int] = []

    def check(entries: Sequence[Entry], now: float) -> None:
        counted.append(len(entries))
        if len(counted) == 1:
            theirs.start()
            theirs.join(0.2)
        if entries:
            raise BudgetExceeded("no room")

    def intend_within(of: SqliteLedger, name: str) -> None:
        of.intend(
            Attempt(name, name, name, "film", State.INTENT, "mock", NOW),
            request_sha256="", prompt=None, job=JOB, server_time=None,
            limit=SpendingLimit(86_400, NOW, check),
        )  # fmt: skip

    def intend_too() -> None:
        with contextlib.suppress(BudgetExceeded):
            intend_within(other, "b")

    theirs = threading.Thread(target=intend_too)
    intend(ledger, "yesterday's", key="old", lane="old", created_at=NOW - 90_000)
    intend_within(ledger, "a")
    theirs.join()
    assert counted == [0, 1]
    assert set(ledger.open_intents()) == {"a", "yesterday's"}
    other.close()

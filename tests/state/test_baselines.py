"""Readings of the account's list: durable before anything is sent beside them, and not for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.errors import LedgerError
from reconciler.state.ledger import Baseline, Ledger, SqliteLedger, TaskTaken
from reconciler.state.ledger.sql.baselines import KEPT
from reconciler.state.observed import Attempt, State

NOW = 1_800_000_000.0
JOB = {"model": "m", "take": 1}


@pytest.fixture
def in_a_file(tmp_path: Path) -> Iterator[SqliteLedger]:
    """An empty ledger of which the file is looked at."""
    with closing(SqliteLedger.open(tmp_path / "ledger.db")) as opened:
        yield opened


def read(ledger: Ledger, *task_ids: str) -> int:
    """Keep a whole reading."""
    return ledger.baselines.keep(task_ids, at=NOW, server_time=NOW - 5, is_whole=True)


def intend(ledger: Ledger, id_: str, baseline: int | None) -> None:
    """Write an intent down that refers to a reading."""
    attempt = Attempt(id_, f"key of {id_}", f"lane of {id_}", "film", State.INTENT, "mock", NOW)
    ledger.intend(
        attempt, request_sha256="", prompt=None, job=JOB, server_time=None, baseline=baseline
    )


def test_an_intent_finds_its_reading_again(in_a_file: SqliteLedger, tmp_path: Path) -> None:
    """Also after a restart; several intents share one row."""
    number = read(in_a_file, "theirs-2", "theirs-1")
    intend(in_a_file, "a", number)
    intend(in_a_file, "b", number)
    intend(in_a_file, "c", None)
    expected = Baseline(frozenset({"theirs-1", "theirs-2"}), NOW - 5, True)
    with closing(SqliteLedger.open(tmp_path / "ledger.db")) as again:
        assert [again.baselines.of(each) for each in "abc"] == [expected, expected, None]
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as raw:
        assert raw.execute("select count(*) from baselines").fetchone() == (1,)


def test_readings_that_nobody_needs_go(in_a_file: SqliteLedger, tmp_path: Path) -> None:
    """What an open request, or a second look, refers to stays; of the others the newest do."""
    for name, state, look_at in (
        ("open", None, None),
        ("over", State.NOT_SENT, None),
        ("looked at again", State.NOT_SENT, NOW + 600),
        ("undecided", State.UNDECIDED, None),
    ):
        intend(in_a_file, name, read(in_a_file, f"beside {name}"))
        if state is not None:
            in_a_file.end(name, state, at=NOW, look_at=look_at)
    for _ in range(3 * KEPT):
        read(in_a_file)
    kept = ("open", "looked at again", "undecided")
    for name in kept:
        reading = in_a_file.baselines.of(name)
        assert reading is not None and reading.task_ids == {f"beside {name}"}
    assert in_a_file.baselines.of("over") is None
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as raw:
        assert raw.execute("select count(*) from baselines").fetchone() == (len(kept) + KEPT,)


def test_a_verdict_brings_its_own_reading(ledger: Ledger) -> None:
    """A second look is held against what the list showed at the verdict."""
    intend(ledger, "a", read(ledger, "before"))
    ledger.end("a", State.NOT_SENT, at=NOW, look_at=NOW + 600, baseline=read(ledger, "then"))
    reading = ledger.baselines.of("a")
    assert reading is not None and reading.task_ids == {"then"}


def test_strangers_are_what_the_ledger_never_heard_of(ledger: Ledger) -> None:
    """Tasks of attempts and strays are known; an empty list has no strangers."""
    intend(ledger, "a", None)
    ledger.submitted("a", "ours", at=NOW)
    ledger.strays.note("stray", "a", "RUNNING", at=NOW, open_question=True)
    assert ledger.baselines.strangers(["ours", "stray", "theirs"]) == {"theirs"}
    assert ledger.baselines.strangers([]) == frozenset()


def test_doubtful_is_what_need_not_be_ours(ledger: Ledger) -> None:
    """A stray is known, and nobody's all the same, also when a person has answered for it; what was
    adopted is ours once it has succeeded.
    """
    for name in ("a", "b"):
        intend(ledger, name, None)
        ledger.submitted(name, f"task of {name}", at=NOW, adopted=name == "b")
    ledger.strays.note("stray", "a", "RUNNING", at=NOW, open_question=True)
    ledger.strays.answer("stray")
    seen = ["task of a", "task of b", "stray", "theirs"]
    assert ledger.baselines.doubtful(seen) == {"task of b", "stray", "theirs"}
    ledger.end("b", State.SUCCEEDED, at=NOW)
    assert ledger.baselines.doubtful(seen) == {"stray", "theirs"}


@pytest.mark.parametrize("text", ["", "no list", "{}", '["a", 1]'])
def test_a_damaged_reading(in_a_file: SqliteLedger, tmp_path: Path, text: str) -> None:
    """It is told as damage, and never taken for an account without tasks."""
    intend(in_a_file, "a", read(in_a_file))
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as raw:
        raw.execute("update baselines set task_ids = ?", (text,))
    with pytest.raises(LedgerError, match="damaged"):
        in_a_file.baselines.of("a")


@pytest.mark.parametrize("adopted", [False, True])
def test_a_task_is_linked_once(ledger: Ledger, adopted: bool) -> None:
    """An answer, or a person, that names another attempt's task changes nothing."""
    intend(ledger, "a", None)
    ledger.submitted("a", "task", at=NOW)
    intend(ledger, "b", None)
    with pytest.raises(TaskTaken, match="task belongs to another request"):
        ledger.submitted("b", "task", at=NOW, adopted=adopted)
    assert (ledger.attempt("b", now=NOW).state, ledger.owner("task")) == (State.INTENT, "a")


def test_only_adopting_takes_a_stray(ledger: Ledger) -> None:
    """An answer that names a task which was known before cannot be true."""
    intend(ledger, "a", None)
    ledger.strays.note("late", "a", "RUNNING", at=NOW, open_question=True)
    with pytest.raises(TaskTaken):
        ledger.submitted("a", "late", at=NOW)
    ledger.submitted("a", "late", at=NOW, adopted=True)
    assert ledger.owner("late") == "a"


def test_what_an_answer_named_is_kept(ledger: Ledger) -> None:
    """The id that stood in an answer that was no acceptance is there for the next run."""
    intend(ledger, "a", None)
    assert ledger.intent("a").named_id == ""
    ledger.named("a", "from-a-500")
    assert ledger.intent("a").named_id == "from-a-500"


def test_a_look_that_is_too_far_away_is_due(ledger: Ledger) -> None:
    """A clock that was set back does not put a second look off for long."""
    intend(ledger, "a", None)
    ledger.end("a", State.NOT_SENT, at=NOW, look_at=NOW + 600)
    due = [
        list(ledger.looks_due(now=NOW + shift, most_s=600)) for shift in (-9000, -1, 0, 599, 600)
    ]
    assert due == [["a"], ["a"], [], [], ["a"]]

"""The list of tasks in flight in a shared ledger: one process reads it for all, and nothing that is
late looks new. On a real PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import pytest

from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.listed import READ_WITHIN_S, ListReading
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.ledger.task_list import SharedTaskList
from tests.postgres import run_sql
from tests.state.ledgers import NOW, intend, open_many

HERE = "singapore"
LONG_S = 1000.0


@pytest.fixture
def ledgers(address: LedgerAddress) -> Iterator[list[PostgresLedger]]:
    """The ledger as three processes have it; t1 to t3 are at the service."""
    with open_many(address, 3) as opened:
        for number in (1, 2, 3):
            intend(opened[0], f"a{number}", f"k{number}")
            opened[0].submitted(f"a{number}", f"t{number}", at=NOW)
        run_sql(address, f"update attempts set endpoint = '{HERE}'")
        yield opened


@pytest.fixture
def lists(ledgers: list[PostgresLedger]) -> list[SharedTaskList]:
    return [ledger.task_list for ledger in ledgers]


def begin(task_list: SharedTaskList) -> ListReading:
    reading = task_list.begin(HERE)
    assert reading is not None
    return reading


def read(task_list: SharedTaskList, shown: dict[str, str]) -> None:
    """A whole reading."""
    reading = begin(task_list)
    assert task_list.note(HERE, shown, reading)
    task_list.finish(HERE, reading, pages=3)


def find(task_list: SharedTaskList, *task_ids: str, trust_s: float = LONG_S) -> dict[str, str]:
    return dict(task_list.find(HERE, task_ids, trust_s=trust_s).shown)


def age(address: LedgerAddress, seconds: float) -> None:
    """Nobody reads for so long."""
    run_sql(
        address,
        f"update watches set renewed_at = renewed_at - {seconds}, begun_at = begun_at - {seconds},"
        f" whole_at = whole_at - {seconds}; update tasks set listed_at = listed_at - {seconds}",
    )


def test_what_one_reads_all_know(lists: list[SharedTaskList]) -> None:
    """Each asks for tasks of its own; tasks of strangers are not kept."""
    first, second, _ = lists
    assert second.find(HERE, ["t1"], trust_s=LONG_S).age_s == inf
    read(first, {"t1": "RUNNING", "t2": "PENDING", "of a stranger": "RUNNING"})
    listed = second.find(HERE, ["t1", "t3", "of a stranger"], trust_s=LONG_S)
    assert listed.shown == {"t1": "RUNNING"}
    assert (listed.pages, listed.is_read_by_another) == (3, True)
    assert 0 <= listed.age_s < 60
    assert not first.find(HERE, [], trust_s=LONG_S).is_read_by_another
    assert second.find("elsewhere", [], trust_s=LONG_S).age_s == inf


def test_one_reads_and_counts_the_tasks_of_all(lists: list[SharedTaskList]) -> None:
    first, second, _ = lists
    assert begin(first).tasks == 3
    assert second.begin(HERE) is None
    assert second.begin("elsewhere") is not None
    assert begin(first).tasks == 3


def test_what_a_whole_reading_lacks_is_in_flight_no_more(lists: list[SharedTaskList]) -> None:
    """And until it is whole, what the one before has shown counts."""
    first, second, _ = lists
    read(first, {"t1": "RUNNING", "t2": "RUNNING"})
    reading = begin(first)
    first.note(HERE, {"t1": "RUNNING"}, reading)
    assert find(second, "t1", "t2") == {"t1": "RUNNING", "t2": "RUNNING"}
    first.finish(HERE, reading, pages=2)
    assert find(second, "t1", "t2") == {"t1": "RUNNING"}


def test_a_task_that_begins_meanwhile_is_running(lists: list[SharedTaskList]) -> None:
    """It is seen among those that wait, and among those that run."""
    first, second, _ = lists
    reading = begin(first)
    first.note(HERE, {"t1": "PENDING"}, reading)
    first.note(HERE, {"t1": "RUNNING"}, reading)
    first.finish(HERE, reading, pages=2)
    assert find(second, "t1") == {"t1": "RUNNING"}


def test_what_is_old_shows_nothing(address: LedgerAddress, lists: list[SharedTaskList]) -> None:
    first, second, _ = lists
    read(first, {"t1": "RUNNING"})
    age(address, 100)
    assert find(second, "t1", trust_s=90) == {}
    assert find(second, "t1", trust_s=300) == {"t1": "RUNNING"}


@pytest.mark.parametrize("how", ["killed", "left", "hangs"])
def test_another_reads_where_the_reader_is_gone(
    address: LedgerAddress, ledgers: list[PostgresLedger], lists: list[SharedTaskList], how: str
) -> None:
    """Dead, ended in order, or without a sign for a while; and one alone takes its place."""
    first, second, third = lists
    read(first, {"t1": "RUNNING"})
    assert second.begin(HERE) is None
    if how == "killed":
        run_sql(address, "update holders set alive_until = alive_until - 60 where id = '1'")
    elif how == "left":
        ledgers[0].close()
    else:
        age(address, READ_WITHIN_S + 1)
    assert not second.find(HERE, [], trust_s=LONG_S).is_read_by_another
    assert begin(second).tasks == 3
    assert third.begin(HERE) is None


def test_a_reader_that_stood_still_makes_nothing_look_new(
    address: LedgerAddress, lists: list[SharedTaskList]
) -> None:
    """Its pages are of the moment at which its reading was begun, and it hears that another one
    reads.
    """
    first, second, third = lists
    late = begin(first)
    age(address, READ_WITHIN_S + 1)
    read(second, {"t1": "RUNNING", "t2": "RUNNING"})
    read(second, {"t1": "RUNNING"})
    assert not first.note(HERE, {"t1": "PENDING", "t2": "PENDING", "t3": "PENDING"}, late)
    first.finish(HERE, late, pages=99)
    listed = third.find(HERE, ["t1", "t2", "t3"], trust_s=LONG_S)
    assert listed.shown == {"t1": "RUNNING"}
    assert listed.pages == 3


def test_one_that_begins_anew_ends_its_earlier_reading(lists: list[SharedTaskList]) -> None:
    first, second, _ = lists
    earlier, later = begin(first), begin(first)
    assert not first.note(HERE, {"t1": "RUNNING"}, earlier)
    first.finish(HERE, earlier, pages=2)
    assert second.find(HERE, [], trust_s=LONG_S).age_s == inf
    assert first.note(HERE, {"t1": "RUNNING"}, later)

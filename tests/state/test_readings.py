"""Readings before requests in a shared ledger: one process reads for all who ask with the same key.
On a real PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.ledger.readings import READ_WITHIN_S
from tests.postgres import run_sql
from tests.state.ledgers import NOW, open_many

READER = "singapore 0123456789abcdef"
LONG_S = 1000.0


@pytest.fixture
def ledgers(address: LedgerAddress) -> Iterator[list[PostgresLedger]]:
    """The ledger as three processes have it."""
    with open_many(address, 3) as opened:
        yield opened


def begin(ledger: PostgresLedger) -> float:
    begun_at = ledger.readings.begin(READER)
    assert begun_at is not None
    return begun_at


def keep(ledger: PostgresLedger, *task_ids: str) -> int:
    return ledger.baselines.keep(task_ids, at=NOW, server_time=NOW - 5, is_whole=True)


def age(address: LedgerAddress, seconds: float) -> None:
    """Nobody reads for so long."""
    run_sql(
        address,
        f"update readings set begun_at = begun_at - {seconds}, whole_at = whole_at - {seconds}",
    )


def test_what_one_reads_all_use(address: LedgerAddress, ledgers: list[PostgresLedger]) -> None:
    """For as long as it is young enough; it is as old as its beginning."""
    first, second, _ = ledgers
    assert second.readings.find(READER, most_s=LONG_S) is None
    begun_at = begin(first)
    number = keep(first, "of a stranger")
    assert second.readings.find(READER, most_s=LONG_S) is None
    first.readings.end(READER, begun_at, number)
    age(address, 100)
    found = second.readings.find(READER, most_s=LONG_S)
    assert found is not None
    assert (found.number, found.baseline.task_ids) == (number, {"of a stranger"})
    assert (found.baseline.server_time, found.baseline.is_whole) == (NOW - 5, True)
    assert 100 <= found.age_s < 160
    assert second.readings.find(READER, most_s=90) is None


def test_another_key_sees_another_list(ledgers: list[PostgresLedger]) -> None:
    """What was read with one key is not used with another one, and keeps nobody from reading."""
    first, second, _ = ledgers
    first.readings.end(READER, begin(first), keep(first))
    begin(first)
    assert second.readings.find("singapore of another", most_s=LONG_S) is None
    assert second.readings.begin("singapore of another") is not None


def test_one_reads_at_a_time(ledgers: list[PostgresLedger]) -> None:
    """Once it has ended, whole or not, whoever wants to may be next."""
    first, second, third = ledgers
    number = keep(first)
    begun_at = begin(first)
    assert second.readings.begin(READER) is None
    first.readings.end(READER, begun_at, number)
    begun_at = begin(second)
    assert third.readings.begin(READER) is None
    second.readings.end(READER, begun_at, None)
    found = third.readings.find(READER, most_s=LONG_S)
    assert found is not None and found.number == number
    begin(third)


@pytest.mark.parametrize("how", ["killed", "left", "hangs"])
def test_another_reads_where_the_reader_is_gone(
    address: LedgerAddress, ledgers: list[PostgresLedger], how: str
) -> None:
    """Dead, ended in order, or at it for too long; what that one still says makes nothing new."""
    first, second, third = ledgers
    begun_at = begin(first)
    if how == "killed":
        run_sql(address, "update holders set alive_until = alive_until - 60 where id = '1'")
    elif how == "left":
        first._holders.leave()
    else:
        age(address, READ_WITHIN_S + 1)
    begin(second)
    first.readings.end(READER, begun_at, keep(first))
    assert third.readings.begin(READER) is None
    assert third.readings.find(READER, most_s=LONG_S) is None

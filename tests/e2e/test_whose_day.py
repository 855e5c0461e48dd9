"""Whose day it is: that of the ledger's server, where several machines share a ledger, and this
machine's where the ledger is its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler import Project
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from reconciler.history.spending import get_day
from reconciler.state.ledger import SqliteLedger
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.observed import Attempt, State
from tests.clock import FakeClock
from tests.postgres import make_address, open_ledger
from tests.state.ledgers import BOOKING, JOB, NOW

AHEAD_S = 40 * 24 * 3600.0


def open_project(
    folder: Path, address: LedgerAddress, *, shared: bool, clock: FakeClock
) -> Project:
    spec = {
        "endpoint": "singapore",
        "account": address.account,
        "prices": {"currency": "USD", "models": {"wan2.7-videoedit": 0.1}},
        "budget": {"per_day": 100},
    }
    document = {
        "apiVersion": "cutlist/v1",
        "kind": "Project",
        "metadata": {"name": "films"},
        "spec": spec,
    }
    (folder / "specs").mkdir()
    (folder / "cutlist.yaml").write_text(json.dumps(document))
    ledger = Secret(address.url if shared else "")
    return Project.open(folder, variables=Variables(Secret("sk-mock"), ledger=ledger), clock=clock)


def send(ledger: PostgresLedger | SqliteLedger, at: float) -> None:
    """A request, by a machine whose clock says `at`."""
    ledger.intend(
        Attempt("a", "k", "l", "rain", State.INTENT, "mock", at, billable_s=5.0),
        request_sha256="0" * 64,
        prompt="Make it rain",
        job=JOB,
        server_time=None,
        booking=BOOKING,
    )


@pytest.fixture
def address() -> Iterator[LedgerAddress]:
    return make_address("live")


def test_a_shared_ledger_tells_the_day(tmp_path: Path, address: LedgerAddress) -> None:
    """Neither the clock of who sent nor that of who asks counts: both are weeks away."""
    with closing(open_ledger(address)) as ledger:
        send(ledger, time.time() - AHEAD_S)
    clock = FakeClock(time.time() + AHEAD_S)
    project = open_project(tmp_path, address, shared=True, clock=clock)
    before = time.time()
    (day,) = project.add_up_today()
    report = project.cost()
    (check,) = project.check_budgets(project.plan())
    assert day.spent.count == 1
    assert report.day in (get_day(before), get_day(time.time()))
    assert [each.spent.count for each in report.budgets] == [1]
    assert check.spent == day.spent.price > 0
    assert {get_day(line.at) for line in report.spending.paid} <= {
        get_day(before - 60),
        get_day(time.time()),
    }


def test_a_ledger_of_one_machine_goes_by_its_clock(tmp_path: Path, address: LedgerAddress) -> None:
    clock = FakeClock(NOW)
    project = open_project(tmp_path, address, shared=False, clock=clock)
    path = project.config.ledger_file
    path.parent.mkdir(parents=True)
    with closing(SqliteLedger.open(path)) as ledger:
        send(ledger, NOW)
    assert [day.spent.count for day in project.add_up_today()] == [1]
    assert project.cost().day == get_day(NOW)
    clock.advance(AHEAD_S)
    assert [day.spent.count for day in project.add_up_today()] == [0]

"""Many at once on a ledger in PostgreSQL: no limit is passed, nothing is noted twice, and a
transaction that is cut off in its middle did not happen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

import pytest

from reconciler.errors import BudgetExceeded
from reconciler.state.booked import Entry, Holding
from reconciler.state.ledger import AlreadyOpen, LaneFull, Sighting, SpendingLimit
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.ledger.sql.attempts import SqlLedger
from reconciler.state.observed import Attempt, State
from tests.postgres import open_ledger, run_sql
from tests.state.ledgers import BOOKING, JOB, NOW, held, intend, open_many, state_of

RIVALS = 6
DAY_S = 86_400.0


def compete(ledgers: Sequence[PostgresLedger], act: Callable[[int, PostgresLedger], None]) -> None:
    """All do something at the same moment."""
    start, failures = threading.Barrier(len(ledgers)), list[BaseException]()

    def begin(number: int) -> None:
        start.wait()
        try:
            act(number, ledgers[number])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(len(ledgers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def intend_within(
    ledger: PostgresLedger, name: str, check: Callable[[Sequence[Entry], float], None], now: float
) -> None:
    """Begin a request of a lane of its own, under a limit of a day."""
    ledger.intend(
        Attempt(name, name, name, "film", State.INTENT, "mock", now, billable_s=5.0),
        request_sha256="",
        prompt=None,
        job=JOB,
        server_time=None,
        booking=BOOKING,
        limit=SpendingLimit(DAY_S, now, check),
    )


def test_a_change_is_noted_once(address: LedgerAddress) -> None:
    """Of all that see an edit's new result at once, one notes it."""

    def note(_: int, ledger: PostgresLedger) -> None:
        books = ledger.books
        for number in range(4):
            name = f"film {number}"

            def choose(name: str = name) -> list[Holding]:
                return [] if books.holdings({name}) else [held(name)]

            books.hold(choose)

    with open_many(address, RIVALS) as ledgers:
        compete(ledgers, note)
        assert sorted(each.edit for each in ledgers[0].books.holdings()) == [
            f"film {number}" for number in range(4)
        ]


def test_a_day_is_never_overspent(address: LedgerAddress) -> None:
    """However many send at once: what all of them have begun fits in the day, which is the
    ledger's. The clocks of these machines are wrong by up to two days.
    """
    most, counted = 4, list[int]()

    def check(entries: Sequence[Entry], now: float) -> None:
        assert {entry.at // DAY_S for entry in entries} <= {now // DAY_S}
        if len(entries) >= most:
            raise BudgetExceeded("no room")
        counted.append(len(entries))

    def spend(number: int, ledger: PostgresLedger) -> None:
        for each in range(3):
            with suppress(BudgetExceeded):
                intend_within(ledger, f"{number}-{each}", check, NOW + (number - 3) * DAY_S)

    with open_many(address, RIVALS) as ledgers:
        compete(ledgers, spend)
        assert len(ledgers[0].open_intents()) == most
    assert counted == list(range(most))


def test_what_began_yesterday_counts_for_yesterday(address: LedgerAddress) -> None:
    """By the ledger's clock, whatever a machine's says, also of what turned up as a stray."""
    counted: list[list[bool]] = []

    def check(entries: Sequence[Entry], _: float) -> None:
        counted.append([entry.stray for entry in entries])

    with closing(open_ledger(address)) as ledger:
        for name in ("a", "b"):
            intend_within(ledger, name, check, NOW)
            ledger.end(name, State.NOT_SENT, at=NOW)
            ledger.strays.note(f"late {name}", name, "RUNNING", at=NOW, open_question=True)
        run_sql(address, "update attempts set intended_at = intended_at - 86400 where id = 'a'")
        intend_within(ledger, "c", check, NOW - 2 * DAY_S)
    assert counted == [[], [False, True], [False, True]]


def test_a_lane_is_never_wider_than_it_may_be(address: LedgerAddress) -> None:
    """However many send at once: a task takes a place from its intent until its end is known."""
    most, at_service, mutex, overdone = 2, set[str](), threading.Lock(), list[int]()

    def send(number: int, ledger: PostgresLedger) -> None:
        for each in range(4):
            name = f"{number}-{each}"
            try:
                intend(ledger, name, name, most_running=most)
            except (LaneFull, AlreadyOpen):
                continue
            with mutex:
                at_service.add(name)
                overdone.append(max(len(at_service) - most, 0))
            ledger.submitted(name, f"task-{name}", at=NOW)
            with mutex:
                at_service.discard(name)
            ledger.tasks_seen([Sighting(f"task-{name}", "SUCCEEDED", {}, NOW)])

    with open_many(address, RIVALS) as ledgers:
        compete(ledgers, send)
    assert len(overdone) >= most
    assert set(overdone) == {0}


def cut_off(address: LedgerAddress, ledger: PostgresLedger, how: str) -> None:
    """The server ends the connection of the transaction that is open."""
    connection = ledger._database._writer.connect()  # type: ignore[union-attr]
    pid = connection.info.backend_pid
    if how == "killed":
        run_sql(address, f"select pg_terminate_backend({pid})")
    else:
        connection.execute("set idle_in_transaction_session_timeout = 1")
    while run_sql(address, f"select 1 from pg_stat_activity where pid = {pid}"):
        pass


@pytest.mark.parametrize("how", ["killed", "too long idle"])
def test_an_intent_that_is_cut_off(address: LedgerAddress, how: str) -> None:
    """It did not happen, which is said as of a ledger that is away; it may be begun anew."""
    with closing(open_ledger(address)) as ledger:
        with pytest.raises(LedgerAway, match="cannot be reached"):
            intend_within(ledger, "a", lambda *_: cut_off(address, ledger, how), NOW)
        assert ledger.open_intents() == []
        intend_within(ledger, "b", lambda *_: None, NOW)
        assert ledger.open_intents() == ["b"]


@pytest.mark.parametrize("how", ["killed", "too long idle"])
def test_a_write_that_is_cut_off(
    address: LedgerAddress, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may be repeated is done all the same, once."""
    link = SqlLedger._link
    cuts: list[str] = []

    def link_and_break(self: PostgresLedger, *args: object) -> None:
        link(self, *args)  # type: ignore[arg-type]
        if not cuts:
            cuts.append(how)
            cut_off(address, self, how)

    monkeypatch.setattr(SqlLedger, "_link", link_and_break)
    with closing(open_ledger(address)) as ledger:
        intend(ledger)
        ledger.submitted("a", "task", at=NOW)
        assert (cuts, state_of(ledger)) == ([how], State.SUBMITTED)


@pytest.mark.parametrize("how", ["killed", "too long idle"])
def test_a_note_in_the_books_that_is_cut_off(address: LedgerAddress, how: str) -> None:
    """It is noted once, by what the books say then."""
    cuts: list[str] = []

    with closing(open_ledger(address)) as ledger:

        def choose() -> list[Holding]:
            if not cuts:
                cuts.append(how)
                cut_off(address, ledger, how)
            return [] if ledger.books.holdings() else [held()]

        ledger.books.hold(choose)
        assert [each.edit for each in ledger.books.holdings()] == ["film"]

"""What the ledger in PostgreSQL does beside its promises: several at once, lost connections, whose
it is, versions.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from reconciler.errors import LedgerError
from reconciler.operations.resolve import resolve_request
from reconciler.state.ledger import AlreadyOpen, KeyTaken, LaneFull, Sighting
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.ledger.postgres import PostgresLedger
from reconciler.state.ledger.postgres_database import PostgresDatabase
from reconciler.state.ledger.sql.database import AMOUNT
from reconciler.state.ledger.sql.translation import translate
from reconciler.state.observed import State
from tests.clock import FakeClock
from tests.postgres import find_server, make_address, open_ledger, run_sql
from tests.state.ledgers import NOW, bring, held, intend, state_of


@pytest.fixture
def ledger(address: LedgerAddress) -> Iterator[PostgresLedger]:
    """An empty ledger."""
    with closing(open_ledger(address)) as opened:
        yield opened


def look(address: LedgerAddress) -> PostgresLedger | None:
    """The ledger for reading."""
    return PostgresLedger.open_readonly(address, "films")


def kill(address: LedgerAddress, id_: str) -> None:
    """A process gives no sign of life for a minute."""
    run_sql(address, f"update holders set alive_until = alive_until - 60 where id = '{id_}'")


def break_commits(
    monkeypatch: pytest.MonkeyPatch, numbers: set[int], *, arrives: bool = True
) -> None:
    """The connection breaks at the commits of these numbers, from 1: after they have arrived, or
    before.
    """
    counted = itertools.count(1)
    execute = psycopg.Connection.execute

    def break_off(self: psycopg.Connection[Any], query: Any, *args: Any, **options: Any) -> Any:
        is_lost = query == "commit" and next(counted) in numbers
        answer = execute(self, query, *args, **options) if arrives or not is_lost else None
        if is_lost:
            self.close()
            raise psycopg.OperationalError("the connection is lost")
        return answer

    monkeypatch.setattr(psycopg.Connection, "execute", break_off)


def test_the_database_itself_holds_both(address: LedgerAddress, ledger: PostgresLedger) -> None:
    """Both promises hold against SQL that goes past the program."""
    intend(ledger)
    columns = "id, key, lane, edit, state, endpoint, created_at, request_sha256, job, billable_s"
    for key, lane in [("k", "other"), ("other", "l")]:
        with pytest.raises(psycopg.errors.UniqueViolation):
            run_sql(
                address,
                f"insert into attempts ({columns}) values ('b', '{key}', '{lane}', 'e', 'INTENT',"
                " 'm', 0, '', '{}', 0)",
            )


def test_there_is_none_before_somebody_writes(address: LedgerAddress) -> None:
    """Looking makes nothing."""
    assert look(address) is None
    open_ledger(address).close()
    with closing(look(address) or pytest.fail()) as reader:
        assert reader.read_whole_history(now=NOW) == {}


@pytest.mark.parametrize("has_tables", [False, True])
def test_a_user_without_rights(address: LedgerAddress, has_tables: bool) -> None:
    """Told which right is missing, and which one helps; nothing is made."""
    if has_tables:
        open_ledger(address).close()
    user = address.schema.replace("-", "_")
    run_sql(address, f'create role "{user}" login')
    theirs = replace(address, url=address.url.replace("cutlist@", f"{user}@"))
    acts = [lambda: open_ledger(theirs)]
    if has_tables:
        acts.append(lambda: look(theirs))
    for act in acts:
        with pytest.raises(LedgerError, match=r"cannot be used: permission denied") as caught:
            act()
        assert f"make the schema {address.schema}" in caught.value.hint
    made = run_sql(address, f"select 1 from pg_namespace where nspname = '{address.schema}'")
    assert bool(made) is has_tables


def test_a_reader_sees_one_moment_and_writes_nothing(
    address: LedgerAddress, ledger: PostgresLedger
) -> None:
    """What is committed while it reads belongs to the next look."""
    bring(ledger, State.FAILED)
    with closing(look(address) or pytest.fail()) as reader:
        assert state_of(reader) is State.FAILED
        intend(ledger, "b")
        assert reader.open_intents() == []
        with pytest.raises(LedgerError, match="opened for reading"):
            intend(reader, "c", "another key", "another lane")
    with closing(look(address) or pytest.fail()) as again:
        assert again.open_intents() == ["b"]


def test_of_many_that_begin_one_key_one_does(
    address: LedgerAddress, ledger: PostgresLedger
) -> None:
    """However many processes send at the same moment: a key has one attempt, a lane one intent."""
    ledgers = [open_ledger(address, id_=str(number)) for number in range(6)]
    won: list[str] = []
    start = threading.Barrier(len(ledgers))

    def compete(number: int) -> None:
        start.wait()
        for round_ in range(5):
            try:
                intend(ledgers[number], f"{number}-{round_}", f"key {round_}", f"lane {round_}")
            except AlreadyOpen:
                continue
            won.append(f"key {round_}")

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(len(ledgers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in ledgers:
        each.close()
    assert sorted(won) == [f"key {round_}" for round_ in range(5)]
    assert len(ledger.open_intents()) == 5


def test_transactions_never_overlap(address: LedgerAddress) -> None:
    """What is read in a transaction is still so when it is written, whoever else writes."""
    open_ledger(address).close()
    run_sql(address, "create table counted (number bigint)")
    run_sql(address, "insert into counted values (0)")

    def count() -> None:
        with closing(PostgresDatabase.open(address)) as database:
            for _ in range(20):
                with database.transaction() as connection:
                    (number,) = connection.execute("select number from counted").fetchone() or (0,)
                    connection.execute("update counted set number = ?", (number + 1,))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(PostgresDatabase.open(address)) as database:
        assert database.rows("select number from counted", kinds=[AMOUNT]) == [(80,)]


def test_it_comes_back_after_the_server_was_away(
    address: LedgerAddress, ledger: PostgresLedger
) -> None:
    """A lost connection is made anew by the next question, and by the next write."""
    intend(ledger)
    server = find_server()
    server.stop()
    try:
        for call in (lambda: ledger.open_intents(), lambda: intend(ledger, "b", "k2", "l2")):
            with pytest.raises(LedgerAway, match=r"the ledger at .* cannot be reached"):
                call()
    finally:
        server.start()
    assert ledger.open_intents() == ["a"]
    ledger.submitted("a", "task", at=NOW)
    assert state_of(ledger) is State.SUBMITTED
    server.stop()
    server.start()
    ledger.end("a", State.SUCCEEDED, at=NOW)
    assert state_of(ledger) is State.SUCCEEDED


def test_a_person_decides_for_another_project(
    address: LedgerAddress, ledger: PostgresLedger
) -> None:
    """Of a job that two projects ask for, the request of either is decided from the other: the
    plan of both names it.
    """
    bring(ledger, State.UNDECIDED)
    with closing(open_ledger(address, "posters", "b")) as other:
        assert other.find_open_attempts(now=NOW) == []
        resolve_request(other, FakeClock(), "film", adopt=None, retry=True)
    assert state_of(ledger) is State.NOT_SENT


def test_a_transaction_that_breaks_leaves_nothing(ledger: PostgresLedger) -> None:
    """All of it or nothing, also where the connection ends in between."""
    with pytest.raises(LedgerAway), ledger._database.transaction() as connection:
        connection.execute("insert into tasks values ('t', 'a', 0, 0, 'PENDING')")
        connection.execute("select pg_terminate_backend(pg_backend_pid())")
    assert not ledger.knows_task("t")
    intend(ledger)
    assert ledger.open_intents() == ["a"]


@pytest.mark.parametrize(
    "where", ["postgresql://user:se%40cret@127.0.0.1:1/x", "postgresql://u:se%40cret@[::1]:1/x"]
)
def test_a_server_that_is_not_there(where: str) -> None:
    """The true reason, and never the password."""
    for open_ in (open_ledger, look):
        with pytest.raises(LedgerAway, match=r"the ledger at .* cannot be reached") as caught:
            open_(LedgerAddress(where, "live", "default"))
        told = f"{caught.value} {caught.value.hint} {LedgerAddress(where, 'live', 'default')}"
        assert "se@cret" not in told
        assert "se%40cret" not in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("account = 'theirs'", "belongs to account theirs"),
        ("realm = 'live'", "in the realm live"),
        ("version = 999", "another version of cutlist"),
    ],
)
def test_a_ledger_that_is_not_for_us(address: LedgerAddress, change: str, words: str) -> None:
    """Of another account or realm, or of a newer program: refused with both names."""
    open_ledger(address).close()
    run_sql(address, f"update about set {change}")
    for open_ in (open_ledger, look):
        with pytest.raises(LedgerError, match=words):
            open_(address)


def test_a_text_with_a_nul(ledger: PostgresLedger) -> None:
    """The database has no such character; what a service said is kept as far as it can be."""
    intend(ledger)
    ledger.named("a", "odd\0id")
    assert ledger.intent("a").named_id == "odd\ufffdid"


def test_each_account_and_realm_has_its_own() -> None:
    """Whatever the account is called, in one database."""
    address = make_address()
    others = [
        replace(address, realm="live"),
        replace(address, account="A.b-c_d"),
        replace(address, account="x" * 100),
        replace(address, account="x" * 99 + "y"),
    ]
    assert len({each.schema for each in (address, *others)}) == 5
    assert len({each.lock for each in (address, *others)}) == 5
    for each in (address, *others):
        assert len(each.schema) <= 63
        with closing(open_ledger(each)) as ledger:
            intend(ledger)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "select a where b = ? and c = '?' and d = '50%'",
            "select a where b = %s and c = '?' and d = '50%%'",
        ),
        (
            "a in (select value from json_each(?))",
            "a in (select value from json_array_elements_text(cast(%s as json)) as each (value))",
        ),
        ("where t.open_question order by", "where t.open_question <> 0 order by"),
        ("set open_question = 0 where a", "set open_question = 0 where a"),
        ("max(max(created_at, 0))", "max(greatest(created_at, 0))"),
    ],
)
def test_what_is_said_otherwise(sql: str, told: str) -> None:
    """The translation touches no text in quotes."""
    assert translate(sql) == told


def test_what_the_dead_left_is_taken_over_and_nothing_else(address: LedgerAddress) -> None:
    """A living holder keeps its intent, and so does one whose request may be on its way; who is
    dead for long enough loses it, to one process alone.
    """
    first, second, third = (open_ledger(address, id_=each) for each in ("1", "2", "3"))
    intend(first)
    old = "update attempts set intended_at = intended_at - 60"
    run_sql(address, old)
    assert second.left_intents() == []
    assert first.left_intents() == ["a"]
    assert (first.find_followed(), second.find_followed()) == (frozenset(), frozenset({"a"}))
    kill(address, "1")
    assert second.find_followed() == frozenset()
    run_sql(address, "update attempts set intended_at = intended_at + 60")
    assert second.left_intents() == []
    run_sql(address, old)
    assert second.left_intents() == ["a"]
    assert third.left_intents() == []
    assert first.left_intents() == []  # it is back, and too late
    for each in (first, second, third):
        each.close()


def test_who_leaves_in_order_is_dead_at_once(address: LedgerAddress) -> None:
    """Whoever comes next waits only for a request that may be on its way."""
    first, second = open_ledger(address, id_="1"), open_ledger(address, id_="2")
    intend(first)
    first.close()
    assert second.left_intents() == []
    run_sql(address, "update attempts set intended_at = intended_at - 41")
    assert second.left_intents() == ["a"]
    second.close()


def test_a_duty_is_one_process_s_until_it_dies(address: LedgerAddress) -> None:
    """What one does for all is done by another once it is gone."""
    first, second = open_ledger(address, id_="1"), open_ledger(address, id_="2")
    assert (first.take_duty("looks"), second.take_duty("looks")) == (True, False)
    assert second.take_duty("something else")
    kill(address, "1")
    assert second.take_duty("looks")
    assert not first.take_duty("looks")
    first.close()
    second.close()
    third = open_ledger(address, id_="3")
    assert third.take_duty("looks")
    third.close()


def test_a_lane_has_one_pace_for_all(address: LedgerAddress) -> None:
    """Turns follow each other by the server's clock, whoever takes them."""
    first, second = open_ledger(address, id_="1"), open_ledger(address, id_="2")
    waits = [each.take_turn("lane", 0.01) for each in (first, second, first)]
    assert waits == pytest.approx([0, 100, 200], abs=20)
    assert first.take_turn("another lane", 0.01) == pytest.approx(0, abs=20)
    first.close()
    second.close()


def test_a_lane_has_one_width_for_all(address: LedgerAddress) -> None:
    """A task counts from its intent until its end is known, whoever asked for it."""
    first, second = open_ledger(address, id_="1"), open_ledger(address, id_="2")
    intend(first, "a", "k1", most_running=2)
    first.submitted("a", "t1", at=NOW)
    intend(second, "b", "k2", most_running=2)
    second.submitted("b", "t2", at=NOW)
    for ledger in (first, second):
        with pytest.raises(LaneFull):
            intend(ledger, "c", "k3", most_running=2)
    intend(first, "d", "k4", "another lane", most_running=2)
    second.tasks_seen([Sighting("t2", "SUCCEEDED", {}, NOW)])
    intend(first, "e", "k5", most_running=2)
    first.close()
    second.close()


def test_projects_share_promises_and_nothing_else(address: LedgerAddress) -> None:
    """A key has one attempt, and a lane one intent, of all projects; each sees its own edits,
    books, strays and tasks in flight.
    """
    films, adverts = open_ledger(address, "films", "1"), open_ledger(address, "adverts", "2")
    bring(films, State.SUBMITTED)
    films.books.hold(lambda: [held()])
    films.strays.note("late", "a", "RUNNING", at=NOW, open_question=True)
    with pytest.raises(KeyTaken):
        intend(adverts, "b", lane="another lane")
    assert [each.id for each in films.find_open_attempts(now=NOW)] == ["a"]
    assert adverts.find_open_attempts(now=NOW) == []
    assert (len(films.books.entries()), len(films.books.holdings())) == (2, 1)
    assert (len(adverts.books.entries()), len(adverts.books.holdings())) == (0, 0)
    assert (len(films.strays.unanswered()), len(adverts.strays.unanswered())) == (1, 0)
    assert (list(films.find_jobs(["film"])), list(adverts.find_jobs(["film"]))) == (["film"], [])
    assert adverts.find_history(["k"], now=NOW)["k"].last.id == "a"
    assert adverts.knows_task("late")
    films.close()
    adverts.close()


def test_a_commit_whose_answer_is_lost(
    address: LedgerAddress, ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is durable, and nobody was told: an intent is looked for and not begun twice, and what may
    be said again is.
    """
    break_commits(monkeypatch, {1, 2, 4})
    intend(ledger)
    ledger.submitted("a", "task", at=NOW)
    ledger.end("a", State.SUCCEEDED, at=NOW)
    monkeypatch.undo()
    assert [each.id for each in ledger.read_whole_history(now=NOW)["k"].attempts] == ["a"]
    assert state_of(ledger) is State.SUCCEEDED


def test_an_intent_whose_commit_never_arrived(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing may be sent for it, and it may be begun anew."""
    break_commits(monkeypatch, {1}, arrives=False)
    with pytest.raises(LedgerAway):
        intend(ledger)
    monkeypatch.undo()
    assert ledger.open_intents() == []
    intend(ledger, "b")
    assert ledger.open_intents() == ["b"]

"""What the ledger in PostgreSQL does beside its promises: several at once, lost connections, whose
it is, versions.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import psycopg
import pytest

from reconciler.errors import LedgerError
from reconciler.state.ledger import AlreadyOpen
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.base import LedgerAway
from reconciler.state.ledger.postgres import PostgresDatabase, PostgresLedger
from reconciler.state.ledger.sql.database import AMOUNT
from reconciler.state.ledger.sql.translation import translate
from reconciler.state.observed import State
from tests.postgres import find_server, make_address
from tests.state.ledgers import NOW, bring, intend, state_of


@pytest.fixture
def address() -> LedgerAddress:
    """Where there is no ledger yet."""
    return make_address()


@pytest.fixture
def ledger(address: LedgerAddress) -> Iterator[PostgresLedger]:
    """An empty ledger."""
    with closing(PostgresLedger.open(address)) as opened:
        yield opened


def run_sql(address: LedgerAddress, sql: str) -> None:
    """Go past the program."""
    with closing(psycopg.connect(address.url, autocommit=True)) as raw:
        raw.execute(f'set search_path to "{address.schema}"')
        raw.execute(sql)


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
    assert PostgresLedger.open_readonly(address) is None
    PostgresLedger.open(address).close()
    with closing(PostgresLedger.open_readonly(address) or pytest.fail()) as reader:
        assert reader.read_whole_history(now=NOW) == {}


def test_a_reader_sees_one_moment_and_writes_nothing(
    address: LedgerAddress, ledger: PostgresLedger
) -> None:
    """What is committed while it reads belongs to the next look."""
    bring(ledger, State.FAILED)
    with closing(PostgresLedger.open_readonly(address) or pytest.fail()) as reader:
        assert state_of(reader) is State.FAILED
        intend(ledger, "b")
        assert reader.open_intents() == []
        with pytest.raises(LedgerError, match="opened for reading"):
            intend(reader, "c", "another key", "another lane")
    with closing(PostgresLedger.open_readonly(address) or pytest.fail()) as again:
        assert again.open_intents() == ["b"]


def test_of_many_that_begin_one_key_one_does(
    address: LedgerAddress, ledger: PostgresLedger
) -> None:
    """However many processes send at the same moment: a key has one attempt, a lane one intent."""
    ledgers = [PostgresLedger.open(address) for _ in range(6)]
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
    PostgresLedger.open(address).close()
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
    for open_ in (PostgresLedger.open, PostgresLedger.open_readonly):
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
    PostgresLedger.open(address).close()
    run_sql(address, f"update about set {change}")
    for open_ in (PostgresLedger.open, PostgresLedger.open_readonly):
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
        with closing(PostgresLedger.open(each)) as ledger:
            intend(ledger)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select a where b = ? and c = '?' and d = '50%'", "select a where b = %s and c = '?' and d = '50%%'"),
        ("a in (select value from json_each(?))",
         "a in (select value from json_array_elements_text(cast(%s as json)) as each (value))"),
        ("where t.open_question order by", "where t.open_question <> 0 order by"),
        ("set open_question = 0 where a", "set open_question = 0 where a"),
        ("max(max(created_at, 0))", "max(greatest(created_at, 0))"),
    ],
)  # fmt: skip
def test_what_is_said_otherwise(sql: str, told: str) -> None:
    """The translation touches no text in quotes."""
    assert translate(sql) == told

"""Leases of several processes in one ledger: who leads, who takes over, and who may write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.holders import LedgerUser
from reconciler.state.ledger.leases import LEASE_S, Leases
from tests.postgres import run_sql


def join(address: LedgerAddress, id_: str) -> Leases:
    """A controller of its own."""
    return Leases.open(address, LedgerUser(id_, "cutlist sync", f"machine-{id_}"))


def find_leader(leases: Leases, sync: str = "films") -> str:
    """Who leads, after a renewal."""
    return leases.renew([sync]).leaders[sync].id


@pytest.fixture
def ada(address: LedgerAddress) -> Iterator[Leases]:
    with closing(join(address, "ada")) as leases:
        yield leases


@pytest.fixture
def bob(ada: Leases, address: LedgerAddress) -> Iterator[Leases]:
    with closing(join(address, "bob")) as leases:
        yield leases


def fall_silent(address: LedgerAddress, id_: str, seconds: float) -> None:
    """A process has renewed nothing for so long."""
    statement = f"update holders set alive_until = alive_until - {seconds} where id = '{id_}'"
    run_sql(address, statement)


def test_one_leads_and_the_other_is_told_who(ada: Leases, bob: Leases) -> None:
    assert find_leader(ada) == "ada"
    leader = bob.renew(["films"]).leaders["films"]
    assert (leader.id, leader.host) == ("ada", "machine-ada")
    assert not bob.has_free(["films"])
    assert bob.has_free(["films", "other"])
    assert find_leader(bob, "other") == "bob"


def test_who_is_silent_is_taken_over_from(ada: Leases, bob: Leases, address: LedgerAddress) -> None:
    """Not a moment before the lease has ended; and who comes back then leads no more."""
    assert find_leader(ada) == "ada"
    fall_silent(address, "ada", LEASE_S - 2)
    assert (bob.has_free(["films"]), find_leader(bob)) == (False, "ada")
    fall_silent(address, "ada", 2)
    assert (bob.has_free(["films"]), find_leader(bob)) == (True, "bob")
    assert find_leader(ada) == "bob"


def test_who_ends_leaves_the_lead_at_once(ada: Leases, bob: Leases, address: LedgerAddress) -> None:
    with closing(join(address, "cleo")) as cleo:
        assert find_leader(cleo) == "cleo"
    assert bob.has_free(["films"])
    assert find_leader(bob) == "bob"
    bob.release("films")
    assert find_leader(ada) == "ada"


def test_only_who_leads_writes(ada: Leases, bob: Leases, address: LedgerAddress) -> None:
    """The check is of the server, at the moment of the writing: a process that stood still writes
    nothing, whatever it believes.
    """
    find_leader(ada)
    assert ada.write("films", "status.json", "{}")
    assert not bob.write("films", "status.json", "other")
    assert bob.read("films") == {"status.json": "{}"}
    fall_silent(address, "ada", LEASE_S + 1)
    assert not ada.write("films", "status.json", "late")
    find_leader(bob)
    assert not ada.write("films", "status.json", "late")
    assert bob.write("films", "status.json", None)
    assert ada.read("films") == {}


def test_what_another_was_told_is_looked_at_once(ada: Leases, bob: Leases) -> None:
    find_leader(ada)
    bob.ask_for_look("films")
    bob.ask_for_look("films")
    assert bob.renew(["films"]).looks == frozenset()
    assert ada.renew(["films"]).looks == {"films"}
    assert ada.renew(["films"]).looks == frozenset()
    assert ada.read("films") == {}

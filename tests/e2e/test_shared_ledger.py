"""One clone beside others on a shared ledger: a process that stands still, a ledger that goes away,
one that was never there.
"""

from __future__ import annotations

import sys
from typing import Any

import httpx
import pytest

from reconciler.apply.outcome import Stop
from reconciler.config import Variables
from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret
from reconciler.project import Project
from reconciler.state.ledger.errors import LedgerAway
from reconciler.state.ledger.sql.attempts import SqlLedger
from reconciler.state.observed import State
from tests.e2e.bench import CREATE, Bench, Ticking, Trouble
from tests.postgres import find_server, make_address
from tests.workspace import Workspace


@pytest.fixture
def sharing(bench: Bench) -> Bench:
    """A project whose ledger is shared."""
    address = make_address()
    bench.write_project(name="films", account=address.account, ledger=address.url)
    return bench


def states(bench: Bench) -> list[State]:
    whole = bench.project().run_pass(whole=True)
    return [each.state for every in whole.observed.history.values() for each in every.attempts]


async def sever(request: httpx.Request, send: Any) -> httpx.Response:
    """The ledger goes away while a request is on its way."""
    response: httpx.Response = await send(request)
    find_server().stop()
    return response


async def test_it_is_a_ledger_like_any_other(sharing: Bench) -> None:
    """Rendered, kept, and known to another clone; nothing lies beside the project."""
    sharing.edit("rain")
    assert (await sharing.apply()).exit_code == 0
    assert (await sharing.apply()).exit_code == 0
    assert sharing.creates() == 1
    assert states(sharing) == [State.SUCCEEDED]
    assert list(sharing.root.rglob("ledger.db")) == []


async def test_what_stood_still_is_not_sent(
    sharing: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes between INTENT and POST: others may have settled it, so it is begun anew."""
    sharing.edit("rain")
    intend, stops = SqlLedger.intend, [600.0]

    def intend_and_stand_still(self: SqlLedger, *args: Any, **options: Any) -> None:
        intend(self, *args, **options)
        if stops:
            sharing.virtual.advance(stops.pop())

    monkeypatch.setattr(SqlLedger, "intend", intend_and_stand_still)
    assert (await sharing.apply()).exit_code == 0
    assert (sharing.creates(), states(sharing)) == (1, [State.NOT_SENT, State.SUCCEEDED])


def at_sleep(monkeypatch: pytest.MonkeyPatch, number: int, act: Any) -> list[float]:
    """Something happens at the sleep of this number while the ledger is away; the sleeps of that
    time.
    """
    server, sleep, slept = find_server(), Ticking.sleep, list[float]()

    async def sleep_and_act(self: Ticking, seconds: float) -> None:
        await sleep(self, seconds)
        if not server.runs:
            slept.append(seconds)
            if len(slept) == number:
                act()

    monkeypatch.setattr(Ticking, "sleep", sleep_and_act)
    return slept


async def test_a_stop_while_the_ledger_is_away(
    sharing: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task is paid, and its id cannot be written: it is in the spill file, and the next apply
    brings it home.
    """
    sharing.edit("rain")
    server, stop = find_server(), Stop()
    at_sleep(monkeypatch, 3, lambda: stop.request("SIGINT"))
    sharing.network.trouble = [Trouble(*CREATE, sever)]
    try:
        with pytest.raises(LedgerAway, match="cannot be reached"):
            await sharing.apply(stop=stop)
    finally:
        server.start()
    assert (await sharing.apply()).exit_code == 0
    assert sharing.creates() == sharing.billed_tasks() == 1
    assert sharing.output("rain").exists()


async def test_a_ledger_that_comes_back(sharing: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a minute it is said that it is away; nothing is sent meanwhile; the run goes on as if
    nothing had been.
    """
    for name in ("rain", "snow", "wind"):
        sharing.edit(name, f"make it {name}")
    server, asked = find_server(), list[int]()

    def come_back() -> None:
        asked.append(sharing.creates())
        server.start()

    slept = at_sleep(monkeypatch, 40, come_back)
    sharing.network.trouble = [Trouble(*CREATE, sever)]
    try:
        assert (await sharing.apply()).exit_code == 0
    finally:
        if not server.runs:
            server.start()
    away = [line for line in sharing.said if "is away" in line]
    assert away[0].startswith("the ledger is away since ")
    assert away[0].endswith(" UTC; 1 task goes on at the service, nothing is sent")
    assert 1 <= len(away) <= sum(slept) / 60 + 1
    assert sum("the ledger is back after" in line for line in sharing.said) == 1
    assert (asked, sharing.creates(), sharing.billed_tasks()) == ([1], 3, 3)
    assert any("it is tried again" in event.note for event in sharing.events)
    assert (await sharing.apply()).exit_code == 0
    assert sharing.creates() == 3


def test_without_psycopg(sharing: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, and how it is had."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for name in ("postgres", "postgres_database"):
        monkeypatch.delitem(sys.modules, f"reconciler.state.ledger.{name}")
    with pytest.raises(CutlistError, match="needs psycopg") as caught:
        sharing.project().plan()
    assert "cutlist[team]" in str(caught.value.hint)


def test_a_ledger_that_is_not_there(bench: Bench) -> None:
    """The true reason, nothing is sent, and the password is told to nobody."""
    bench.edit("rain")
    bench.write_project(name="films")
    variables = Variables(
        Secret("sk-mock"), bench.server.url, ledger=Secret("postgresql://u:s3cret@127.0.0.1:1/x")
    )
    project = Project.open(bench.root, variables=variables, clock=bench.clock)
    for act in (project.plan, project.status):
        with pytest.raises(LedgerAway) as caught:
            act()
        assert caught.value.message == (
            "the ledger at 127.0.0.1 cannot be reached (Connection refused). Nothing was sent."
        )
        assert caught.value.exit_code == 1
    assert bench.creates() == 0


@pytest.mark.parametrize("command", ["plan", "status", "apply", "gc", "verify"])
def test_words_of_a_ledger_that_is_not_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Exit 1 and one sentence, of every command that needs it."""
    workspace.write(
        "cutlist.yaml",
        "apiVersion: cutlist/v1\nkind: Project\nmetadata: {name: films}\nspec:\n  endpoint:"
        " http://127.0.0.1:1/api/v1\n",
    )
    monkeypatch.setenv("CUTLIST_LEDGER", "postgresql://u:s3cret@127.0.0.1:1/x")
    said = workspace.run(command)
    assert said.code == 1, said
    assert "the ledger at 127.0.0.1 cannot be reached (Connection refused)." in said.err
    assert "s3cret" not in said.out + said.err
    assert "Traceback" not in said.err

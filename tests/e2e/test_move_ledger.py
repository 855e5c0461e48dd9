"""A ledger from a file into the shared one and back: all of it arrives, nothing is paid again, and
where it came from is used by nobody.
"""

from __future__ import annotations

from contextlib import closing

import pytest

from reconciler.errors import LedgerError, Locked, UsageError
from reconciler.state.ledger import SqliteLedger
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.errors import LedgerRetired
from reconciler.state.ledger.sqlite import SqliteDatabase
from reconciler.state.store import FolderNotes
from tests.e2e.bench import Bench
from tests.postgres import make_address, open_ledger
from tests.state.ledgers import intend


class Killed(BaseException):
    """The end of a process."""


def write_project(bench: Bench, address: LedgerAddress, *, shared: bool) -> None:
    """The project file, with or without the shared ledger."""
    ledger = {"ledger": address.url} if shared else {}
    bench.write_project(name="films", account=address.account, **ledger)


@pytest.fixture
async def moved(bench: Bench) -> LedgerAddress:
    """A project with a rendered edit, ready to be moved."""
    address = make_address()
    write_project(bench, address, shared=False)
    bench.edit("rain")
    await bench.apply()
    write_project(bench, address, shared=True)
    return address


async def test_there_and_back(bench: Bench, moved: LedgerAddress) -> None:
    """The books and what was rendered are the same in each place."""
    write_project(bench, moved, shared=False)
    before = bench.project().run_pass(whole=True)
    log = bench.project().log()
    write_project(bench, moved, shared=True)
    said = bench.project().move_ledger("shared")
    assert "Moved 1 request into the shared ledger" in said
    after = bench.project().run_pass(whole=True)
    assert after.observed.history == before.observed.history
    assert bench.project().log() == log
    assert (await bench.apply()).exit_code == 0
    write_project(bench, moved, shared=False)
    for act in (bench.project().plan, bench.project().status):
        with pytest.raises(LedgerError, match="was moved into a shared ledger"):
            act()
    write_project(bench, moved, shared=True)
    assert "Moved 1 request into" in bench.project().move_ledger("file")
    with pytest.raises(LedgerError, match="was moved into a file"):
        bench.project().plan()
    write_project(bench, moved, shared=False)
    assert bench.project().log() == log
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 1


async def test_a_file_with_requests_is_not_left_behind(bench: Bench, moved: LedgerAddress) -> None:
    """The shared ledger would not know what was sent: nothing is spent until it was moved."""
    bench.edit("snow", "make it snow")
    with pytest.raises(LedgerError, match="the shared ledger does not know them") as caught:
        await bench.apply()
    assert "cutlist move --to shared" in str(caught.value.hint)
    assert bench.creates() == 1
    bench.project().move_ledger("shared")
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 2


async def test_nothing_is_moved_by_halves(bench: Bench, moved: LedgerAddress) -> None:
    """A request that may be on its way, a key that the other has, a project that is there
    already: refused, and the file goes on as it was.
    """
    file = bench.project().config.state_dir / "ledger.db"
    with closing(open_ledger(moved, "adverts")) as other, closing(SqliteLedger.open(file)) as ours:
        (key,) = ours.read_whole_history(now=0.0)
        intend(other, "theirs", key)
        other.submitted("theirs", "their task", at=0.0)
        with pytest.raises(LedgerError, match="a job or a task is in both"):
            bench.project().move_ledger("shared")
        assert [each.key for each in other.read_whole_history(now=0.0)[key].attempts] == [key]
        intend(ours, "open", "another key")
    with pytest.raises(LedgerError, match="may be on its way"):
        bench.project().move_ledger("shared")
    write_project(bench, moved, shared=False)
    bench.project().plan()


async def test_a_closed_ledger_is_not_another_one(bench: Bench, moved: LedgerAddress) -> None:
    """Its note in the store goes, and that of the ledger which has its requests now is there."""
    (notes,) = bench.root.rglob("ledgers")
    (before,) = notes.iterdir()
    assert len(bench.project().find_other_ledgers()) == 1
    bench.project().move_ledger("shared")
    (shared,) = notes.iterdir()
    assert shared != before
    assert not bench.project().find_other_ledgers()
    bench.project().move_ledger("file")
    assert list(notes.iterdir()) == [before]


async def test_a_note_that_cannot_be_handed_over(
    bench: Bench, moved: LedgerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The move is done; what is left to do stands behind it."""

    def refuse(*_arguments: object) -> None:
        raise PermissionError("no right")

    monkeypatch.setattr(FolderNotes, "remove", refuse)
    said = bench.project().move_ledger("shared")
    assert said.startswith("Moved 1 request into the shared ledger")
    assert "The store still has a note of the closed one (no right); remove it from" in said


async def test_where_there_is_nothing_to_move(bench: Bench) -> None:
    """Told, and nothing is made."""
    address = make_address()
    write_project(bench, address, shared=False)
    with pytest.raises(UsageError, match="no shared ledger is named"):
        bench.project().move_ledger("shared")
    write_project(bench, address, shared=True)
    with pytest.raises(UsageError, match="nothing is to be moved"):
        bench.project().move_ledger("shared")


async def test_a_move_that_was_killed_is_finished(
    bench: Bench, moved: LedgerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All has arrived, and the file was not closed yet: the next move closes it."""
    with monkeypatch.context() as patch:
        patch.setattr(SqliteDatabase, "retire", lambda self: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            bench.project().move_ledger("shared")
    with pytest.raises(LedgerError, match="the shared ledger does not know them"):
        await bench.apply()
    bench.project().move_ledger("shared")
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 1


async def test_a_move_back_while_others_work(bench: Bench, moved: LedgerAddress) -> None:
    """Refused, and everything is as it was, the closed file too."""
    bench.project().move_ledger("shared")
    file = bench.project().config.state_dir / "ledger.db"
    with closing(open_ledger(moved, "films", "somebody")), pytest.raises(Locked):
        bench.project().move_ledger("file")
    with pytest.raises(LedgerRetired):
        SqliteLedger.open(file)
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 1

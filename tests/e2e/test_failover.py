"""A replica takes the place of the ledger's server, and lacks the last commits: a real one, with a
copy of the data from before.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.apply.context import NeedsPerson
from reconciler.state.ledger.address import LedgerAddress
from reconciler.state.ledger.errors import FailedOver
from tests.e2e.bench import Bench
from tests.postgres import Server, make_server, open_ledger
from tests.state.ledgers import intend

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of these tests alone: what it is known as changes each time."""
    made = make_server()
    yield made
    made.remove()


@pytest.fixture
def sharing(bench: Bench, server: Server) -> Bench:
    """A project whose ledger is shared, and as good as new."""
    account = f"account-{next(_numbers)}"
    bench.write_project(name="films", account=account, ledger=server.url)
    return bench


async def render_elsewhere(bench: Bench, name: str, clone: Path) -> str:
    """Another machine, with a store of its own, renders an edit; the id of its task."""
    here = bench.root
    shutil.copytree(here, clone)
    bench.root = clone
    assert (await bench.apply()).exit_code == 0
    bench.root = here
    task = max(bench.server.tasks(), key=lambda each: each["submit_at"])
    return str(task["task_id"])


async def test_what_was_lost_is_named_before_anything_is_sent(
    sharing: Bench, server: Server, tmp_path: Path
) -> None:
    """The task that the ledger has forgotten is told, with what to do about it, and exit 5; linked,
    it is brought home, and nothing is paid twice.
    """
    sharing.edit("rain")
    assert (await sharing.apply()).exit_code == 0
    server.keep_a_copy()
    sharing.edit("snow", "make it snow")
    task_id = await render_elsewhere(sharing, "snow", tmp_path / "clone")
    server.fail_over()
    with pytest.raises(NeedsPerson) as told:
        await sharing.apply()
    assert (told.value.exit_code, sharing.creates()) == (5, 2)
    assert told.value.message == (
        "nothing was sent: the account has 1 task of the last 24 h that the ledger does not know"
        f" ({task_id}). Requests whose notes were lost may have made them."
    )
    assert "cutlist import EDIT --task TASK_ID" in told.value.hint
    assert any("lies on another server than before" in line for line in sharing.said)
    (stray,) = sharing.project().plan().strays
    assert stray.task_id == task_id
    await sharing.project().import_task("snow", task_id)
    assert (await sharing.apply()).exit_code == 0
    assert sharing.output("snow").exists()
    assert sharing.creates() == sharing.billed_tasks() == 2


async def test_what_lost_nothing_goes_on(sharing: Bench, server: Server) -> None:
    """The list is read once, and the apply does what it was asked to."""
    sharing.edit("rain")
    assert (await sharing.apply()).exit_code == 0
    server.keep_a_copy()
    server.fail_over()
    sharing.edit("snow", "make it snow")
    assert (await sharing.apply()).exit_code == 0
    said = len(sharing.said)
    assert (await sharing.apply()).exit_code == 0
    assert len(sharing.said) == said
    assert sharing.creates() == 2


def test_a_run_that_goes_on_sends_nothing(server: Server) -> None:
    """Who was connected before is connected to the other server by the next question, and may not
    begin a request there.
    """
    ledger = open_ledger(LedgerAddress(server.url, "live", "studio"))
    server.keep_a_copy()
    intend(ledger)
    server.fail_over()
    with pytest.raises(FailedOver, match="may have lost what was written last"):
        intend(ledger, "b", "k2", "l2")
    assert ledger.open_intents() == []
    ledger.accept_server()
    intend(ledger, "b", "k2", "l2")
    ledger.close()

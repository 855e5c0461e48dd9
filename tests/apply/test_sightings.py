"""Poll answers share commits; what is final is durable before anybody goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from reconciler.apply.sightings import GROUP_S, Sightings
from reconciler.errors import LedgerError
from reconciler.state.ledger import Sighting
from tests.clock import FakeClock


class Notebook:
    """What a ledger has of sightings."""

    def __init__(self) -> None:
        self.commits: list[tuple[str, ...]] = []
        self.status: dict[str, str] = {}
        self.is_full = False

    def tasks_seen(self, sightings: Sequence[Sighting]) -> None:
        if self.is_full:
            raise LedgerError("the disk is full.")
        self.commits.append(tuple(each.task_id for each in sightings))
        self.status.update({each.task_id: each.status for each in sightings})


async def slowly(function: Callable[..., Any], *args: Any) -> Any:
    """A commit takes some turns of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)
    return function(*args)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sightings(notebook: Notebook, clock: FakeClock) -> Sightings:
    return Sightings(notebook, clock, slowly)  # type: ignore[arg-type]


async def test_ends_that_come_together_share_a_commit(
    sightings: Sightings, notebook: Notebook
) -> None:
    """A hundred ends are two commits: the first one's own, and one for those who came meanwhile."""
    names = [f"task-{n}" for n in range(100)]
    notes = (sightings.note(name, "SUCCEEDED", {}, final=True) for name in names)
    await asyncio.gather(*notes)
    assert notebook.status == dict.fromkeys(names, "SUCCEEDED")
    assert len(notebook.commits) <= 2


async def test_an_end_is_durable_when_it_is_noted(sightings: Sightings, notebook: Notebook) -> None:
    await sightings.note("a", "FAILED", {}, final=True)
    assert notebook.status == {"a": "FAILED"}


async def test_what_goes_on_waits_for_others(
    sightings: Sightings, notebook: Notebook, clock: FakeClock
) -> None:
    await sightings.note("a", "PENDING", {}, final=False)
    await sightings.note("a", "RUNNING", {}, final=False)
    await sightings.note("b", "RUNNING", {}, final=False)
    assert notebook.status == {"a": "PENDING"}
    clock.advance(GROUP_S)
    await sightings.note("c", "RUNNING", {}, final=False)
    assert notebook.commits == [("a",), ("a", "b", "c")]
    assert notebook.status == dict.fromkeys("abc", "RUNNING")


async def test_the_last_word_is_the_newest(sightings: Sightings, notebook: Notebook) -> None:
    sightings.add("a", "RUNNING", {})
    await sightings.note("a", "SUCCEEDED", {}, final=True)
    await sightings.write()
    assert notebook.status == {"a": "SUCCEEDED"}
    assert len(notebook.commits) == 1


async def test_what_could_not_be_written_is_kept(sightings: Sightings, notebook: Notebook) -> None:
    notebook.is_full = True
    with pytest.raises(LedgerError):
        await sightings.note("a", "SUCCEEDED", {}, final=True)
    notebook.is_full = False
    await sightings.note("b", "SUCCEEDED", {}, final=True)
    assert notebook.commits == [("a", "b")]


async def test_a_cancelled_note_is_written_all_the_same(
    sightings: Sightings, notebook: Notebook
) -> None:
    noting = asyncio.ensure_future(sightings.note("a", "SUCCEEDED", {}, final=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    noting.cancel()
    await asyncio.wait([noting])
    assert notebook.commits == [("a",)]
    await sightings.write()
    assert notebook.status == {"a": "SUCCEEDED"}

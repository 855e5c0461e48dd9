"""The controller as a whole: what asks for passes, what ends them, and that none holds up more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from reconciler.apply.outcome import SUPERSEDED, Stop
from reconciler.controller.conditions import PassEnd
from reconciler.controller.documents import Repository
from reconciler.controller.running import PassThreads
from reconciler.errors import UsageError
from tests.controller.stage import Stage
from tests.e2e.bench import CREATE, FETCH, Trouble
from tests.githost import GitHost

PATIENCE_S = 120.0  # of real time; nothing takes so long


class Gate(Trouble):
    """Holds up requests until it is opened."""

    def __init__(self, kind: tuple[str, str]) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

        async def wait(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
            self.reached.set()
            await self.opened.wait()
            response: httpx.Response = await send(request)
            return response

        super().__init__(*kind, wait, times=999)


@asynccontextmanager
async def serving(stage: Stage) -> AsyncIterator[None]:
    """The controller at work, for the length of a block."""
    assert stage.controller is not None
    stop = Stop()
    work = asyncio.ensure_future(stage.controller.serve(stop))
    try:
        yield
    finally:
        stop.request("SIGTERM")
        await asyncio.wait_for(work, PATIENCE_S)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so. Whatever makes it so runs in this loop, or in a thread."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)


def is_applied(stage: Stage, commit: str) -> Callable[[], bool]:
    return lambda: stage.status.last_applied_revision == commit


async def test_a_hint_is_enough(stage: Stage) -> None:
    """A push is rendered when somebody says "look", without waiting for the interval."""
    stage.edit("rain")
    stage.push()
    controller = stage.start()
    async with serving(stage):
        await until(lambda: bool(stage.status.last_applied_revision))
        stage.edit("snow", "snow")
        commit = stage.push()
        controller.look("films", "webhook")
        await until(is_applied(stage, commit))
    assert stage.billed_tasks() == 2


async def test_the_interval_finds_what_hints_missed(stage: Stage) -> None:
    stage.edit("rain")
    first = stage.push()
    stage.start()
    async with serving(stage):
        await until(is_applied(stage, first))
        stage.edit("snow", "snow")
        commit = stage.push()

        def is_found() -> bool:
            stage.alarms.ring(1)
            return stage.status.last_applied_revision == commit

        await until(is_found)


async def test_a_newer_commit_supersedes(stage: Stage) -> None:
    """The pass over the older one ends at once; its task is taken up by the next, and is paid
    once.
    """
    stage.edit("rain")
    stage.push()
    gate = Gate(FETCH)
    stage.network.trouble = [gate]
    controller = stage.start()
    async with serving(stage):
        await gate.reached.wait()
        stage.edit("snow", "snow")
        commit = stage.push()
        gate.opened.set()
        controller.look("films", "webhook")
        await until(is_applied(stage, commit))
    assert stage.billed_tasks() == 2
    assert stage.creates() == 2


async def test_the_pass_that_is_superseded_sends_nothing_more(stage: Stage) -> None:
    """What the newer commit does not ask for is never sent."""
    for number in range(9):
        stage.edit(f"e{number}", f"storm {number}")
    stage.push()
    gate = Gate(CREATE)
    stage.network.trouble = [gate]
    controller = stage.start()
    async with serving(stage):
        await gate.reached.wait()
        for number in range(1, 9):
            (stage.repository.root / "specs" / f"e{number}.yaml").unlink()
        commit = stage.push()
        controller.look("films", "webhook")
        ends = lambda: any(  # noqa: E731
            record.end is PassEnd.SUPERSEDED for record in stage.status.history
        )
        running = controller.entries.find("films").running
        assert running is not None
        await until(lambda: running._stop.reason == SUPERSEDED)  # the glance is of another thread
        gate.opened.set()
        await until(is_applied(stage, commit))
        assert ends()
    assert stage.creates() == 1


async def test_suspend_and_resume(stage: Stage) -> None:
    """Suspending ends the pass and begins none, also after a restart; resuming goes on."""
    stage.edit("rain")
    commit = stage.push()
    gate = Gate(FETCH)
    stage.network.trouble = [gate]
    controller = stage.start()
    async with serving(stage):
        await gate.reached.wait()
        controller.suspend("films")
        gate.opened.set()
        await until(lambda: stage.status.pass_started is None)
        with pytest.raises(UsageError, match="suspended"):
            controller.reconcile("films")
    controller = stage.start()
    async with serving(stage):
        stage.alarms.ring(3600)
        assert stage.status.suspended
        controller.resume("films")
        await until(is_applied(stage, commit))
    assert stage.billed_tasks() == 1


async def test_one_broken_sync_holds_up_no_other(stage: Stage) -> None:
    """A remote that hangs, one that is not there, and one that works."""
    stage.edit("rain")
    commit = stage.push()
    other = GitHost(stage.folder / "other")
    other.order("hang", times=99)
    hanging = replace(
        stage.make_sync(), name="a-hanging", repository=Repository(f"{other.url}/films.git")
    )
    missing = replace(
        stage.make_sync(), name="b-missing", repository=Repository(f"{stage.host.url}/no.git")
    )
    threads = PassThreads(3)
    controller = stage.start(hanging, missing, stage.make_sync(), threads=threads)

    def find(name: str) -> Any:
        return next(status for status in controller.entries.list_statuses() if status.name == name)

    async with serving(stage):
        await until(lambda: find("films").last_applied_revision == commit)
        await until(lambda: bool(find("b-missing").conditions))
        other.close()
    threads.close()
    assert stage.billed_tasks() == 1


async def test_documents_are_read_anew(stage: Stage) -> None:
    """What was taken out ends; what was put in begins."""
    stage.edit("rain")
    commit = stage.push()
    controller = stage.start()
    other = replace(stage.make_sync(), name="other")
    async with serving(stage):
        await until(is_applied(stage, commit))
        controller.replace_syncs([other])
        await until(is_applied(stage, commit))
        assert [status.name for status in controller.entries.list_statuses()] == ["other"]
        with suppress(UsageError):
            controller.reconcile("films")
            raise AssertionError("it is gone")


async def test_a_fault_of_our_own_ends_one_pass(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.edit("rain")
    commit = stage.push()

    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    stage.start()
    with monkeypatch.context() as patch:
        patch.setattr("reconciler.controller.passes.Checkout.prepare", break_down)
        async with serving(stage):
            await until(lambda: bool(stage.status.history))
            assert stage.describe() == ("False", "CutlistError")
    stage.start()
    async with serving(stage):
        await until(is_applied(stage, commit))

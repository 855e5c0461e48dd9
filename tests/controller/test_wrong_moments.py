"""What people do in the middle of a pass, and what a remote does behind a controller."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.controller.conditions import ConditionType
from reconciler.controller.documents import Repository, Sync
from tests.controller.stage import Stage
from tests.controller.test_controller import Gate, is_applied, serving, until
from tests.e2e.bench import CREATE, FETCH, Trouble, answer


async def test_a_commit_that_was_taken_back_leaves_nothing_at_the_service(stage: Stage) -> None:
    """The branch is set back to what was rendered before while tasks of a newer commit are at the
    service: they are looked after at once, and not when all is compared again.
    """
    stage.edit("rain")
    first = stage.push()
    await stage.run()
    stage.network.trouble = [Trouble(*FETCH, answer(401, code="InvalidApiKey"), times=99)]
    stage.edit("snow", "snow")
    stage.push()
    await stage.run()
    assert stage.creates() == 2
    stage.network.trouble = []
    stage.network.requests.clear()
    stage.repository.git("reset", "--quiet", "--hard", first)
    stage.host.publish(stage.repository)
    status = await stage.run()
    assert any(request.startswith("GET") for request in stage.network.requests)
    assert (status.last_attempted_revision, status.last_applied_revision) == (first, first)


async def test_put_back_while_its_pass_ends(stage: Stage) -> None:
    """A document that is taken out and put back at once is the same one: its status tells of the
    pass that still ends, which does not write over what people have said since.
    """
    stage.edit("rain")
    stage.push()
    gate = Gate(FETCH)
    stage.network.trouble = [gate]
    controller = stage.start()
    async with serving(stage):
        await gate.reached.wait()
        controller.replace_syncs([])
        controller.replace_syncs([stage.make_sync()])
        assert stage.status.pass_started is not None
        controller.suspend("films")
        gate.opened.set()
        await until(lambda: stage.status.pass_started is None)
    assert stage.status.suspended
    assert stage.start().entries.list_statuses()[0].suspended


async def test_a_document_that_suspends_ends_the_pass(stage: Stage) -> None:
    for number in range(9):
        stage.edit(f"e{number}", f"storm {number}")
    stage.push()
    gate = Gate(CREATE)
    stage.network.trouble = [gate]
    controller = stage.start()
    async with serving(stage):
        await gate.reached.wait()
        controller.replace_syncs([stage.make_sync(suspend=True)])
        gate.opened.set()
        await until(lambda: stage.status.pass_started is None)
        assert stage.creates() == 1
        controller.replace_syncs([stage.make_sync()])
        assert not stage.status.suspended


async def test_a_changed_document_is_acted_on_after_the_pass(stage: Stage) -> None:
    """What the pass of the old document saw says nothing about the new one."""
    stage.write_project(
        defaults={"model": "wan2.7-videoedit", "parameters": {"resolution": "720P"}},
        environments={"final": {"parameters": {"resolution": "1080P"}}},
    )
    stage.edit("rain")
    stage.push()
    gate = Gate(FETCH)
    stage.network.trouble = [gate]
    controller = stage.start()
    async with serving(stage):
        await gate.reached.wait()
        controller.replace_syncs([stage.make_sync(environment="final")])
        gate.opened.set()
        await until(lambda: stage.billed_tasks() == 2)


async def test_a_tag_with_a_message_is_no_newer_commit(stage: Stage) -> None:
    """The tag is an object of its own; what is followed is the commit that it names."""
    stage.edit("rain")
    commit = stage.push()
    stage.repository.git("tag", "--annotate", "--message", "first", "v1")
    stage.host.publish(stage.repository)
    stage.start(repository=Repository(stage.url, "v1"))
    gate = Gate(FETCH)
    stage.network.trouble = [gate]
    assert stage.controller is not None
    async with serving(stage):
        await gate.reached.wait()
        visits = len(stage.host.visits)
        stage.controller.look("films", "webhook")
        await until(lambda: len(stage.host.visits) > visits)
        gate.opened.set()
        await until(is_applied(stage, commit))
        ends = [record.end for record in stage.status.history]
    assert ends == ["applied"]
    await stage.run(repository=Repository(stage.url, "v1"))
    history = stage.status.history
    await stage.run()
    assert stage.status.history == history  # a glance, and no pass


async def test_a_fault_that_every_pass_meets_has_one_report(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk does not fill with them."""
    stage.edit("rain")
    stage.push()
    reports: list[Exception] = []

    def report(_sync: Sync, error: Exception) -> str:
        reports.append(error)
        return "it is told in a file"

    def break_down(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("reconciler.controller.passes.Checkout.prepare", break_down)
    controller = stage.start()
    controller._settings = replace(controller._settings, report_fault=report)
    for _ in range(3):
        await stage.run()
    assert len(reports) == 1
    ready = stage.status.find(ConditionType.READY)
    assert ready is not None and "it is told in a file" in ready.message

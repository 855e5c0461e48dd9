"""After a failure: go on with the others, or send nothing more and bring home what was sent."""

from __future__ import annotations

import pytest

from reconciler.apply.events import Phase
from reconciler.apply.outcome import NotTried, Report
from reconciler.report.outcome import write_outcome
from reconciler.service.codes import MOST_ROUNDS
from reconciler.service.retry import UNKNOWN_LOOKS
from tests.e2e.bench import CREATE, FETCH, Bench, Trouble, answer, failed
from tests.e2e.test_trouble import unknown_to_the_service


def _ends(report: Report) -> dict[str, str]:
    return {
        name: "ok" if each.ok else "not tried" if isinstance(each.error, NotTried) else "failed"
        for name, each in report.outcomes.items()
    }


@pytest.mark.parametrize("fail_fast", [False, True])
async def test_a_refused_request(bench: Bench, fail_fast: bool) -> None:
    """The one that was refused is the last one sent, when that is asked for; the exit code is the
    same.
    """
    for name in "abcd":
        bench.edit(name, prompt=name)
    bench.write_project(limits={"running_tasks": 1})
    bench.network.trouble = [Trouble(*CREATE, answer(400, code="InvalidParameter", message="no"))]
    report = await bench.apply(fail_fast=fail_fast)
    rest = "not tried" if fail_fast else "ok"
    assert _ends(report) == {"a": "failed", "b": rest, "c": rest, "d": rest}
    assert (report.exit_code, bench.billed_tasks()) == (4, 0 if fail_fast else 3)
    assert (await bench.apply()).outcomes.keys() == ({"b", "c", "d"} if fail_fast else set())


async def test_what_was_sent_is_brought_home(bench: Bench) -> None:
    """Two tasks run, one fails: the other is collected and written, what builds on it is
    not sent.
    """
    for name in "ab":
        bench.edit(name, prompt=name)
    bench.edit("c", url="edit://b")
    bench.write_project(limits={"running_tasks": 2})
    bench.network.trouble = [Trouble(*FETCH, failed("DataInspectionFailed", "no"))]
    report = await bench.apply(fail_fast=True)
    ends = _ends(report)
    assert sorted(ends[name] for name in "ab") == ["failed", "ok"]
    assert ends.get("c") in (None, "not tried")
    assert bench.creates() == 2
    assert report.in_flight == ()


async def test_a_task_that_is_tried_again_is_no_failure_yet(bench: Bench) -> None:
    """The service's own failure is sent again; the first one that is given up ends the sending."""
    bench.edit("a")
    bench.edit("b", url="edit://a")
    bench.network.trouble = [
        Trouble(*FETCH, failed("InternalError.Algo", "An internal error has occurred."))
    ]
    report = await bench.apply(fail_fast=True)
    assert (report.exit_code, _ends(report)) == (0, {"a": "ok", "b": "ok"})


async def test_only_the_last_attempt_fails_an_edit(bench: Bench) -> None:
    """What is sent again is under way still; an edit fails once, however often it was tried."""
    bench.edit("a")
    bench.network.trouble = [
        Trouble(*FETCH, failed("InternalError.Algo", "An internal error has occurred"))
        for _ in range(MOST_ROUNDS)
    ]
    await bench.apply()
    ends = [(event.phase, event.note) for event in bench.events if "internal" in event.note]
    again = "InternalError.Algo: An internal error has occurred. It is sent again"
    assert [phase for phase, _ in ends] == [Phase.WAITING] * (MOST_ROUNDS - 1) + [Phase.FAILED]
    assert {note for _, note in ends[:-1]} == {again}


async def test_the_name_of_an_edit_stands_once(bench: Bench) -> None:
    """A task that the service does not know: the report says the edit's name once."""
    bench.edit("a")
    bench.network.trouble = [Trouble(*FETCH, unknown_to_the_service, times=UNKNOWN_LOOKS)]
    said = write_outcome(await bench.apply())
    assert "✗ a  the service does not know the task" in said

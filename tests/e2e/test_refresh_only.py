"""`--refresh-only`: what is paid for is brought home and known; nothing is sent, written
or pinned.
"""

from __future__ import annotations

import json
from typing import Any

from reconciler.apply.outcome import Stop
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action
from reconciler.report.plan import write_plan
from tests.e2e.bench import CREATE, FETCH, Bench, Trouble, answer, failed, lost_after

REFRESH = PlanOptions(refresh_only=True)


async def _leave_in_flight(bench: Bench, project: Any = None) -> None:
    """An apply that is interrupted when its task is at the service."""
    stop = Stop()

    async def interrupt(request: Any, send: Any) -> Any:
        stop.request("SIGINT")
        return await send(request)

    bench.network.trouble = [Trouble(*FETCH, interrupt)]
    report = await bench.apply(project, stop=stop)
    assert len(report.in_flight) == 1
    bench.network.trouble = []


async def test_what_is_in_flight_is_collected_and_not_written(bench: Bench) -> None:
    """The result is in the store; the file, the lock file and every other edit are as they were."""
    bench.edit("a")
    project = bench.live_project()
    await _leave_in_flight(bench, project)
    bench.edit("b", prompt="snow")
    lock = bench.root / "cutlist.lock"
    before = lock.read_bytes() if lock.exists() else None
    made = project.plan(REFRESH)
    assert ({name: count for name, count in made.summary.items() if count}, made.left_out) == (
        {"resume": 1},
        1,
    )
    report = await bench.apply(project, options=REFRESH)
    assert (report.exit_code, report.done(Action.RESUME), bench.creates()) == (0, 1, 1)
    assert not bench.output("a").exists()
    assert (lock.read_bytes() if lock.exists() else None) == before
    assert report.to_json()["terraform"] == {"add": 0, "change": 0, "destroy": 0}
    after = project.plan()
    assert {name: count for name, count in after.summary.items() if count} == {
        "render": 1,
        "write": 1,
    }
    assert write_plan(project.plan(REFRESH)) == "No changes.\n2 edits are left out, as asked for.\n"


async def test_a_lost_answer_is_settled(bench: Bench) -> None:
    """The service is asked whether the request arrived; it is adopted, collected, and nothing is
    sent.
    """
    bench.edit("a")
    unasked = Trouble("GET", "/tasks", answer(500, code="InternalError", message="oops"), times=99)
    bench.network.trouble = [Trouble(*CREATE, lost_after), unasked]
    await bench.apply()
    bench.network.trouble = []
    assert bench.project().plan(REFRESH).summary["settle"] == 1
    report = await bench.apply(options=REFRESH)
    assert (report.exit_code, bench.creates(), bench.billed_tasks()) == (0, 1, 1)
    assert bench.project().plan().summary["write"] == 1


async def test_a_failed_task_is_not_sent_again(bench: Bench) -> None:
    """Not even one that an ordinary apply would try again."""
    bench.edit("a")
    await _leave_in_flight(bench)
    bench.network.trouble = [
        Trouble(*FETCH, failed("InternalError.Algo", "An internal error has occurred."))
    ]
    report = await bench.apply(options=REFRESH)
    assert (report.exit_code, bench.creates()) == (4, 1)
    assert bench.project().plan().summary["render"] == 1


async def test_nothing_in_flight_asks_nobody(bench: Bench) -> None:
    """No request, no question, no cost, whatever there is to render."""
    bench.edit("a")
    questions: list[float] = []
    report = await bench.apply(
        options=REFRESH,
        max_cost=0.0,
        approve=lambda plan: questions.append(plan.total(*Action).billable_s) or True,
    )
    assert (report.exit_code, bench.network.requests, questions) == (0, [], [0.0])
    assert json.loads(json.dumps(report.to_json()))["rendered"] == 0

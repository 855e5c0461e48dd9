"""A program as a user would write it: checked by mypy --strict, and run, by test_types.py."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from reconciler import (
    Action,
    ApplyHooks,
    ApplyRequest,
    CutlistError,
    Event,
    Phase,
    Plan,
    PlanOptions,
    Project,
    Report,
    Stop,
    read_plan,
)


def describe(plan: Plan) -> str:
    """One line a step."""
    lines = [f"{step.name}: {step.action.value}, {step.cost.billable_s} s" for step in plan.steps]
    return "\n".join(lines)


def approve(plan: Plan) -> str:
    """A yes in words, for little money only."""
    cost = plan.total(Action.RENDER, Action.WAIT)
    cheap = cost.price is not None and cost.price < 5.0
    return "the program, below 5" if cheap else ""


async def render(project: Project, seen: list[str]) -> Report:
    """Apply with an ear on what happens."""

    def observe(event: Event) -> None:
        if event.phase is Phase.WRITTEN:
            seen.append(event.output)

    request = ApplyRequest(PlanOptions(retry_failed=True), max_cost=5.0)
    hooks = ApplyHooks(approve=approve, observe=observe, tell=print)
    return await project.apply_async(request, hooks, stop=Stop())


async def watch_once(project: Project) -> int:
    """The first pass of a watch."""
    async for watch_pass in project.watch():
        report = await watch_pass.apply()
        return report.exit_code
    return 1


def main(folder: Path) -> None:
    """Plan, apply, and look at what there is then."""
    project = Project.open(folder)
    print(describe(project.plan()))
    project.save(folder / "night.plan")
    saved = read_plan(folder / "night.plan")
    assert saved.plan.summary == project.plan().summary
    seen: list[str] = []
    report = asyncio.run(render(project, seen))
    assert report.exit_code == 0, [str(outcome.error) for outcome in report.failures]
    print(report.done(Action.RENDER), seen, project.status().needs_person)
    name = project.plan().steps[0].name
    for document in (
        project.show(name).to_json(),
        project.explain(name).to_json(),
        project.graph().to_json(),
        project.plan().to_json(),
        project.status().to_json(),
        project.cost().to_json(),
        *(record.to_json() for record in project.log()),
        project.gc(commits=1).to_json(),
        *(check.to_json() for check in project.check_budgets(project.plan())),
    ):
        print(json.dumps(document)[:80])
    try:
        project.show("nothing-of-that-name")
    except CutlistError as error:
        print(error.exit_code, error.message, error.hint)
    assert asyncio.run(watch_once(project)) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))

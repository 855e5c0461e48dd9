"""One apply on the screen: the plan, the question, the progress, the last word."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from reconciler.apply.outcome import Report, Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest, SavedPlan
from reconciler.cli import progress, screen
from reconciler.cli.approval import _approval
from reconciler.cli.signals import _signals
from reconciler.plan.decide import Options
from reconciler.plan.step import Plan
from reconciler.project import Project
from reconciler.report import outcome as endings
from reconciler.report import plan as words
from reconciler.report.cost import today_lines
from reconciler.watch import WatchPass


def run_apply(
    project: Project,
    options: Options,
    *,
    as_json: bool,
    auto_approve: bool,
    max_cost: float | None,
    saved: SavedPlan | None = None,
    fail_fast: bool = False,
) -> int:
    """One apply, from the plan to the last word. Returns the exit code."""
    return _run(
        project,
        options,
        as_json=as_json,
        auto_approve=auto_approve,
        max_cost=max_cost,
        stop=Stop(),
        saved=saved,
        fail_fast=fail_fast,
    ).exit_code


def _run(
    project: Project,
    options: Options,
    *,
    as_json: bool,
    auto_approve: bool,
    max_cost: float | None,
    stop: Stop,
    saved: SavedPlan | None = None,
    fail_fast: bool = False,
    watch_pass: WatchPass[Project] | None = None,
) -> Report:
    """One apply, or one pass of a watch, and how it ended. `stop` tells afterwards whether Ctrl-C
    came.
    """
    apply = project.apply_async if watch_pass is None else watch_pass.apply
    agreed = "a saved plan" if saved is not None else "--auto-approve" if auto_approve else ""
    asked = _approval(project, stop, agreed, as_json=as_json)
    show = _showing(project, max_cost, as_json=as_json)
    tell: Callable[[str], None] = screen.note if as_json else screen.say
    with _progress(project, as_json=as_json) as shown, _signals(stop) as hear:

        def approve(plan: Plan) -> str:
            """Nothing may move on the screen while somebody is asked there."""
            words = asked(plan)
            if words:
                shown.begin(plan)
            return words

        report = asyncio.run(
            _applied(
                apply,
                ApplyRequest(options, saved, max_cost, fail_fast),
                ApplyHooks(show, approve, shown.observe, tell),
                stop,
                hear,
            )
        )
    if as_json:
        screen.json_line({"event": "end", **endings.report_document(report)})
    elif report.plan.changes or report.outcomes:
        screen.show(endings.report_blocks(report))
    return report


async def _applied(
    apply: Callable[..., Awaitable[Report]],
    request: ApplyRequest,
    hooks: ApplyHooks,
    stop: Stop,
    hear: Callable[[], None],
) -> Report:
    hear()
    return await apply(request, hooks, stop=stop)


def _showing(project: Project, max_cost: float | None, *, as_json: bool) -> Callable[[Plan], None]:
    """Shows the plan, whatever becomes of it then."""

    def show(plan: Plan) -> None:
        if as_json:
            held = [check.to_json() for check in project.check_budgets(plan, max_cost=max_cost)]
            screen.json_line({"event": "plan", **plan.to_json(), "budgets": held})
        else:
            spent = today_lines(project.add_up_today(), plan.currency) if plan.changes else ()
            screen.show([*words.plan_blocks(plan), *spent, ""])

    return show


def _progress(project: Project, *, as_json: bool) -> progress.Progress:
    currency = project.config.prices.currency
    if as_json:
        return progress.JsonLines()
    return (
        progress.Live(currency, project.clock.monotonic)
        if screen.ERR.moving
        else progress.Lines(currency)
    )

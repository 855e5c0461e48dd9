"""One apply at the command line: the plan, the question, the progress, the last word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.apply.outcome import Report, Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.cli import progress, screen
from reconciler.cli.approval import make_approval
from reconciler.cli.loop import run_in_loop
from reconciler.cli.signals import stop_on_signal
from reconciler.plan.step import Plan
from reconciler.project import Project
from reconciler.report.cost import describe_today
from reconciler.report.outcome import lay_out_outcome
from reconciler.report.plan import lay_out_plan

Ask = Callable[[Plan], str]


def apply_project(
    project: Project, request: ApplyRequest, *, auto_approve: bool, as_json: bool = False
) -> Report:
    """Apply a project, show all of it, and report how it ended."""
    stop = Stop()
    agreed = "--auto-approve" if auto_approve else ""
    if request.saved is not None:
        agreed = "a saved plan"
    ask = make_approval(project.config.approver, stop, agreed=agreed, as_json=as_json)
    with (
        show_apply(project, request, ask, as_json=as_json) as hooks,
        stop_on_signal(stop) as attach_loop,
    ):

        async def apply_in_loop() -> Report:
            attach_loop()
            return await project.apply_async(request, hooks, stop=stop)

        report = run_in_loop(apply_in_loop())
    show_report(report, as_json=as_json)
    return report


@contextmanager
def show_apply(
    project: Project, request: ApplyRequest, ask: Ask, *, as_json: bool
) -> Iterator[ApplyHooks]:
    """The hooks that show one apply, for its length; `ask` says who agreed to the plan."""
    with _make_progress(project, as_json=as_json) as display:

        def approve(plan: Plan) -> str:
            """Ask first, show progress then: nothing may move where somebody is asked."""
            approval = ask(plan)
            if approval:
                display.begin(plan)
            return approval

        yield ApplyHooks(
            show=_make_plan_display(project, request.max_cost, as_json=as_json),
            approve=approve,
            observe=display.observe,
            tell=screen.note if as_json else screen.say,
        )


def show_report(report: Report, *, as_json: bool) -> None:
    """The last word of an apply."""
    if as_json:
        screen.print_json_line({"event": "end", **report.to_json()})
    elif report.plan.changes or report.outcomes or report.cancelled:
        screen.show(lay_out_outcome(report))


def _make_plan_display(
    project: Project, max_cost: float | None, *, as_json: bool
) -> Callable[[Plan], None]:
    """Make the function that shows the plan, whatever becomes of it then."""

    def show(plan: Plan) -> None:
        if as_json:
            checks = project.check_budgets(plan, max_cost=max_cost)
            budgets = [check.to_json() for check in checks]
            screen.print_json_line({"event": "plan", **plan.to_json(), "budgets": budgets})
        else:
            spent = describe_today(project.add_up_today(), plan.currency) if plan.changes else ()
            screen.show([*lay_out_plan(plan), *spent, ""])

    return show


def _make_progress(project: Project, *, as_json: bool) -> progress.Progress:
    """Choose how the progress is shown: for programs, on a terminal that can, or in lines."""
    if as_json:
        return progress.JsonLines()
    currency = project.config.prices.currency
    if screen.ERR.moving:
        return progress.Live(currency, project.clock.monotonic)
    return progress.Lines(currency)

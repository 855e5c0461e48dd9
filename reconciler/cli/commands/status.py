"""`cutlist status`: how every edit is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import options, screen
from reconciler.cli.opening import open_project, warn_of_other_ledgers
from reconciler.errors import EXIT_FAILED, EXIT_NEEDS_PERSON, EXIT_OK, UsageError
from reconciler.formats.words import format_span
from reconciler.system.collector import keep_until_exit
from reconciler.system.stages import time_stage

if TYPE_CHECKING:
    from reconciler.cli.waiting import Goal
    from reconciler.plan.status import Status
    from reconciler.project import Project

_TIMEOUT_S = 600.0


@click.command("status", short_help="Show how every edit is.")
@options.endpoint
@click.option(
    "--wait",
    "goal",
    type=click.Choice(["healthy", "synced"]),
    help="Look again until every edit is so; then exit 0, whatever else waits for a person.",
)
@click.option(
    "--timeout",
    "timeout_s",
    callback=options.read_span,
    metavar="SPAN",
    help="Give up waiting after 90s, 10m, 2h, and exit 4. Default: 10m.",
)
@options.as_json
@options.wide
@click.pass_context
def run_status(
    context: click.Context,
    endpoint: str | None,
    goal: Goal | None,
    timeout_s: float | None,
    as_json: bool,
    wide: bool,
) -> int:
    """Show every edit: in sync or not, healthy or not, and what waits for a person. Asks nobody,
    changes nothing.

    \b
    Example: cutlist status
    """
    if goal is None and timeout_s is not None:
        raise UsageError("--timeout is for --wait healthy or --wait synced.")
    project = open_project(context, endpoint)
    if goal is None:
        status = project.status()
        keep_until_exit(status, len(status.plan.steps))
        _show(project, status, as_json=as_json, wide=wide)
        return EXIT_NEEDS_PERSON if status.needs_person else EXIT_OK
    timeout_s = _TIMEOUT_S if timeout_s is None else timeout_s
    status, reached = _wait(context, endpoint, project, goal, timeout_s)
    _show(project, status, as_json=as_json, wide=wide)
    if not reached:
        screen.note(f"error: not all is {goal} after {format_span(timeout_s)}.")
    return EXIT_OK if reached else EXIT_FAILED


def _wait(
    context: click.Context, endpoint: str | None, project: Project, goal: Goal, timeout_s: float
) -> tuple[Status, bool]:
    """Wait for a goal; every look reads the project file and the manifests anew."""
    from reconciler.cli.loop import run_in_loop
    from reconciler.cli.waiting import wait_for_goal  # lazy: start-up time

    def read_status() -> Status:
        return open_project(context, endpoint).status()

    return run_in_loop(wait_for_goal(goal, read_status, project.clock, timeout_s))


def _show(project: Project, status: Status, *, as_json: bool, wide: bool) -> None:
    from reconciler.report.status import lay_out_status

    warn_of_other_ledgers(project)
    with time_stage("show", len(status.plan.steps)):
        if as_json:
            screen.print_json(status.to_json())
        else:
            screen.show(lay_out_status(status), wide=wide)

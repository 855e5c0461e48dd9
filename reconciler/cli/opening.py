"""The project that a command is about, and one edit of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconciler.cli import completion as completing
from reconciler.cli import screen
from reconciler.state.roster import meaning

if TYPE_CHECKING:
    from reconciler.plan.step import Step
    from reconciler.planner import Pass
    from reconciler.project import Project


def opened(context: click.Context, endpoint: str | None = None) -> Project:
    """The project around the folder of `-C`."""
    from reconciler.project import Project

    return Project.open(
        context.obj,
        endpoint=endpoint,
        environment=context.meta.get(completing.ENVIRONMENT),
        command=context.command_path,
    )


def _tell_of_others(project: Project) -> None:
    """On standard error, since it is about the store and no part of what was asked."""
    others = project.find_other_ledgers()
    if others:
        screen.note(f"warning: {meaning(others)}.")


def _seen(context: click.Context, endpoint: str | None, name: str) -> tuple[Pass, Step]:
    """One pass, and the step of the edit that is named. Raises UsageError when there is none."""
    from reconciler.plan.selection import the_edit

    seen = opened(context, endpoint).run_pass(whole=True)
    found = the_edit(list(seen.desired.edits), name)
    step = next(step for step in seen.plan.steps if step.name == found)
    return seen, replace(step, details=seen.plan.describe_details(step))

"""The project that a command is about, and one edit of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import completion as completing
from reconciler.cli import screen
from reconciler.state.roster import meaning

if TYPE_CHECKING:
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

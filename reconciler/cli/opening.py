"""The project that a command works on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import completion, screen
from reconciler.errors import ProjectNotFound
from reconciler.formats.secret import Secret
from reconciler.state.roster import describe_others
from reconciler.system.stages import time_stage

if TYPE_CHECKING:
    from reconciler.config import Config, Prices
    from reconciler.project import Project
    from reconciler.service.models import Models


def open_project(
    context: click.Context,
    endpoint: str | None = None,
    start: Path | None = None,
    environment: str | None = None,
) -> Project:
    """Open the project around `start`, or the folder of `-C`, in `environment`, or that of `--env`.

    Raises ProjectNotFound, InvalidInput, UsageError.
    """
    with time_stage("program"):
        from reconciler.project import Project  # lazy: start-up time

    with time_stage("project file"):
        return Project.open(
            context.obj if start is None else start,
            endpoint=endpoint,
            environment=environment or context.meta.get(completion.ENVIRONMENT),
            command=context.command_path,
        )


def open_models(context: click.Context) -> tuple[Models, Prices]:
    """The models of the project around the folder of `-C`, and its prices; where there is no
    project, those that are shipped, and no prices. Raises InvalidInput, UsageError.
    """
    from reconciler.config import Prices  # lazy: start-up time
    from reconciler.service.model_files import load_models

    try:
        config = open_project(context).config
    except ProjectNotFound:
        return load_models(), Prices()
    return config.models, config.prices


def open_alone(context: click.Context, config: Config) -> Project:
    """The project with nothing but what lies in this clone: for looking at it where nobody may
    reach the store and the ledger that are shared. To apply it so would pay again.
    """
    from reconciler.project import Project  # lazy: start-up time

    alone = replace(config, bucket=None, ledger=Secret(""), workers=False)
    return Project(alone, command=context.command_path)


def warn_of_other_ledgers(project: Project) -> None:
    """Say on standard error that other ledgers have spent money on this store.

    It is about the store and no part of what the command was asked, so it is not in its output.
    """
    notes = project.find_other_ledgers()
    if notes:
        screen.note(f"warning: {describe_others(notes)}.")

"""`cutlist import`: take what was rendered by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.opening import opened
from reconciler.cli.running import run_apply
from reconciler.errors import EXIT_OK, UsageError
from reconciler.plan.decide import Options
from reconciler.project import Project


@click.command("import", short_help="Take what was rendered by hand.")
@click.argument("edit", shell_complete=completing.edits)
@click.option(
    "--task", "task_id", metavar="TASK_ID", help="A task of the account, not older than 24 h."
)
@click.option(
    "--file",
    "video",
    metavar="VIDEO",
    type=click.Path(path_type=Path),
    help="A video on this machine.",
)
@options.endpoint
@click.pass_context
def import_(
    context: click.Context, edit: str, task_id: str | None, video: Path | None, endpoint: str | None
) -> int | None:
    """Make what was rendered by hand the result of an edit, as if it had been rendered by it.
    Spends nothing.

    The manifest has to ask for what was sent: a result belongs to the request it was made from.

    \b
    Example: cutlist import clothes-swap --task 0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11
    """
    if (task_id is None) == (video is None):
        raise UsageError("say exactly one of --task TASK_ID and --file VIDEO.")
    project = opened(context, endpoint)
    if task_id is not None:
        return run_import(project, edit, task_id)
    result = project.import_file(edit, context.obj / video)
    shown = f"{result.duration_s:.1f} s, {result.width}x{result.height}"
    screen.say(
        f"{result.edit}: {video} is its result now ({shown})."
        f" {project.describe_fate(result.edit, result.digest)}"
    )
    return EXIT_OK


def run_import(project: Project, edit: str, task_id: str) -> int:
    """Take a task over and bring its video home; nothing is sent. Returns the exit code."""
    status = asyncio.run(project.import_task(edit, task_id))
    screen.say(f"{edit}: the task {task_id} ({status}) is its task now; its video is brought home.")
    code = run_apply(
        project,
        Options(refresh_only=True, target=(edit,)),
        as_json=False,
        auto_approve=True,
        max_cost=None,
    )
    if code == EXIT_OK:
        screen.say(project.describe_fate(edit))
    return code

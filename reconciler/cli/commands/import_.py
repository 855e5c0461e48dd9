"""`cutlist import`: make what was rendered by hand the result of an edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.loop import run_in_loop
from reconciler.cli.opening import open_project
from reconciler.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from reconciler.project import Project


@click.command("import", short_help="Take what was rendered by hand.")
@click.argument("edit", shell_complete=completion.complete_edits)
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
def run_import(
    context: click.Context, edit: str, task_id: str | None, video: Path | None, endpoint: str | None
) -> int:
    """Make what was rendered by hand the result of an edit, as if it had been rendered by it.
    Spends nothing.

    The manifest has to ask for what was sent: a result belongs to the request it was made from.

    \b
    Example: cutlist import clothes-swap --task 0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11
    """
    if task_id is not None and video is None:
        return _import_task(open_project(context, endpoint), edit, task_id)
    if video is not None and task_id is None:
        return _import_file(open_project(context, endpoint), edit, video, context.obj / video)
    raise UsageError("say exactly one of --task TASK_ID and --file VIDEO.")


def _import_file(project: Project, edit: str, name: Path, file: Path) -> int:
    """Store a video of this machine; `name` is what the user calls it. Returns the exit code."""
    result = project.import_file(edit, file)
    size = f"{result.duration_s:.1f} s, {result.width}x{result.height}"
    fate = project.describe_fate(result.edit, result.digest)
    screen.say(f"{result.edit}: {name} is its result now ({size}). {fate}")
    return EXIT_OK


def _import_task(project: Project, edit: str, task_id: str) -> int:
    """Take a task over and bring its video home; nothing is sent. Returns the exit code."""
    from reconciler.apply.request import ApplyRequest
    from reconciler.cli.running import apply_project
    from reconciler.plan.decide import PlanOptions

    status = run_in_loop(project.import_task(edit, task_id))
    screen.say(f"{edit}: the task {task_id} ({status}) is its task now; its video is brought home.")
    request = ApplyRequest(PlanOptions(refresh_only=True, target=(edit,)))
    code = apply_project(project, request, auto_approve=True).exit_code
    if code == EXIT_OK:
        screen.say(project.describe_fate(edit))
    return code

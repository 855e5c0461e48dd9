"""`cutlist demo`: render the sample edits, offline."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import screen
from reconciler.errors import EXIT_OK


@click.command("demo", short_help="Render the sample edits, offline.")
@click.option(
    "--dir",
    "folder",
    default="cutlist-demo",
    type=click.Path(path_type=Path),
    help="Where the demo project is put.",
)
@click.pass_context
def run_demo(context: click.Context, folder: Path) -> int:
    """Render the eight sample edits against the bundled server: offline, free, in less than a
    minute.

    \b
    Example: cutlist demo
    """
    return _render_demo(context.obj / folder)


def _render_demo(folder: Path) -> int:
    """Render the demo project, then show that a second plan has nothing to do.

    Returns the exit code.
    """
    from reconciler.apply.request import ApplyRequest
    from reconciler.cli.running import apply_project
    from reconciler.cli.scaffold import prepare_demo
    from reconciler.project import Project
    from reconciler.report.plan import write_plan

    prepare_demo(folder)
    project = Project.open(folder, command="cutlist demo")
    screen.say(
        f"The demo project is in {folder}. Its edits are rendered by the bundled server: offline"
        " and free.\n"
    )
    code = apply_project(project, ApplyRequest(), auto_approve=True).exit_code
    if code != EXIT_OK:
        return code
    plan = project.plan()
    screen.say("\nThe videos:")
    for step in plan.steps:
        screen.say(f"  {folder / step.output}")
    screen.say(f"\nA second plan (cutlist -C {folder} plan):\n  {write_plan(plan).rstrip()}")
    screen.say(
        f"\nChange a prompt in {folder}/instructions.yaml and plan again to see what that would"
        " cost."
    )
    return code

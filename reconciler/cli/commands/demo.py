"""`cutlist demo`: render the sample edits, offline."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import screen
from reconciler.cli.running import run_apply
from reconciler.cli.scaffold import fresh_demo
from reconciler.errors import EXIT_OK
from reconciler.plan.decide import Options
from reconciler.project import Project
from reconciler.report import plan as words


@click.command(short_help="Render the sample edits, offline.")
@click.option(
    "--dir",
    "folder",
    default="cutlist-demo",
    type=click.Path(path_type=Path),
    help="Where the demo project is put.",
)
@click.pass_context
def demo(context: click.Context, folder: Path) -> int:
    """Render the eight sample edits against the bundled server: offline, free, in less than a
    minute.

    \b
    Example: cutlist demo
    """
    return run_demo(context.obj / folder)


def run_demo(folder: Path) -> int:
    """Render the demo project, then show that a second plan has nothing to do."""
    fresh_demo(folder)
    project = Project.open(folder, command="cutlist demo")
    screen.say(
        f"The demo project is in {folder}. Its edits are rendered by the bundled server: offline"
        " and free.\n"
    )
    code = run_apply(project, Options(), as_json=False, auto_approve=True, max_cost=None)
    if code != EXIT_OK:
        return code
    screen.say("\nThe videos:")
    for step in project.plan().steps:
        screen.say(f"  {folder / step.output}")
    screen.say(
        f"\nA second plan (cutlist -C {folder} plan):\n  {words.plan_text(project.plan()).rstrip()}"
    )
    screen.say(
        f"\nChange a prompt in {folder}/instructions.yaml and plan again to see what that would"
        " cost."
    )
    return code

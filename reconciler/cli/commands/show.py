"""`cutlist show`: an edit, or a saved plan."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.opening import opened
from reconciler.errors import ProjectNotFound, UsageError


@click.command(short_help="Show an edit, or a saved plan.")
@click.argument("what", metavar="EDIT|FILE", shell_complete=completing.edits_or_files)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def show(
    context: click.Context, what: str, endpoint: str | None, as_json: bool, wide: bool
) -> None:
    """Show an edit: what it asks for, how it is, and every result it has had.

    Where a file of that name is there, shows it as a plan that `plan --out` saved; that needs no
    project.

    \b
    Example: cutlist show clothes-swap
    """
    if (context.obj / what).exists():
        _show_plan(context.obj / what, as_json=as_json, wide=wide)
        return
    from reconciler.report.show import portrait_blocks

    try:
        made = opened(context, endpoint).show(what)
    except (ProjectNotFound, UsageError) as error:
        raise UsageError(f'there is no file "{what}", and {error}', hint=error.hint) from error
    if as_json:
        screen.document(made.to_json())
    else:
        screen.show(portrait_blocks(made), wide=wide)


def _show_plan(file: Path, *, as_json: bool, wide: bool) -> None:
    from reconciler.operations.saved_plan import read_plan
    from reconciler.report import plan as report

    saved = read_plan(file)
    if as_json:
        screen.document(saved.plan_to_json())
        return
    head = f"Saved plan of the project {saved.project}."
    screen.show([head, "", *report.plan_blocks(saved.plan)], wide=wide)

"""`cutlist show`: an edit, or a saved plan."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project
from reconciler.errors import ProjectNotFound, UsageError


@click.command("show", short_help="Show an edit, or a saved plan.")
@click.argument("what", metavar="EDIT|FILE", shell_complete=completion.complete_edits_or_files)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def run_show(
    context: click.Context, what: str, endpoint: str | None, as_json: bool, wide: bool
) -> None:
    """Show an edit: what it asks for, how it is, and every result it has had.

    Where a file of that name is there, shows it as a plan that `plan --out` saved; that needs no
    project.

    \b
    Example: cutlist show clothes-swap
    """
    file = context.obj / what
    if file.exists():
        _show_plan(file, as_json=as_json, wide=wide)
        return
    from reconciler.report.show import lay_out_edit

    try:
        edit = open_project(context, endpoint).show(what)
    except (ProjectNotFound, UsageError) as error:
        raise UsageError(f'there is no file "{what}", and {error}', hint=error.hint) from error
    if as_json:
        screen.print_json(edit.to_json())
    else:
        screen.show(lay_out_edit(edit), wide=wide)


def _show_plan(file: Path, *, as_json: bool, wide: bool) -> None:
    """Show a plan that `plan --out` saved."""
    from reconciler.operations.saved_plan import read_plan
    from reconciler.report.plan import lay_out_plan

    saved = read_plan(file)
    if as_json:
        screen.print_json(saved.plan_to_json())
        return
    title = f"Saved plan of the project {saved.project}."
    screen.show([title, "", *lay_out_plan(saved.plan)], wide=wide)

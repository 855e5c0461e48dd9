"""`cutlist sheet`: edits on one picture, before above after."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project
from reconciler.formats.words import format_count


@click.command("sheet", short_help="Draw a contact sheet of edits.")
@click.argument(
    "names", metavar="EDIT…", nargs=-1, required=True, shell_complete=completion.complete_edits
)
@click.option(
    "--out",
    required=True,
    metavar="FILE.png",
    type=click.Path(path_type=Path),
    help="The picture to write.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@options.endpoint
@click.pass_context
def run_sheet(
    context: click.Context, names: tuple[str, ...], out: Path, force: bool, endpoint: str | None
) -> None:
    """Draw edits on one picture: of each, what goes in above what came out, at the same moments,
    with its name and prompt below. A matrix stands for all its edits.

    \b
    Example: cutlist sheet intro outro --out review.png
    """
    project = open_project(context, endpoint)
    sheet = project.sheet(names, context.obj / out, force=force)
    amount = f"{format_count(len(sheet.edits), 'edit')}, {sheet.size_bytes / 2**20:.1f} MB"
    screen.say(f"{out}: {amount}.")
    if sheet.without:
        screen.note(f"{format_count(len(sheet.without), 'edit')} without a result.")

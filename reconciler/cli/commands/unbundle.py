"""`cutlist unbundle`: unpack what `cutlist bundle` has packed."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options, screen
from reconciler.cli.opening import open_project
from reconciler.formats.words import format_count


@click.command("unbundle", short_help="Unpack what bundle has packed, verified.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Only write the videos below this folder; needs no project.",
)
@options.endpoint
@click.pass_context
def run_unbundle(
    context: click.Context, file: Path, folder: Path | None, endpoint: str | None
) -> None:
    """Put the results of a bundle into this project's store; `cutlist apply` writes their outputs
    then, free. In the live realm only what cutlist.lock pins is taken.

    Every video is hashed before it is kept.

    \b
    Example: cutlist unbundle cut.bundle --to review
    """
    path = context.obj / file
    if folder is not None:
        from reconciler.operations.bundling import unpack_into_folder
        from reconciler.system.clock import SystemClock

        bundled = unpack_into_folder(path, context.obj / folder, SystemClock().new_id)
        fate = f"written below {folder}."
    else:
        bundled = open_project(context, endpoint).unbundle(path)
        fate = "taken into the store. `cutlist apply` writes what is missing of it, free."
    screen.say(f"{format_count(len(bundled.edits), 'result')} {fate}")

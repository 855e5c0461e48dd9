"""`cutlist bundle`: pack results for people who cannot reach the store."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project
from reconciler.formats.words import format_count


@click.command("bundle", short_help="Pack results into one file, for others.")
@click.argument("names", metavar="[EDIT]…", nargs=-1, shell_complete=completion.complete_edits)
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file to write; it must not be there yet.",
)
@options.endpoint
@click.pass_context
def run_bundle(
    context: click.Context, names: tuple[str, ...], out: Path, endpoint: str | None
) -> None:
    """Pack the results of some edits, or of all that have one, into a file for people who cannot
    reach the store. `cutlist unbundle` unpacks it.

    Of each edit it has the result that counts: the one that cutlist.lock pins.

    \b
    Example: cutlist bundle intro outro --out cut.bundle
    """
    bundled = open_project(context, endpoint).bundle(names, context.obj / out)
    amount = f"{format_count(len(bundled.edits), 'result')}, {bundled.size_bytes / 2**20:.1f} MB"
    screen.say(f"{out}: {amount}. `cutlist unbundle {out}` unpacks it.")
    if bundled.without:
        screen.note(f"{format_count(len(bundled.without), 'edit')} without a result left out.")

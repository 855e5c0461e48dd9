"""`cutlist open`: the video of a take in this machine's player."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.loop import run_in_loop
from reconciler.cli.opening import open_project
from reconciler.errors import CutlistError
from reconciler.system.programs import find_opener, run_program


@click.command("open", short_help="Watch a take in this machine's player.")
@click.argument("name", metavar="EDIT", shell_complete=completion.complete_edits)
@options.take
@options.endpoint
@click.pass_context
def run_open(context: click.Context, name: str, take: int | None, endpoint: str | None) -> None:
    """Open the video of a take, or of the one that counts now, in this machine's player; it is
    fetched first where it lies in a bucket.

    \b
    Example: cutlist open clothes-swap --take 2
    """
    path = open_project(context, endpoint).bring(name, take=take)
    opener = find_opener()
    if opener is None or run_in_loop(run_program([*opener, str(path)], quiet=True)):
        raise CutlistError(
            f"no program of this machine opens {path}.",
            hint="The video is there: open it by hand, or `cutlist extract` it.",
        )
    screen.say(f"{path} is open.")

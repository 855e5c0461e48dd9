"""`cutlist pick`: make another take the one that counts."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project


@click.command("pick", short_help="Make another take the one that counts.")
@click.argument("name", metavar="EDIT", shell_complete=completion.complete_edits)
@click.argument("number", metavar="N", type=click.IntRange(min=1))
@options.endpoint
@options.as_json
@click.pass_context
def run_pick(
    context: click.Context, name: str, number: int, endpoint: str | None, as_json: bool
) -> None:
    """Make take N of an edit the one that counts: cutlist.lock names it, and the output of the edit
    gets its bytes. That is free, and holds until the manifest asks for something else.

    \b
    Example: cutlist pick clothes-swap 2
    """
    pick = open_project(context, endpoint).pick(name, number)
    if as_json:
        screen.print_json(pick.to_json())
        return
    from reconciler.report.takes import lay_out_pick

    screen.show(lay_out_pick(pick))

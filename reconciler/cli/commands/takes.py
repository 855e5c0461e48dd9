"""`cutlist takes`: the results that an edit has had."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project


@click.command("takes", short_help="List the results that an edit has had.")
@click.argument("name", metavar="EDIT", shell_complete=completion.complete_edits)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def run_takes(
    context: click.Context, name: str, endpoint: str | None, as_json: bool, wide: bool
) -> None:
    """List the takes of an edit: every result it has had, with its number, when it was stored, what
    it cost, and where it is. The one that counts now has a star.

    \b
    Example: cutlist takes clothes-swap
    """
    takes = open_project(context, endpoint).takes(name)
    if as_json:
        screen.print_json(takes.to_json())
        return
    from reconciler.report.takes import lay_out_takes

    screen.show(lay_out_takes(takes), wide=wide)

"""`cutlist move`: the ledger from a file into the shared one, and back."""

from __future__ import annotations

from typing import Literal

import click

from reconciler.cli import screen
from reconciler.cli.opening import open_project


@click.command("move", short_help="Move the ledger to where machines share it, or back.")
@click.option(
    "--to",
    type=click.Choice(["shared", "file"]),
    required=True,
    help="Into the ledger that cutlist.yaml or CUTLIST_LEDGER names, or back into a file.",
)
@click.pass_context
def run_move(context: click.Context, to: Literal["shared", "file"]) -> None:
    """Move all that the ledger knows, and close the one that it came from for good.

    \b
    Example: cutlist move --to shared
    """
    screen.say(open_project(context).move_ledger(to))

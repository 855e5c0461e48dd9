"""`cutlist verify`: check what is stored."""

from __future__ import annotations

import click

from reconciler.cli import screen
from reconciler.cli.opening import open_project
from reconciler.errors import EXIT_ERROR, EXIT_OK


@click.command("verify", short_help="Check what is stored, byte by byte if asked.")
@click.option("--read-data", is_flag=True, help="Hash every stored video again.")
@click.option(
    "--repair", is_flag=True, help="Move what is damaged into quarantine; the next plan heals."
)
@click.pass_context
def run_verify(context: click.Context, read_data: bool, repair: bool) -> int:
    """Check that store and ledger are what they should be. Only reports, unless --repair is given.

    \b
    Example: cutlist verify --read-data
    """
    damages = open_project(context).verify(read_data=read_data, repair=repair)
    if not damages:
        screen.say("Everything is what it is named for.")
        return EXIT_OK
    for damage in damages:
        where = f" ({damage.where})" if damage.where else ""
        screen.say(f"{damage.words}{where}")
    movable = sum(damage.where is not None for damage in damages)
    if not movable:
        screen.note("Nothing was changed.")
    elif repair:
        screen.note(
            f"{movable} moved into quarantine; run cutlist plan to see what heals, and how."
        )
    else:
        screen.note("Nothing was changed. `cutlist verify --repair` moves it into quarantine.")
    return EXIT_ERROR

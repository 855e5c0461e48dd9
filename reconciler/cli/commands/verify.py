"""`cutlist verify`: check what is stored."""

from __future__ import annotations

import click

from reconciler.cli import screen
from reconciler.cli.opening import opened
from reconciler.errors import EXIT_ERROR, EXIT_OK


@click.command(short_help="Check what is stored, byte by byte if asked.")
@click.option("--read-data", is_flag=True, help="Hash every stored video again.")
@click.option(
    "--repair", is_flag=True, help="Move what is damaged into quarantine; the next plan heals."
)
@click.pass_context
def verify(context: click.Context, read_data: bool, repair: bool) -> int:
    """Check that store and ledger are what they should be. Only reports, unless --repair is given.

    \b
    Example: cutlist verify --read-data
    """
    damages = opened(context).verify(read_data=read_data, repair=repair)
    for damage in damages:
        where = f" ({damage.where})" if damage.where else ""
        screen.say(f"{damage.words}{where}")
    if not damages:
        screen.say("Everything is what it is named for.")
        return EXIT_OK
    moved = sum(damage.where is not None for damage in damages)
    healed = f"{moved} moved into quarantine; run cutlist plan to see what heals, and how."
    way = " `cutlist verify --repair` moves it into quarantine." if moved else ""
    screen.note(healed if repair and moved else f"Nothing was changed.{way}")
    return EXIT_ERROR

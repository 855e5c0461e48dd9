"""`cutlist gc`: show, and delete, results that nothing names."""

from __future__ import annotations

import click

from reconciler.cli import screen
from reconciler.cli.opening import opened
from reconciler.formats.words import format_count
from reconciler.report.page import Paragraph
from reconciler.report.table import Column, Fit, Row, Table


@click.command(short_help="Show, and delete, results that nothing names.")
@click.option("--delete", is_flag=True, help="Delete them. Wanting one again means paying again.")
@click.option(
    "--commits", default=20, show_default=True, help="Keep what the last N lock files in git name."
)
@click.pass_context
def gc(context: click.Context, delete: bool, commits: int) -> None:
    """Show results that no manifest, output or lock file names, here, in the last commits, or on
    another branch.

    Deletes only when told.

    \b
    Example: cutlist gc --commits 50
    """
    garbage = opened(context).gc(commits=commits, delete=delete)
    rows = [
        Row([each.edit, f"{each.key[:12]}…", f"{each.duration_s:.1f} s", each.stored_at[:10]])
        for each in garbage.results
    ]
    columns = [Column(fit=Fit.MIDDLE), Column(drop=2), Column(right=True), Column(drop=1)]
    what = f"{format_count(len(garbage.results), 'result')}, {garbage.size_bytes / 2**20:.1f} MB"
    if not garbage.results:
        last = "Nothing to delete."
    elif delete:
        last = f"Deleted {what}."
    else:
        last = (
            f"{what} could go; `cutlist gc --delete` deletes them. Wanting one again means paying"
            " again."
        )
    screen.show([Table(columns, rows, indent="  "), Paragraph(last, rest="")])

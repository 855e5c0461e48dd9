"""`cutlist gc`: show, and delete, results that nothing names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import screen
from reconciler.cli.opening import open_project
from reconciler.formats.words import format_count
from reconciler.report.page import Paragraph
from reconciler.report.table import Column, Fit, Row, Table

if TYPE_CHECKING:
    from reconciler.operations.gc import Garbage


@click.command("gc", short_help="Show, and delete, results that nothing names.")
@click.option("--delete", is_flag=True, help="Delete them. Wanting one again means paying again.")
@click.option(
    "--commits", default=20, show_default=True, help="Keep what the last N lock files in git name."
)
@click.pass_context
def run_gc(context: click.Context, delete: bool, commits: int) -> None:
    """Show results that no manifest, output or lock file names, here, in the last commits, or on
    another branch.

    Deletes only when told.

    \b
    Example: cutlist gc --commits 50
    """
    garbage = open_project(context).gc(commits=commits, delete=delete)
    columns = [Column(fit=Fit.MIDDLE), Column(drop=2), Column(right=True), Column(drop=1)]
    rows = [
        Row(
            [
                result.edit,
                f"{result.key[:12]}…",
                f"{result.duration_s:.1f} s",
                result.stored_at[:10],
            ]
        )
        for result in garbage.results
    ]
    summary = Paragraph(_summarize(garbage, deleted=delete), rest="")
    screen.show([Table(columns, rows, indent="  "), summary])


def _summarize(garbage: Garbage, *, deleted: bool) -> str:
    """One sentence: how much could go, or is gone."""
    if not garbage.results:
        return "Nothing to delete."
    amount = f"{format_count(len(garbage.results), 'result')}, {garbage.size_bytes / 2**20:.1f} MB"
    if deleted:
        return f"Deleted {amount}."
    return (
        f"{amount} could go; `cutlist gc --delete` deletes them. Wanting one again means paying"
        " again."
    )

"""`cutlist cost`: what was spent, saved and wasted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import click

from reconciler.cli import options, screen
from reconciler.cli.opening import open_project
from reconciler.errors import UsageError

_GROUPS = ("day", "edit", "label", "model", "commit", "environment")


@click.command("cost", short_help="Show what was spent, saved and wasted.")
@click.option(
    "--by", type=click.Choice(_GROUPS), default="day", show_default=True, help="What to add up by."
)
@click.option("--since", metavar="YYYY-MM-DD", help="Only from this day (UTC) on.")
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def run_cost(
    context: click.Context,
    by: str,
    since: str | None,
    endpoint: str | None,
    as_json: bool,
    wide: bool,
) -> None:
    """Show what was spent so far, what became of it, what reuse saved, and what is left of
    today's budget.

    \b
    Example: cutlist cost --by label
    """
    from reconciler.report.cost import lay_out_cost

    if since is not None and not _is_day(since):
        raise UsageError(f'--since is "{since}"; write a day as YYYY-MM-DD, such as 2026-11-21.')
    report = open_project(context, endpoint).cost()
    if since is not None:
        report = replace(report, spending=report.spending.since(since))
    if as_json:
        screen.print_json(report.to_json())
    else:
        screen.show(lay_out_cost(report, by), wide=wide)


def _is_day(text: str) -> bool:
    """Whether a text is a day of the calendar, written as YYYY-MM-DD and in no other way."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False

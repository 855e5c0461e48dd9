"""The commands that look back: what was spent, what was tried, and why. Nothing is changed and nothing is sent."""

from __future__ import annotations

import re

import click

from reconciler.cli import options, screen
from reconciler.cli.options import opened
from reconciler.errors import UsageError

_GROUPS = ("day", "edit", "label", "model", "commit", "environment")
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


@click.command(short_help="Show what was spent, saved and wasted.")
@click.option("--by", type=click.Choice(_GROUPS), default="day", show_default=True, help="What to add up by.")
@click.option("--since", metavar="YYYY-MM-DD", help="Only from this day (UTC) on.")
@options.endpoint
@options.as_json
@click.pass_context
def cost(context: click.Context, by: str, since: str | None, endpoint: str | None, as_json: bool) -> None:
    """Show what was spent so far, what became of it, what reuse saved, and what is left of today's budget.

    \b
    Example: cutlist cost --by label
    """
    from dataclasses import replace

    from reconciler.history.cost_report import cost_document, cost_text

    if since is not None and not _DAY.fullmatch(since):
        raise UsageError(f'--since is "{since}"; write a day as YYYY-MM-DD, such as 2026-11-21.')
    account = opened(context, endpoint).cost()
    if since is not None:
        account = replace(account, spending=account.spending.since(since))
    if as_json:
        screen.document(cost_document(account))
    else:
        screen.say(cost_text(account, by).rstrip("\n"))

"""`cutlist log`: what happened, newest first."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project


@click.command("log", short_help="Show what happened, newest first.")
@click.argument("edit", required=False, shell_complete=completion.complete_edits)
@click.option(
    "-n",
    "limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="At most so many lines.",
)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def run_log(
    context: click.Context,
    edit: str | None,
    limit: int,
    endpoint: str | None,
    as_json: bool,
    wide: bool,
) -> None:
    """Show what happened to all edits, or to one (or to a matrix) with what had changed, who
    asked and who agreed.

    \b
    Example: cutlist log clothes-swap
    """
    from reconciler.history.log import log_to_json
    from reconciler.report.log import lay_out_log

    records = open_project(context, endpoint).log(edit)
    if as_json:
        screen.print_json(log_to_json(records))
        return
    screen.show(lay_out_log(records[:limit], full=edit is not None), wide=wide)
    hidden = len(records) - limit
    if hidden > 0:
        screen.note(f"{hidden} older lines are not shown; -n {len(records)} shows all.")

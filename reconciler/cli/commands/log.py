"""`cutlist log`: what happened, newest first."""

from __future__ import annotations

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.opening import opened


@click.command(short_help="Show what happened, newest first.")
@click.argument("edit", required=False, shell_complete=completing.edits)
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="At most so many lines.",
)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def log(
    context: click.Context,
    edit: str | None,
    count: int,
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
    from reconciler.report.log import log_blocks

    records = opened(context, endpoint).log(edit)
    if as_json:
        screen.document(log_to_json(records))
        return
    screen.show(log_blocks(records[:count], full=edit is not None), wide=wide)
    if len(records) > count:
        screen.note(
            f"{len(records) - count} older lines are not shown; -n {len(records)} shows all."
        )

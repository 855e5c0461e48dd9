"""`cutlist explain`: why an edit will or will not render."""

from __future__ import annotations

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.opening import opened


@click.command(short_help="Show why an edit will or will not render.")
@click.argument("edit", shell_complete=completing.edits)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def explain(
    context: click.Context, edit: str, endpoint: str | None, as_json: bool, wide: bool
) -> None:
    """Show why an edit will or will not be rendered: each part of its key beside the nearest
    earlier result.

    \b
    Example: cutlist explain clothes-swap
    """
    from reconciler.report.explain import explain_blocks

    made = opened(context, endpoint).explain(edit)
    if as_json:
        screen.document(made.to_json())
    else:
        screen.show(explain_blocks(made), wide=wide)

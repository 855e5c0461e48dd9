"""`cutlist explain`: why an edit will or will not render."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project


@click.command("explain", short_help="Show why an edit will or will not render.")
@click.argument("edit", shell_complete=completion.complete_edits)
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def run_explain(
    context: click.Context, edit: str, endpoint: str | None, as_json: bool, wide: bool
) -> None:
    """Show why an edit will or will not be rendered: each part of its key beside the nearest
    earlier result.

    \b
    Example: cutlist explain clothes-swap
    """
    from reconciler.report.explain import lay_out_explanation

    explanation = open_project(context, endpoint).explain(edit)
    if as_json:
        screen.print_json(explanation.to_json())
    else:
        screen.show(lay_out_explanation(explanation), wide=wide)

"""`cutlist graph`: which edit builds on which."""

from __future__ import annotations

import click

from reconciler.cli import options, screen
from reconciler.cli.opening import open_project


@click.command("graph", short_help="Show which edit builds on which.")
@click.option("--dot", is_flag=True, help="For Graphviz.")
@options.endpoint
@click.pass_context
def run_graph(context: click.Context, dot: bool, endpoint: str | None) -> None:
    """Show every edit under those it builds on, with what a plan says of it.

    \b
    Example: cutlist graph --dot | dot -Tsvg > edits.svg
    """
    from reconciler.report.graph import format_dot, lay_out_graph

    edits = open_project(context, endpoint).graph()
    if dot:
        screen.print_lines(format_dot(edits).rstrip("\n"))
    else:
        screen.show(lay_out_graph(edits))

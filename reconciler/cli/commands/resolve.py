"""`cutlist resolve`: decide about a lost request."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project


@click.command("resolve", short_help="Decide about a lost request.")
@click.argument("edit", metavar="EDIT|KEY", shell_complete=completion.complete_edits)
@options.decision
@options.endpoint
@click.pass_context
def run_resolve(
    context: click.Context,
    edit: str,
    adopt: str | None,
    retry: bool,
    abandon: bool,
    endpoint: str | None,
) -> None:
    """Decide about a request of which nobody but you can tell whether it reached the service.

    \b
    Example: cutlist resolve clothes-swap --adopt 0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11
    """
    options.check_decision(adopt, retry, abandon)
    screen.say(open_project(context, endpoint).resolve(edit, adopt=adopt, retry=retry))

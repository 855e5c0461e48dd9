"""`cutlist resolve`: decide about a lost request."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project
from reconciler.errors import UsageError


@click.command("resolve", short_help="Decide about a lost request.")
@click.argument("edit", metavar="EDIT|KEY", shell_complete=completion.complete_edits)
@click.option(
    "--adopt",
    metavar="TASK_ID",
    shell_complete=completion.complete_tasks,
    help="This task of the account is it.",
)
@click.option(
    "--retry", is_flag=True, help="It did not arrive; the next apply sends it again, and pays."
)
@click.option("--abandon", is_flag=True, help="Leave it; it is not sent again unless asked for.")
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
    if (adopt is not None) + retry + abandon != 1:
        raise UsageError("say exactly one of --adopt TASK_ID, --retry, --abandon.")
    screen.say(open_project(context, endpoint).resolve(edit, adopt=adopt, retry=retry))

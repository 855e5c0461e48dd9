"""`cutlist retake`: ask for the same request once more."""

from __future__ import annotations

import click

from reconciler.cli import completion as completing
from reconciler.cli import options, screen
from reconciler.cli.opening import opened
from reconciler.report.page import Paragraph


@click.command(short_help="Ask for the same request once more.")
@click.argument("name", nargs=-1, required=True, shell_complete=completing.edits)
@options.endpoint
@click.pass_context
def retake(context: click.Context, name: tuple[str, ...], endpoint: str | None) -> None:
    """Raise `take` of edits in their manifests: the next apply renders the same request again,
    and pays for it.

    \b
    Example: cutlist retake clothes-swap
    """
    project = opened(context, endpoint)
    raised = project.retake(*name)
    for each in raised:
        screen.show(
            [
                f"{each.place}: take of {each.name} was {each.before}, and is {each.after} now",
                Paragraph(f"with the next apply: {each.cost}", "    "),
            ]
        )
    if project.config.realm == "mock":
        screen.say("The mock spends nothing: this is what it would cost.")
    free = "Taking it back (git checkout, git revert) is free: the old results stay stored."
    screen.show([Paragraph(f"Nothing was sent. {free}", rest="")])

"""`cutlist retake`: ask for the same request once more."""

from __future__ import annotations

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project
from reconciler.report.page import Paragraph


@click.command("retake", short_help="Ask for the same request once more.")
@click.argument("name", nargs=-1, required=True, shell_complete=completion.complete_edits)
@options.endpoint
@click.pass_context
def run_retake(context: click.Context, name: tuple[str, ...], endpoint: str | None) -> None:
    """Raise `take` of edits in their manifests: the next apply renders the same request again,
    and pays for it.

    \b
    Example: cutlist retake clothes-swap
    """
    project = open_project(context, endpoint)
    for retake in project.retake(*name):
        screen.show(
            [
                f"{retake.place}: take of {retake.name} was {retake.before},"
                f" and is {retake.after} now",
                Paragraph(f"with the next apply: {retake.cost}", "    "),
            ]
        )
    if project.config.realm == "mock":
        screen.say("The mock spends nothing: this is what it would cost.")
    free = "Taking it back (git checkout, git revert) is free: the old results stay stored."
    screen.show([Paragraph(f"Nothing was sent. {free}", rest="")])

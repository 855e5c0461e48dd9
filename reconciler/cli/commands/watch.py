"""`cutlist watch`: apply at every save."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from reconciler.cli import options, screen
from reconciler.cli.loop import run_in_loop
from reconciler.cli.opening import open_project
from reconciler.errors import EXIT_OK

if TYPE_CHECKING:
    from reconciler.cli.watching import Settings
    from reconciler.project import Project


@click.command("watch", short_help="Apply at every save.")
@options.endpoint
@options.auto_approve
@options.max_cost
@options.session_budget
@click.option(
    "--exec",
    "command",
    metavar="COMMAND",
    help="Run it when a video is there; its path is the last argument, or stands for {}.",
)
@click.option("--open", "open_it", is_flag=True, help="Open each video that is there.")
@click.option("--notify", is_flag=True, help="Tell on the desktop when a video is there.")
@options.as_json
@click.pass_context
def run_watch(
    context: click.Context,
    endpoint: str | None,
    auto_approve: bool,
    max_cost: float | None,
    session_budget: float | None,
    command: str | None,
    open_it: bool,
    notify: bool,
    as_json: bool,
) -> int:
    """Plan and apply again whenever something that the project names is saved. Ctrl-C ends it.

    \b
    Example: cutlist watch --session-budget 5 --open
    """
    from reconciler.cli.afterwards import Wishes  # lazy: start-up time
    from reconciler.cli.watching import Settings

    settings = Settings(
        auto_approve=auto_approve,
        max_cost=max_cost,
        session_budget=session_budget,
        as_json=as_json,
        wishes=Wishes.of(command, open_it=open_it, notify=notify),
    )
    return watch_project(open_project(context, endpoint), settings)


def watch_project(project: Project, settings: Settings) -> int:
    """Apply at every change, until Ctrl-C. Returns the exit code.

    A fault in a manifest is shown and waits for the next save. An edit that failed waits for a save
    of its own manifest.
    """
    from reconciler.cli.watching import Watching  # lazy: start-up time

    with suppress(KeyboardInterrupt):
        run_in_loop(Watching(project, settings).run())
    if settings.as_json:
        screen.print_json_line({"event": "stopped"})
    else:
        screen.say("Stopped watching.")
    return EXIT_OK

"""`cutlist watch`: apply at every save."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from reconciler.cli import crash, options, screen
from reconciler.cli.loop import interrupts_told
from reconciler.cli.opening import open_project
from reconciler.errors import EXIT_OK, CutlistError, InvalidInput

if TYPE_CHECKING:
    from reconciler.apply.outcome import Stop
    from reconciler.apply.request import ApplyRequest
    from reconciler.project import Project
    from reconciler.watch import WatchPass


@click.command("watch", short_help="Apply at every save.")
@options.endpoint
@options.auto_approve
@options.max_cost
@click.pass_context
def run_watch(
    context: click.Context, endpoint: str | None, auto_approve: bool, max_cost: float | None
) -> int:
    """Plan and apply again whenever a manifest, or a clip that one names, is saved. Ctrl-C ends it.

    \b
    Example: cutlist watch
    """
    project = open_project(context, endpoint)
    return watch_project(project, auto_approve=auto_approve, max_cost=max_cost)


def watch_project(project: Project, *, auto_approve: bool, max_cost: float | None) -> int:
    """Apply at every change, until Ctrl-C. Returns the exit code.

    A fault in a manifest is shown and waits for the next save. An edit that failed waits for a save
    of its own manifest.
    """
    from reconciler.apply.outcome import Stop  # lazy: start-up time
    from reconciler.apply.request import ApplyRequest

    passes = project.watch()
    request = ApplyRequest(max_cost=max_cost)

    async def wait_for_pass() -> WatchPass[Project] | None:
        return await anext(passes, None)

    screen.say(f"Watching {project.config.root}. Ctrl-C ends it.")
    try:
        with interrupts_told(), asyncio.Runner() as runner:
            while watch_pass := runner.run(wait_for_pass()):
                if watch_pass.paths:
                    screen.say(f"\n{', '.join(watch_pass.paths)} changed.")
                stop = Stop()
                _apply_pass(watch_pass, request, stop, auto_approve=auto_approve)
                if stop.reason:  # heard at any moment of the pass, also at its very end
                    break
    except KeyboardInterrupt:
        pass
    screen.say("Stopped watching.")
    return EXIT_OK


def _apply_pass(
    watch_pass: WatchPass[Project], request: ApplyRequest, stop: Stop, *, auto_approve: bool
) -> None:
    """Apply what the project asks for now; show an error rather than end the watch."""
    from reconciler.cli.running import apply_project

    try:
        project = watch_pass.open_project()
        apply_project(
            project, request, auto_approve=auto_approve, stop=stop, apply=watch_pass.apply
        )
    except CutlistError as error:
        screen.complain(error)
        if not isinstance(error, InvalidInput):
            screen.note("Still watching.")
    except Exception as error:  # a fault of our own ends one pass, not the watch
        crash.tell(error, where="in a pass of watch")
        screen.note("Still watching.")

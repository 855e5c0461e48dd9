"""`cutlist watch`: apply at every save."""

from __future__ import annotations

import asyncio

import click

from reconciler.apply.outcome import Stop
from reconciler.cli import crash, options, screen
from reconciler.cli.opening import opened
from reconciler.cli.running import _run
from reconciler.errors import EXIT_OK, CutlistError, InvalidInput
from reconciler.plan.decide import Options
from reconciler.project import Project
from reconciler.watch import WatchPass


@click.command(short_help="Apply at every save.")
@options.endpoint
@options.auto_approve
@options.max_cost
@click.pass_context
def watch(
    context: click.Context, endpoint: str | None, auto_approve: bool, max_cost: float | None
) -> int:
    """Plan and apply again whenever a manifest, or a clip that one names, is saved. Ctrl-C ends it.

    \b
    Example: cutlist watch
    """
    return run_watch(opened(context, endpoint), auto_approve=auto_approve, max_cost=max_cost)


def run_watch(project: Project, *, auto_approve: bool, max_cost: float | None) -> int:
    """Apply at every change, until Ctrl-C. A fault in a manifest is shown and waits for the next
    save; so does an edit that failed, for a save of its own manifest.
    """

    async def next_pass() -> WatchPass[Project] | None:
        return await anext(passes, None)

    passes = project.watch()
    screen.say(f"Watching {project.config.root}. Ctrl-C ends it.")
    try:
        with asyncio.Runner() as runner:
            while watch_pass := runner.run(next_pass()):
                if watch_pass.paths:
                    screen.say(f"\n{', '.join(watch_pass.paths)} changed.")
                stop = Stop()
                apply_pass(watch_pass, stop, auto_approve=auto_approve, max_cost=max_cost)
                if stop.reason:  # heard at any moment of the pass, also at its very end
                    break
    except KeyboardInterrupt:
        pass
    screen.say("Stopped watching.")
    return EXIT_OK


def apply_pass(
    watch_pass: WatchPass[Project], stop: Stop, *, auto_approve: bool, max_cost: float | None
) -> None:
    """Apply what the project asks for now; an error is shown, and does not end the watch."""
    try:
        _run(
            watch_pass.open_project(),
            Options(),
            as_json=False,
            auto_approve=auto_approve,
            max_cost=max_cost,
            stop=stop,
            watch_pass=watch_pass,
        )
    except CutlistError as error:
        screen.complain(error)
        if not isinstance(error, InvalidInput):
            screen.note("Still watching.")
    except Exception as error:  # a fault of our own ends one pass, not the watch
        crash.tell(error, where="in a pass of watch")
        screen.note("Still watching.")

"""`cutlist watch`: apply at every save."""

from __future__ import annotations

import click

from reconciler.apply.outcome import Stop
from reconciler.cli import crash, options, screen
from reconciler.cli.opening import opened
from reconciler.cli.running import _run
from reconciler.errors import EXIT_OK, CutlistError, InvalidInput
from reconciler.plan.decide import Options
from reconciler.project import Project


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
    project = opened(context, endpoint)
    return run_watch(project, endpoint, auto_approve=auto_approve, max_cost=max_cost)


def run_watch(
    project: Project, endpoint: str | None, *, auto_approve: bool, max_cost: float | None
) -> int:
    """Apply at every change, until Ctrl-C. A fault in a manifest is shown and waits for the next
    save; so does an edit that failed, for a save of its own manifest.
    """
    from reconciler.watch import Failed, changes

    failed = Failed()

    def one_pass(stop: Stop) -> None:
        try:
            fresh = Project.open(
                project.config.root,
                endpoint=endpoint,
                clock=project.clock,
                environment=project.config.environment,
                command="cutlist watch",
            )
            report = _run(
                fresh,
                Options(given_up=failed.keys),
                as_json=False,
                auto_approve=auto_approve,
                max_cost=max_cost,
                stop=stop,
            )
            failed.learn(report)
        except CutlistError as error:
            screen.complain(error)
            if not isinstance(error, InvalidInput):
                screen.note("Still watching.")
        except Exception as error:  # a fault of our own ends one pass, not the watch
            crash.tell(error, where="in a pass of watch")
            screen.note("Still watching.")

    screen.say(f"Watching {project.config.root}. Ctrl-C ends it.")
    try:
        for paths in changes(project):
            if paths:
                screen.say(f"\n{', '.join(paths)} changed.")
            failed.saved(paths)
            stop = Stop()
            one_pass(stop)
            if stop.reason:  # heard at any moment of the pass, also at its very end
                break
    except KeyboardInterrupt:
        pass
    screen.say("Stopped watching.")
    return EXIT_OK

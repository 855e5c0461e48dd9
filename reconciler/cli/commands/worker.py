"""`cutlist worker`: carry out what applies order."""

from __future__ import annotations

import click

from reconciler.cli import options, screen
from reconciler.cli.opening import open_project
from reconciler.errors import EXIT_OK


@click.command("worker", short_help="Carry out what applies order.")
@options.endpoint
@click.pass_context
def run_worker(context: click.Context, endpoint: str | None) -> int:
    """Carry out what `cutlist apply` orders where the project says `workers: true`, until Ctrl-C or
    SIGTERM.

    Needs a ledger and a store that machines share, and the key of the account. It needs no
    manifests: a folder with a cutlist.yaml is enough. Any number may run.

    \b
    Example: cutlist worker
    """
    from reconciler.apply.outcome import Stop
    from reconciler.cli.loop import run_in_loop
    from reconciler.cli.signals import stop_on_signal

    project, stop = open_project(context, endpoint), Stop()
    with stop_on_signal(stop) as attach_loop:

        async def work() -> None:
            attach_loop()
            await project.run_worker(stop, screen.note)

        run_in_loop(work())
    return EXIT_OK

"""`cutlist status`: how every edit is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import options, screen
from reconciler.cli.opening import open_project, warn_of_other_ledgers
from reconciler.errors import EXIT_NEEDS_PERSON, EXIT_OK

if TYPE_CHECKING:
    pass


@click.command("status", short_help="Show how every edit is.")
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def run_status(context: click.Context, endpoint: str | None, as_json: bool, wide: bool) -> int:
    """Show every edit: in sync or not, healthy or not, and what waits for a person. Asks nobody,
    changes nothing.

    \b
    Example: cutlist status
    """
    from reconciler.report.status import lay_out_status

    project = open_project(context, endpoint)
    status = project.status()
    warn_of_other_ledgers(project)
    if as_json:
        screen.print_json(status.to_json())
    else:
        screen.show(lay_out_status(status), wide=wide)
    return EXIT_NEEDS_PERSON if status.needs_person else EXIT_OK

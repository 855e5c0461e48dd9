"""`cutlist status`: how every edit is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli import options, screen
from reconciler.cli.opening import _tell_of_others, opened
from reconciler.errors import EXIT_NEEDS_PERSON, EXIT_OK

if TYPE_CHECKING:
    pass


@click.command(short_help="Show how every edit is.")
@options.endpoint
@options.as_json
@options.wide
@click.pass_context
def status(context: click.Context, endpoint: str | None, as_json: bool, wide: bool) -> int:
    """Show every edit: in sync or not, healthy or not, and what waits for a person. Asks nobody,
    changes nothing.

    \b
    Example: cutlist status
    """
    from reconciler.report import status as health

    project = opened(context, endpoint)
    seen = project.status()
    _tell_of_others(project)
    if as_json:
        screen.document(seen.to_json())
    else:
        screen.show(health.status_blocks(seen), wide=wide)
    return EXIT_NEEDS_PERSON if seen.needs_person else EXIT_OK

"""`cutlist validate`: check every manifest."""

from __future__ import annotations

import click

from reconciler.cli import options, screen
from reconciler.cli.opening import open_project
from reconciler.formats.names import make_plain
from reconciler.formats.words import format_count


@click.command("validate", short_help="Check every manifest; show all faults.")
@options.endpoint
@click.pass_context
def run_validate(context: click.Context, endpoint: str | None) -> None:
    """Check every manifest and every local clip; show all faults in one run. Nothing is sent.

    \b
    Example: cutlist validate
    """
    desired = open_project(context, endpoint).load()
    for warning in desired.warnings:
        screen.note(make_plain(str(warning)))
    edits, files = len(desired.edits), desired.files
    screen.say(f"{format_count(edits, 'edit')} in {format_count(files, 'manifest')}: all valid.")

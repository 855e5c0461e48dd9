"""`cutlist extract`: a copy of the video of a take."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project


@click.command("extract", short_help="Write the video of a take to a file.")
@click.argument("name", metavar="EDIT", shell_complete=completion.complete_edits)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@options.take
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@options.endpoint
@click.pass_context
def run_extract(
    context: click.Context,
    name: str,
    file: Path,
    take: int | None,
    force: bool,
    endpoint: str | None,
) -> None:
    """Write a copy of the video of a take, hashed before and after, to a file. `cutlist takes`
    lists the takes of an edit.

    \b
    Example: cutlist extract clothes-swap --take 2 second.mp4
    """
    project = open_project(context, endpoint)
    chosen = project.extract(name, context.obj / file, take=take, force=force)
    screen.say(
        f"{file}: take {chosen.number} of {name}, {chosen.result.size_bytes / 2**20:.1f} MB."
    )

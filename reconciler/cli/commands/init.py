"""`cutlist init`: start a project."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from reconciler.cli import screen


@click.command(short_help="Start a project that renders at once, offline.")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option("--name", help="The project's name. Default: the name of its folder.")
@click.pass_context
def init(context: click.Context, folder: Path, name: str | None) -> None:
    """Start a project that renders at once against the bundled server.

    \b
    Example: cutlist init my-film && cutlist -C my-film apply
    """
    from reconciler.cli.scaffold import scaffold

    written = scaffold(context.obj / folder, name)
    for path in written:
        screen.say(f"  wrote {path}")
    where = (
        ""
        if folder == Path() and context.obj == Path()
        else f" -C {shlex.quote(str(context.obj / folder))}"
    )
    screen.say(
        f"\nReady. See what it would do, then do it (offline, free):\n  cutlist{where} plan\n "
        f" cutlist{where} apply"
    )

"""`cutlist init`: start a project."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from reconciler.cli import screen


@click.command("init", short_help="Start a project that renders at once, offline.")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option("--name", help="The project's name. Default: the name of its folder.")
@click.pass_context
def run_init(context: click.Context, folder: Path, name: str | None) -> None:
    """Start a project that renders at once against the bundled server.

    \b
    Example: cutlist init my-film && cutlist -C my-film apply
    """
    from reconciler.cli.scaffold import scaffold

    folder = context.obj / folder
    for path in scaffold(folder, name):
        screen.say(f"  wrote {path}")
    command = "cutlist" if folder == Path() else f"cutlist -C {shlex.quote(str(folder))}"
    screen.say(
        "\nReady. See what it would do, then do it (offline, free):\n"
        f"  {command} plan\n  {command} apply"
    )

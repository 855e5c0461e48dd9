"""`cutlist validate`: check every manifest."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from reconciler.cli import options, screen
from reconciler.cli.opening import open_project
from reconciler.desired.chains import check_chains
from reconciler.errors import Fault, InvalidInput, ProjectNotFound
from reconciler.formats.names import make_plain
from reconciler.formats.words import format_count
from reconciler.state import lockfile


@click.command("validate", short_help="Check every manifest; show all faults.")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@options.endpoint
@click.pass_context
def run_validate(context: click.Context, files: tuple[Path, ...], endpoint: str | None) -> None:
    """Check every manifest and every local clip; show all faults in one run. Nothing is sent.

    With FILE, only the projects that these files belong to; a file of no project is passed over.

    \b
    Example: cutlist validate
    """
    here = context.obj.resolve()
    roots = _find_roots(here / file for file in files) if files else [here]
    faults: list[Fault] = []
    edits = read = 0
    for root in roots:
        above = os.path.relpath(root, here) if files else ""
        try:
            project = open_project(context, endpoint, root)
            desired = project.load()
            pins = lockfile.read_for(project.config).get(project.config.environment, {})
        except InvalidInput as error:
            faults += _name_files(above, error.faults)
            read += error.files
            continue
        for warning in _name_files(above, desired.warnings):
            screen.note(make_plain(str(warning)))
        faults += _name_files(above, check_chains(desired.edits, pins))
        edits, read = edits + len(desired.edits), read + desired.files
    if faults:
        raise InvalidInput(faults, files=read)
    screen.say(f"{format_count(edits, 'edit')} in {format_count(read, 'manifest')}: all valid.")


def _find_roots(files: Iterable[Path]) -> list[Path]:
    """The folders of the projects that files belong to, each once."""
    from reconciler.config import find_root  # lazy: start-up time

    roots: dict[Path, None] = {}
    for folder in dict.fromkeys(file.parent for file in files):
        with suppress(ProjectNotFound):
            roots[find_root(folder)] = None
    return list(roots)


def _name_files(above: str, faults: Iterable[Fault]) -> list[Fault]:
    """Faults whose files are named from the folder one is in, and not from the project on.

    `above` leads to the project; it is empty where its own names are meant.
    """
    if not above:
        return list(faults)
    return [
        replace(
            fault,
            place=replace(fault.place, file=posixpath.normpath(f"{above}/{fault.place.file}")),
        )
        for fault in faults
    ]

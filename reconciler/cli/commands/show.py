"""`cutlist show`: an edit, or a saved plan."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import completion, options, screen
from reconciler.cli.opening import open_project
from reconciler.errors import ProjectNotFound, UsageError
from reconciler.formats.names import make_plain
from reconciler.formats.spans import parse_span_within


@click.command("show", short_help="Show an edit, or a saved plan.")
@click.argument("what", metavar="EDIT|FILE", shell_complete=completion.complete_edits_or_files)
@options.endpoint
@click.option(
    "--link",
    "link_for",
    metavar="SPAN",
    help="Print only a link to the video for so long (1h, 7d); needs a store in a bucket.",
)
@options.as_json
@options.wide
@click.pass_context
def run_show(
    context: click.Context,
    what: str,
    endpoint: str | None,
    link_for: str | None,
    as_json: bool,
    wide: bool,
) -> None:
    """Show an edit: what it asks for, how it is, and every result it has had.

    Where a file of that name is there, shows it as a plan that `plan --out` saved; that needs no
    project.

    \b
    Example: cutlist show clothes-swap
    """
    if link_for is not None:
        _print_link(context, what, endpoint, link_for, as_json=as_json)
        return
    file = context.obj / what
    if file.exists():
        _show_plan(file, as_json=as_json, wide=wide)
        return
    from reconciler.report.show import lay_out_edit

    try:
        edit = open_project(context, endpoint).show(what)
    except (ProjectNotFound, UsageError) as error:
        raise UsageError(f'there is no file "{what}", and {error}', hint=error.hint) from error
    if as_json:
        screen.print_json(edit.to_json())
    else:
        screen.show(lay_out_edit(edit), wide=wide)


def _print_link(
    context: click.Context, name: str, endpoint: str | None, span: str, *, as_json: bool
) -> None:
    """Print a link to an edit's video, and nothing else on standard output."""
    try:
        for_s = parse_span_within(span, "1m", "7d")
    except ValueError as error:
        raise UsageError(f'--link is "{make_plain(span)}": {error}.') from None
    link = open_project(context, endpoint).link(name, for_s=for_s)
    if as_json:
        screen.print_json({"link": link, "for_s": for_s})
        return
    screen.print_lines(link)
    screen.note(f"Whoever has this link can watch the video for {span}.")


def _show_plan(file: Path, *, as_json: bool, wide: bool) -> None:
    """Show a plan that `plan --out` saved."""
    from reconciler.operations.saved_plan import read_plan
    from reconciler.report.plan import lay_out_plan

    saved = read_plan(file)
    if as_json:
        screen.print_json(saved.plan_to_json())
        return
    title = f"Saved plan of the project {saved.project}."
    screen.show([title, "", *lay_out_plan(saved.plan)], wide=wide)

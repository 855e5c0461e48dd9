"""`cutlist ui`: the project in the browser."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from reconciler.cli import options, screen
from reconciler.cli.loop import run_in_loop
from reconciler.cli.opening import open_project
from reconciler.errors import EXIT_OK, UsageError
from reconciler.formats.words import format_count


@click.command("ui", short_help="Look at the project in the browser.")
@options.endpoint
@click.option(
    "--listen",
    default="0",
    metavar="[HOST:]PORT",
    help="Where it is served. Default: a free port of 127.0.0.1; elsewhere only with --auth.",
)
@click.option("--no-open", is_flag=True, help="Open no browser.")
@click.option(
    "--auth",
    metavar="tokens:FILE|proxy:ADDRESS,header=NAME",
    help="Who may: people with a token in FILE, or those whom the proxy at ADDRESS names.",
)
@click.option(
    "--export",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Serve nothing: write the page as a folder of files, to be opened or handed on.",
)
@click.option("--videos", is_flag=True, help="With --export: the videos too, and not only stills.")
@click.option(
    "--diff",
    "ends",
    metavar="A...B",
    help="With --export: only what changed from one revision to the other, before and after.",
)
@click.pass_context
def run_ui(
    context: click.Context,
    endpoint: str | None,
    listen: str,
    no_open: bool,
    auth: str | None,
    folder: Path | None,
    videos: bool,
    ends: str | None,
) -> int:
    """Serve a page with every edit, its takes, what they cost and what is to be done, until Ctrl-C.
    Nothing is spent unless somebody says yes to a plan there.

    \b
    Example: cutlist ui
             cutlist ui --listen 8080 --no-open
             cutlist ui --export review --diff main...HEAD
    """
    if folder is not None:
        return _export(context, endpoint, context.obj / folder, videos=videos, ends=ends)
    if videos or ends is not None:
        raise UsageError("--videos and --diff are for --export DIR.")
    host, port = options.read_page_address(listen, "--listen", auth)
    from reconciler.cli.paging import PageSettings, serve_page  # lazy: aiohttp

    settings = PageSettings(
        open_in=lambda environment: open_project(context, endpoint, environment=environment),
        host=host,
        port=port,
        open_browser=not no_open,
        auth=auth,
        folder=Path(context.obj),
    )
    with suppress(KeyboardInterrupt):
        run_in_loop(serve_page(settings))
    screen.say("The page is closed.")
    return EXIT_OK


def _export(
    context: click.Context, endpoint: str | None, folder: Path, *, videos: bool, ends: str | None
) -> int:
    """Write the page into a folder, and say what is in it."""
    from reconciler.web.export import ExportRequest, export_page  # lazy: start-up time

    request = ExportRequest(folder, videos=videos, ends=ends)
    done = export_page(open_project(context, endpoint), request, screen.note)
    left_out = f"; {format_count(done.missing, 'picture')} left out" if done.missing else ""
    screen.say(
        f"{format_count(done.edits, 'edit')} in {format_count(done.files, 'file')}"
        f" ({done.size_bytes / (1 << 20):.1f} MB){left_out}. Open {folder / 'index.html'}"
    )
    return EXIT_OK

"""`cutlist ui`: the project in the browser."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from reconciler.cli import options, screen
from reconciler.cli.loop import run_in_loop
from reconciler.cli.opening import open_project
from reconciler.errors import EXIT_OK, UsageError
from reconciler.formats.hosts import is_loopback


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
@click.pass_context
def run_ui(
    context: click.Context, endpoint: str | None, listen: str, no_open: bool, auth: str | None
) -> int:
    """Serve a page with every edit, its takes, what they cost and what is to be done, until Ctrl-C.
    Nothing is spent unless somebody says yes to a plan there.

    \b
    Example: cutlist ui
             cutlist ui --listen 8080 --no-open
    """
    host, port = options.read_address(listen, "--listen")
    if auth is None and not is_loopback(host):
        raise UsageError(
            f"--listen is {listen}, which others can reach; say with --auth who may.",
            hint="Such as --auth tokens:FILE with a line `NAME TOKEN` for each person.",
        )
    from reconciler.cli.paging import PageSettings, serve_page  # lazy: aiohttp

    settings = PageSettings(
        open_project=lambda: open_project(context, endpoint),
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

"""`cutlist mock`: run the bundled server on a port."""

from __future__ import annotations

from typing import Any

import click


@click.command(
    "mock",
    short_help="Run the bundled server on a port.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run_mock(context: click.Context, arguments: tuple[str, ...]) -> Any:
    """Run the bundled server on a port, for your own tests of DashScope clients (key sk-mock).

    \b
    Example: cutlist mock --port 8080 --speed 60
    """
    from mockserver.__main__ import serve  # lazy: aiohttp

    return serve.main(
        list(arguments), prog_name="cutlist mock", standalone_mode=False, obj=context.obj
    )

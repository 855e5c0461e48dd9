"""The command `python -m mockserver`: a server on a port, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockserver.clock import RealClock, ScaledClock
from mockserver.errors import ServerError
from mockserver.reports import install_reports, write_report

if TYPE_CHECKING:
    from mockserver.server import MockServer


@click.command(
    "mock",
    epilog="Example: python -m mockserver --port 8788 --state .mock --speed 60",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    help="Run the server's clock so many times as fast.",
)
@click.option("--seed", type=int, help="Ids, times and films follow from it; random when unset.")
@click.option(
    "--strict", is_flag=True, help="Refuse bad requests at once with 400, not as failed tasks."
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    help=(
        "Folder that keeps tasks and files, or file (with a suffix, as in day.tar) read at the"
        " start and written at the end; memory when unset."
    ),
)
@click.option(
    "--scenario",
    type=click.Path(path_type=Path),
    help="YAML file of scenarios, faults, accounts, webhooks.",
)
@click.option(
    "--public-url", help="Root of upload and result URLs, when clients use another address."
)
@click.option(
    "--task-seconds",
    nargs=2,
    type=click.FloatRange(min=0),
    metavar="LO HI",
    help="How long tasks take. Default: 2 4, and with --speed each model's usual minutes.",
)
@click.option(
    "--region", help="singapore or beijing: refuse keys and model names of the other one."
)
@click.option(
    "--rate-limits",
    is_flag=True,
    help="Answer 429 to more requests per second than the service takes.",
)
@click.option(
    "--fetch-inputs",
    is_flag=True,
    help="Download media by http(s), and fail tasks whose media is missing.",
)
@click.option(
    "--webhook",
    "webhooks",
    multiple=True,
    help="URL that is told when a task ends; may be repeated.",
)
@click.option(
    "--cors",
    multiple=True,
    metavar="ORIGIN",
    help="Site whose pages may use /_mock/ from a browser, or '*'; may be repeated.",
)
@click.option(
    "--cert", type=click.Path(path_type=Path), help="Serve https with this certificate (PEM)."
)
@click.option(
    "--key", type=click.Path(path_type=Path), help="Its key, unless it stands in the same file."
)
@click.option("--tls", is_flag=True, help="Serve https with a certificate made on the spot.")
@click.option(
    "--any-model",
    is_flag=True,
    help="Answer unknown model names with a generic model that gives videos of 5 s.",
)
@click.option("--remote-controls", is_flag=True, help="Let /_mock/ answer other machines too.")
def serve(
    host: str,
    port: int,
    speed: float | None,
    seed: int | None,
    strict: bool,
    state: Path | None,
    scenario: Path | None,
    webhooks: tuple[str, ...],
    task_seconds: tuple[float, float] | None,
    **options: Any,
) -> None:
    """Serve the DashScope video-editing task API on this machine, with real videos and no bill."""
    install_reports()
    if task_seconds is None and speed is None:
        task_seconds = (2.0, 4.0)
    from mockserver.orders.scenario_file import read_settings  # lazy for start-up time
    from mockserver.server import MockServer  # lazy for start-up time

    try:
        orders: dict[str, Any] = {"webhooks": list(webhooks)}
        if scenario is not None:
            orders = read_settings(scenario, webhooks)
        server = MockServer(
            host=host,
            port=port,
            clock=RealClock() if speed is None else ScaledClock(speed),
            validation="strict" if strict else "service",
            seed=secrets.randbits(32) if seed is None else seed,
            task_seconds=task_seconds,
            **_choose_state(state),
            **orders,
            **options,
        )
        asyncio.run(serve_until_stopped(server, server.accounts[0].keys[0].secret))
    except ServerError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _choose_state(state: Path | None) -> dict[str, Any]:
    """The setting for a path: a folder or a file, as it is there.

    What is not there will be a file when it has a suffix, else a folder.
    """
    if state is not None and (state.is_file() or (state.suffix and not state.is_dir())):
        return {"state_file": state}
    return {"state_dir": state}


async def serve_until_stopped(server: MockServer, key: str) -> None:
    """Serve until SIGINT or SIGTERM; the first line that is printed tells the URL."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await server.start()
    click.echo(f"listening on {server.url}")
    if server.ca_file is not None:
        click.echo(f"trust it with SSL_CERT_FILE={server.ca_file}")
    click.echo(
        f"key: {key}    controls: {server.url.removesuffix('/api/v1')}/_mock/    Ctrl-C ends it"
    )
    sys.stdout.flush()
    await stopped.wait()
    await server.stop()


def main() -> None:
    """Serve, and exit. An error of the server itself is one sentence, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        serve()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        click.echo(write_report(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()

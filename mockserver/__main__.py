"""`python -m mockserver`: the server on a port, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockserver.clock import Clock, RealClock, ScaledClock
from mockserver.errors import ServerError

if TYPE_CHECKING:
    from mockserver.server import MockServer


@click.command(
    "mock",
    epilog="Example: python -m mockserver --port 8788 --state .mock --speed 60",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True), help="Run the server's clock so many times as fast."
)
@click.option("--seed", type=int, help="Ids, times and films follow from it; random when unset.")
@click.option("--strict", is_flag=True, help="Refuse bad requests at once with 400, not as failed tasks.")
@click.option("--state", type=click.Path(path_type=Path), help="Folder that keeps tasks and files; memory when unset.")
@click.option("--public-url", help="Root of upload and result URLs, when clients use another address.")
@click.option(
    "--task-seconds",
    nargs=2,
    type=click.FloatRange(min=0),
    metavar="LO HI",
    help="How long tasks take. Default: 2 4, and with --speed each model's usual minutes.",
)
def serve(
    host: str,
    port: int,
    speed: float | None,
    seed: int | None,
    strict: bool,
    state: Path | None,
    public_url: str | None,
    task_seconds: tuple[float, float] | None,
) -> None:
    """Serve the DashScope video-editing task API on this machine, with real videos and no bill."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    clock: Clock = RealClock() if speed is None else ScaledClock(speed)
    if task_seconds is None and speed is None:
        task_seconds = (2.0, 4.0)
    from mockserver.server import MockServer  # lazy for start-up time

    try:
        server = MockServer(
            state_dir=state,
            host=host,
            port=port,
            clock=clock,
            validation="strict" if strict else "service",
            seed=secrets.randbits(32) if seed is None else seed,
            task_seconds=task_seconds,
            public_url=public_url,
        )
        asyncio.run(_until_stopped(server))
    except ServerError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


async def _until_stopped(server: MockServer) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await server.start()
    click.echo(f"listening on {server.url}")
    click.echo(f"key: sk-mock    controls: {server.url.removesuffix('/api/v1')}/_mock/    Ctrl-C ends it")
    sys.stdout.flush()
    await stopped.wait()
    await server.stop()


if __name__ == "__main__":
    serve()

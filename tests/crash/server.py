"""`python -m tests.crash.server`: the bundled server in its own process, with small films that are
quickly made.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from mockserver import MockServer
from mockserver.__main__ import serve_until_stopped
from reconciler.config import MOCK_KEY
from tests.e2e.bench import SmallFilms


@click.command()
@click.option("--state", required=True, type=click.Path(path_type=Path))
@click.option("--port", default=0)
@click.option("--task-seconds", nargs=2, type=float, default=(0.05, 0.3))
def serve(state: Path, port: int, task_seconds: tuple[float, float]) -> None:
    """Say the address in the first line, as the real one does, and serve until SIGTERM."""
    server = MockServer(
        state_dir=state, port=port, task_seconds=task_seconds, renderer=SmallFilms()
    )
    asyncio.run(serve_until_stopped(server, lambda: [f"key: {MOCK_KEY}"]))


if __name__ == "__main__":
    serve()

"""A server for a whole module, emptied before each test, and a project that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.scene import Scene, Server


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The server's process; TASK_SECONDS of the module says how long its tasks take."""
    task_seconds = getattr(request.module, "TASK_SECONDS", (0.05, 0.3))
    with Server(tmp_path_factory.mktemp("server"), task_seconds) as server:
        yield server


@pytest.fixture
def scene(running: Server, tmp_path: Path) -> Scene:
    """An empty project at an empty server."""
    running.ask("reset", "POST")
    return Scene(tmp_path / "film", running)

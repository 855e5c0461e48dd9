"""The stage of every test of the controller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mockserver import MockServer, VirtualClock
from tests.controller.stage import Stage
from tests.e2e.bench import SmallFilms
from tests.githost import GitHost


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A fresh repository, host, server and controller, on virtual time."""
    virtual = VirtualClock()
    server = MockServer(clock=virtual, renderer=SmallFilms())
    await server.start()
    with GitHost(tmp_path / "host") as host:
        yield Stage(tmp_path, host, server, virtual)
    await server.stop()

"""The bench every end-to-end test works at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mockserver import MockServer, VirtualClock
from tests.e2e.bench import Bench, SmallFilms, Ticking


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A fresh project and a fresh server on virtual time."""
    virtual = VirtualClock()
    root = tmp_path / "project"
    root.mkdir()
    async with MockServer(clock=virtual, renderer=SmallFilms(), task_seconds=(2.0, 4.0)) as server:
        bench = Bench(root, server, Ticking(virtual), virtual)
        yield bench
        await bench.network.aclose()


@pytest.fixture
async def pair(bench: Bench) -> Bench:
    """Two edits, both rendered, in a project that prunes."""
    bench.write_project(prune={"enabled": True})
    bench.edit("rain")
    bench.edit("snow", "make it snow")
    await bench.apply()
    return bench

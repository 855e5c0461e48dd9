"""The project that every test of the watch works on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.watch.watched import Watched, open_watched


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """A fresh project and a fresh server."""
    async with open_watched(tmp_path / "project") as watched:
        yield watched

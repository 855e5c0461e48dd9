"""What all projects here take: a few clips and pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.remembered.project import make_media_pool


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips and pictures that all projects take."""
    return make_media_pool(tmp_path_factory.mktemp("pool") / "media")

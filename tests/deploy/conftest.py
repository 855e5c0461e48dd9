"""A team's repository for each test, at a service that takes next to no time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mockserver.threaded import ServerThread
from tests.deploy.studio import Studio
from tests.e2e.bench import SmallFilms


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """One edit is committed on `main`, and nothing is rendered."""
    with ServerThread(task_seconds=(0.05, 0.05), renderer=SmallFilms()) as server:
        yield Studio(tmp_path, server)

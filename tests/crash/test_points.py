"""SIGKILL before and after every durable write: the next apply converges, and nothing is paid
again.
"""

from __future__ import annotations

import signal

import pytest

from tests.crash.scene import VICTIM_MAIN, Scene
from tests.crash.victim import POINTS


@pytest.mark.parametrize("point", sorted(POINTS))
def test_killed_at_a_point(point: str, scene: Scene) -> None:
    """Three lives: one ends before the point, one after it, the last brings all home; each job is
    paid once.
    """
    scene.edit(url=scene.clip())
    scene.edit(url=f"edit://{scene.edit()}")
    for when in ("before", "after"):
        killed = scene.apply(function=VICTIM_MAIN, before=[point, when, "1"])
        assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    resumed = scene.apply()
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert scene.broken() == {}, resumed.stdout

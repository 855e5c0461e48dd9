"""One project, and what happens to it: each time the cache changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.remembered.disturbances import DISTURBANCES
from tests.remembered.stage import Stage, bind, set_stage


def leave_as_it_is(patch: pytest.MonkeyPatch) -> None:
    """The program as it is."""


def play(
    chance: Random,
    folder: Path,
    pool: Path,
    names: Sequence[str],
    spoil: Callable[[pytest.MonkeyPatch], None] = leave_as_it_is,
) -> None:
    """Disturbances one after the other. Raises AssertionError where the cache changes something."""
    with set_stage(chance, folder, pool, spoil) as stage:
        try:
            for name in names:
                disturb(stage, name)
                stage.compare()
        except AssertionError as error:
            error.add_note("\n".join([f"in environment {stage.environment!r}:", *stage.told]))
            raise


def disturb(stage: Stage, name: str) -> None:
    """Let something happen, at once or later; and perhaps once more after a look, so soon that no
    time tells.
    """
    if stage.chance.random() < 0.6:
        stage.disk.tick(stage.chance.choice((0.5, 60.0)))
    stage.told.append(name)
    stage.target = None
    DISTURBANCES[name](stage)
    if stage.chance.random() < 0.5:
        stage.look()
        bind(stage.hold)
        stage.told.append(f"{name} once more")
        DISTURBANCES[name](stage)

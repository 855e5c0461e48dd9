"""A plan is the same to the byte with the cache, without it, and whatever happened in between.

A short while in the suite; `make fuzz-cache SECONDS=600` goes on for longer, at other examples each
time.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.long import show_few
from tests.remembered.disturbances import DISTURBANCES
from tests.remembered.mutants import MUTANTS
from tests.remembered.playing import disturb, leave_as_it_is, play
from tests.remembered.stage import set_stage

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
PER_SECOND = 2.5
WITHIN = 80
BATCHES = 6
_NAMES = st.sampled_from(list(DISTURBANCES))


@settings(
    max_examples=int(SECONDS * PER_SECOND) or 4, derandomize=not SECONDS, deadline=None,
    database=None, suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(st.integers(0, 1 << 32), st.lists(_NAMES, min_size=1, max_size=2))
def test_cache_changes_nothing(pool: Path, seed: int, names: list[str]) -> None:
    """With every feature, after any disturbance, for new processes and for one that goes on."""
    for name in names:
        event(name)
    with tempfile.TemporaryDirectory() as folder:
        play(Random(seed), Path(folder), pool, names)


@pytest.mark.parametrize("number", range(BATCHES))
def test_after_everything_that_may_happen(number: int, pool: Path, tmp_path: Path) -> None:
    """Each disturbance once, a few of them in each project."""
    chance, names = Random(number), sorted(DISTURBANCES)[number::BATCHES]
    chance.shuffle(names)
    with set_stage(chance, tmp_path, pool, leave_as_it_is) as stage:
        for name in names:
            disturb(stage, name)
            stage.compare_briefly()
        stage.compare()


@pytest.mark.parametrize("name", show_few(MUTANTS))
def test_a_cache_that_believes_too_much_is_caught(name: str, pool: Path, tmp_path: Path) -> None:
    """At the seed that is kept, or at another one: every change of the code moves what they do."""
    mutant = MUTANTS[name]

    def is_caught(seed: int) -> bool:
        chance, folder = Random(seed), tmp_path / str(seed)
        folder.mkdir(exist_ok=True)
        try:
            play(chance, folder, pool, [chance.choice(mutant.disturbances)], mutant.spoil)
        except Exception:  # another plan, or none at all
            return True
        return False

    assert any(map(is_caught, dict.fromkeys((mutant.seed, *range(WITHIN)))))

"""Seeds that are kept: each caught a bad protocol or a bug that was there, and must catch it again
if it comes back.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.long import show_few
from tests.simulation.mutants import MUTANTS, WITHIN, caught
from tests.simulation.play import run
from tests.simulation.sometimes import QUICK

CASES = [
    line.split("#")[0].split()
    for line in (Path(__file__).parent / "cases.txt").read_text().splitlines()
]
CAUGHT = {name: int(seed) for seed, name, *_ in filter(None, CASES) if name in MUTANTS}
SEEDS = sorted({int(case[0]) for case in filter(None, CASES)} - {*range(QUICK)})


@pytest.mark.parametrize("name", show_few(MUTANTS))
def test_mutant_is_caught(name: str) -> None:
    """The bad protocol breaks a promise that the simulation sees, at the seed that is kept or at
    another one.

    Every change of the code moves what a seed does. `run.py --mutants` finds the first seeds anew.
    """
    assert any(caught(MUTANTS[name], seed) for seed in (CAUGHT[name], *range(WITHIN)))


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_wrong_once(seed: int) -> None:
    """Without the bad protocol nothing is broken at that seed (test_simulation.py plays the first
    QUICK).
    """
    assert run(seed).broken == ""

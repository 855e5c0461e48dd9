"""Nothing paid twice, nothing paid lost, nothing incomplete visible: over seeds, and reproducible
to the byte.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from tests.cli.processes import environment
from tests.long import show_few
from tests.simulation.kinds import KINDS
from tests.simulation.play import run
from tests.simulation.sometimes import QUICK, find_missing

BATCH = len(KINDS)
HAPPENED: dict[int, Counter[str]] = {}  # by seed


@pytest.mark.parametrize("first", show_few(range(0, QUICK, BATCH), every=QUICK))
def test_every_promise_is_kept(first: int) -> None:
    """Whatever the seed holds in store, the bill and the disk agree with what was promised."""
    for seed in range(first, first + BATCH):
        play(seed)


def play(seed: int) -> None:
    """Play a seed, keep what happened in it, and see that every promise is kept."""
    verdict = run(seed)
    assert verdict.broken == "", f"seed {seed}: {verdict.broken}"
    HAPPENED[seed] = Counter(verdict.world.counters)


@pytest.mark.long
def test_everything_happened_sometimes() -> None:
    """The seeds above really meet each fault, death and recovery; those that were not played yet
    are played now.
    """
    for seed in sorted(set(range(QUICK)) - HAPPENED.keys()):
        play(seed)
    happened = sum((HAPPENED[seed] for seed in range(QUICK)), Counter())
    assert find_missing(happened, QUICK) == []


def test_a_seed_reproduces_in_another_process() -> None:
    """The trace of a seed is the same to the byte under another hash seed."""
    env = environment(PYTHONHASHSEED="2")
    command = [sys.executable, "-m", "tests.simulation.run", "--trace", "11"]
    told = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    verdict = run(11)
    assert told.splitlines()[:-2] == "\n".join(verdict.world.trace).splitlines()
    assert f"trace {verdict.trace_sha256}" in told

"""Nothing paid twice, nothing paid lost, nothing incomplete visible: over seeds, and reproducible
to the byte.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.processes import environment
from tests.simulation.distortions import (
    CREATE_BENDS,
    FROZEN,
    LOOK_BENDS,
    PAGE_BENDS,
    ROW_BENDS,
    UNDELIVERED,
)
from tests.simulation.kinds import KINDS
from tests.simulation.network import FAULTS, FILM_FAULTS, POLL_FAULTS
from tests.simulation.play import run

SEEDS, BATCH = 8 * len(KINDS), 2 * len(KINDS)
SOMETIMES = (
    *FAULTS,
    *FILM_FAULTS,
    *POLL_FAULTS,
    *PAGE_BENDS,
    *ROW_BENDS,
    *CREATE_BENDS,
    *UNDELIVERED,
    *LOOK_BENDS,
    FROZEN,
    "list: by status",
    "list: late",
    "list: hidden once",
    "wrong clock",
    "clock set",
    "wrong Date",
    "killed",
    "power cut",
    "cut took names",
    "cut took bytes",
    "locked out",
    "paused",
    "followed",
    "adopted",
    "settling",
    "cancelled",
    "cancel in vain",
    "recovered",
    "second look",
    "stray",
    "undecided",
    "expired",
    "repaid",
    "rotten",
    "quarantined",
    "colleague",
)
HAPPENED: Counter[str] = Counter()


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_every_promise_is_kept(first: int) -> None:
    """Whatever the seed holds in store, the bill and the disk agree with what was promised."""
    for seed in range(first, first + BATCH):
        verdict = run(seed)
        assert verdict.broken == "", f"seed {seed}: {verdict.broken}"
        HAPPENED.update(verdict.world.counters)
    HAPPENED["batches"] += 1


def test_everything_happened_sometimes() -> None:
    """The seeds above really met each fault, death and recovery; a simulation of sunny days proves
    nothing.
    """
    if HAPPENED["batches"] < SEEDS // BATCH:
        pytest.skip("the seeds were not all run in this process")
    assert {name for name in SOMETIMES if not HAPPENED[name]} == set()


def test_a_seed_reproduces_in_another_process() -> None:
    """The trace of a seed is the same to the byte under another hash seed."""
    root = Path(__file__).resolve().parents[2]
    traces = set()
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "tests.simulation.run", "--trace", "11"]
        env = environment(PYTHONHASHSEED=hash_seed)
        traces.add(
            subprocess.run(
                command, cwd=root, env=env, check=True, capture_output=True, text=True
            ).stdout
        )
    assert len(traces) == 1

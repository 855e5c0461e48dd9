"""The controller in the simulation: whatever is pushed, told, lost, decided or killed, nothing is
paid twice or lost, and in the end the last commit is what is rendered.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.long import show_few
from tests.simulation.sync.mutants import MUTANTS, WITHIN, caught
from tests.simulation.sync.play import run

SEEDS = range(5, 12)
SOMETIMES = (
    *(f"team: {what}" for what in ("change", "remove", "revert", "force", "delete", "break")),
    "killed",
    "power cut",
    "webhook",
    "yes",
    "lock committed",
    "fault of our own",
    "pushed while git was at work",
    "remote: unreachable",
    "remote: answer lost",
)
# The first seed that caught each; every change of the code moves what a seed does.
CAUGHT = {
    "superseded_goes_on_paying": 21,
    "running_is_cancelled": 9,
    "own_commit_starts_a_pass": 3,
    "webhook_is_believed": 11,
    "repository_raises_its_budget": 7,
    "consent_is_kept": 0,
    "failure_ends_the_loop": 3,
    "two_passes_at_once": 3,
}


def test_every_promise_is_kept() -> None:
    """The bill, the repository and the disk agree with what was promised; and the seeds really met
    what they are about.
    """
    happened: Counter[str] = Counter()
    for seed in SEEDS:
        verdict = run(seed)
        assert verdict.broken == "", f"seed {seed}: {verdict.broken}"
        happened.update(verdict.world.counters)
    assert {name for name in SOMETIMES if not happened[name]} == set()


@pytest.mark.parametrize("name", show_few(MUTANTS))
def test_mutant_is_caught(name: str) -> None:
    """The bad controller breaks a promise, at the seed that is kept or at another one."""
    assert any(caught(MUTANTS[name], seed) for seed in (CAUGHT[name], *range(WITHIN)))


def test_a_seed_reproduces() -> None:
    """A seed plays the same way again, to the byte."""
    assert len({run(11).trace_sha256 for _ in range(2)}) == 1

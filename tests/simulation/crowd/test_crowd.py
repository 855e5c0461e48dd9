"""Several machines at work at once, on one ledger and one bucket: whoever is killed, stands still
or is cut off, nothing is paid twice without being told, nothing is lost, and in the end every clone
has what it asks for.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.long import show_few
from tests.simulation.crowd.mutants import MUTANTS, WITHIN, caught
from tests.simulation.crowd.play import run

SEEDS = range(11)  # every kind of world; `make simulate` has 2,000
SEEDS_ON_A_SERVER = (1, 2)
SOMETIMES = (
    "killed",
    "paused",
    "paused on the way",
    "late",
    "ledger away",
    "service away",
    "bucket: list",
    "bucket: read",
    "bucket: write",
    "commit lost",
    "commit did not arrive",
    "followed",
    "adopted",
    "not sent",
    "ended by BudgetExceeded",
    "failed over",
    "done in trouble",
    "gc",
    "rotten",
)
# The first seed that caught each; every change of the code moves what a seed does.
CAUGHT = {
    "holder_ignored": 84,
    "sent_however_late": 35,
    "store_read_first": 2,
    "width_counted_in_the_process": 2,
    "budget_checked_at_the_plan": 17,
    "day_told_by_each_machine": 178,
    "hold_in_two_steps": 0,
    "intend_repeated_after_lost_commit": 2,
    "late_answer_refused": 22,
    "stored_but_undecided": 34,
    "failover_unnoticed": 90,
    "record_before_blob": 0,
    "cache_trusted": 0,
    "gc_of_one_project": 4,
}


def test_every_promise_is_kept() -> None:
    """The bill, ledger, bucket and clones agree with what was promised; and the seeds really met
    what they are about.
    """
    happened: Counter[str] = Counter()
    for seed in SEEDS:
        verdict = run(seed)
        assert verdict.broken == "", f"seed {seed}: {verdict.broken}"
        happened.update(verdict.world.counters)
    assert {name for name in SOMETIMES if not happened[name]} == set()


@pytest.mark.parametrize("seed", SEEDS_ON_A_SERVER)
def test_on_postgresql(seed: int) -> None:
    """The same with a real server for a ledger."""
    assert run(seed, "postgres").broken == ""


@pytest.mark.parametrize("name", show_few(MUTANTS, every=4))
def test_mutant_is_caught(name: str) -> None:
    """The bad protocol breaks a promise, at the seed that is kept or at another one."""
    assert any(caught(MUTANTS[name], seed) for seed in (CAUGHT[name], *range(WITHIN)))


def test_a_seed_reproduces() -> None:
    """A seed plays the same way again, to the byte."""
    assert len({run(7).trace_sha256 for _ in range(2)}) == 1

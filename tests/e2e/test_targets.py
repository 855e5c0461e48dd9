"""An apply of some edits: the others are left alone, in the store, in the lock file and at the
service.
"""

from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action
from tests.e2e.bench import Bench


def _chain(bench: Bench) -> None:
    bench.edit("first", prompt="first")
    bench.edit("second", url="edit://first", prompt="second")
    bench.edit("other", prompt="other")


async def test_a_target_is_rendered_with_what_it_builds_on(bench: Bench) -> None:
    """The second edit brings the first along; the third is not sent, and waits for its own
    apply.
    """
    _chain(bench)
    report = await bench.apply(options=PlanOptions(target=("second",)))
    assert (report.exit_code, report.done(Action.RENDER), report.left.left_out) == (0, 2, 1)
    assert bench.billed_tasks() == 2
    assert not bench.output("other").exists()
    assert (await bench.apply()).done(Action.RENDER) == 1
    assert bench.billed_tasks() == 3


async def test_what_is_excluded_is_no_orphan_and_keeps_its_pin(bench: Bench) -> None:
    """An edit of the same job is not pinned by an apply that leaves it out."""
    bench.edit("a")
    bench.edit("b")
    project = bench.live_project()
    report = await bench.apply(project, options=PlanOptions(exclude=("b",)))
    assert (report.exit_code, bench.billed_tasks()) == (0, 1)
    lock = (bench.root / "cutlist.lock").read_text()
    assert "a" in lock.split()
    assert "b" not in lock.split()
    report = await bench.apply(project)
    assert (report.exit_code, bench.billed_tasks()) == (0, 1)
    assert report.done(Action.WRITE) == 1


async def test_a_target_that_matches_nothing_asks_nobody(bench: Bench) -> None:
    """A slip is told before any request."""
    _chain(bench)
    with pytest.raises(UsageError):
        await bench.apply(options=PlanOptions(target=("secnd",)))
    assert bench.network.requests == []

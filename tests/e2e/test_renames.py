"""An edit of another name, or with another output, has the result that it had: for nothing, and the
same pixels.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from reconciler import Project
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action
from reconciler.state import lockfile
from reconciler.state.observed import Pin
from reconciler.system.files import hash_file
from tests.e2e.bench import Bench
from tests.e2e.pruning import notes, nothing_to_do, pruned


async def test_a_moved_output(pair: Bench) -> None:
    """The result is written at its new place for nothing; the old file goes after that."""
    before = hash_file(pair.output("snow"))
    pair.edit("snow", "make it snow", output="films/winter.mp4")
    made = pair.project().plan()
    write = next(made.by_action(Action.WRITE))
    assert (write.name, write.reason) == (
        "snow",
        "moved from renders/snow.mp4: its result is in the store",
    )
    assert pruned(made) == {"renders/snow.mp4": "snow now writes films/winter.mp4"}
    report = await pair.apply()
    assert (report.done(Action.WRITE), report.done(Action.PRUNE), pair.creates()) == (1, 1, 2)
    assert hash_file(pair.root / "films/winter.mp4") == before
    assert not pair.output("snow").exists()
    assert nothing_to_do(pair)


async def test_a_renamed_edit(pair: Bench) -> None:
    """The same request under another name: written for nothing, and said to be renamed, in both
    steps.
    """
    before = hash_file(pair.output("snow"))
    pair.take_out("snow")
    pair.edit("winter", "make it snow")
    made = pair.project().plan()
    write = next(made.by_action(Action.WRITE))
    assert (write.name, write.reason) == ("winter", "renamed from snow: its result is in the store")
    assert pruned(made) == {
        "renders/snow.mp4": "snow was renamed to winter, which writes renders/winter.mp4"
    }
    await pair.apply()
    assert (hash_file(pair.output("winter")), pair.creates()) == (before, 2)
    assert not pair.output("snow").exists()
    assert nothing_to_do(pair)


def second_result(project: Project, name: str) -> str:
    """Another result of an edit's job, in the store and pinned by the lock file. Its digest."""
    seen = project.run_pass()
    first = seen.resolved[name].result
    assert first is not None
    with project.store.new_blob() as blob:
        blob.write(project.store.blob_path(first.digest).read_bytes() + b"\0\0\0\x08free")
        digest = blob.commit()
    project.store.put_result(
        replace(
            first,
            digest=digest,
            size_bytes=blob.size_bytes,
            stored_at="2099-01-01T00:00:00.000+00:00",
        )
    )
    lockfile.write(
        project.config.root,
        "default",
        {**seen.collect_pins(), name: Pin(first.key, digest)},
        tmp_name="x",
    )
    return digest


@pytest.fixture
async def pinned(bench: Bench) -> tuple[Bench, str]:
    """A live project whose lock file names the second of two results of one job; and that one's
    digest.
    """
    bench.edit("rain")
    await bench.apply(bench.live_project())
    digest = second_result(bench.live_project(), "rain")
    await bench.apply(bench.live_project())
    assert hash_file(bench.output("rain")) == digest
    return bench, digest


async def test_a_rename_keeps_the_pinned_result(pinned: tuple[Bench, str]) -> None:
    """What cutlist.lock names for the old name counts for the new one, which the lock file names
    alone after that.
    """
    bench, digest = pinned
    bench.take_out("rain")
    bench.edit("storm")
    await bench.apply(bench.live_project())
    assert hash_file(bench.output("storm")) == digest
    pins = lockfile.read(bench.root)["default"]
    assert {name: pin.digest for name, pin in pins.items()} == {"storm": digest}
    assert (bench.creates(), bench.live_project().plan().changes) == (1, False)


async def test_a_rename_that_keeps_its_output(pinned: tuple[Bench, str]) -> None:
    """Nothing to write; the lock file and the notes name the new edit, so that what follows is told
    of that one.
    """
    bench, digest = pinned
    bench.take_out("rain")
    bench.edit("storm", output="renders/rain.mp4")
    assert not bench.live_project().plan().changes
    await bench.apply(bench.live_project())
    assert {name: pin.digest for name, pin in lockfile.read(bench.root)["default"].items()} == {
        "storm": digest
    }
    assert notes(bench)["renders/rain.mp4"]["edit"] == "storm"


async def test_a_rename_in_a_clone_without_the_store(pinned: tuple[Bench, str]) -> None:
    """The pinned result is asked for under the new name too: never a silent render, and never a
    lost pin.
    """
    bench, digest = pinned
    shutil.rmtree(bench.root / ".cutlist")
    shutil.rmtree(bench.root / "renders")
    bench.take_out("rain")
    bench.edit("storm")
    bench.edit("hail", "make it hail")
    project = bench.live_project()
    assert {step.name: step.action for step in project.plan().steps} == {
        "hail": Action.RENDER, "storm": Action.BLOCKED,
    }  # fmt: skip
    await bench.apply(project)
    assert lockfile.read(bench.root)["default"]["storm"].digest == digest
    assert bench.creates() == 2


@pytest.mark.parametrize("known", [True, False])
async def test_a_rename_of_what_waits_in_a_clone(bench: Bench, known: bool) -> None:
    """The pin of what it builds on tells its key, and its own pin gets the new name; where its key
    is not known (what it builds on was changed), the old name's pin is kept until it is.
    """
    bench.edit("rain")
    bench.edit("wet", "make it shine", url="edit://rain")
    await bench.apply(bench.live_project())
    before = lockfile.read(bench.root)["default"]
    (bench.root / ".cutlist").rename(bench.root.parent / "store")
    bench.take_out("wet")
    bench.edit("shiny", "make it shine", url="edit://rain")
    if not known:
        bench.edit("rain", "make it pour", suspend=True)
    await bench.apply(bench.live_project())
    renamed = {"rain": before["rain"], "shiny": before["wet"]}
    assert lockfile.read(bench.root)["default"] == (renamed if known else before)
    bench.edit("rain")
    shutil.rmtree(bench.root / ".cutlist")
    (bench.root.parent / "store").rename(bench.root / ".cutlist")
    await bench.apply(bench.live_project())
    after = lockfile.read(bench.root)["default"]
    assert (sorted(after), after["shiny"], bench.creates()) == (["rain", "shiny"], before["wet"], 2)


async def test_a_pinned_result_paid_again_under_the_new_name(pinned: tuple[Bench, str]) -> None:
    """--repay takes another result of the same job where the pinned one is not here, renamed or
    not.
    """
    bench, digest = pinned
    project = bench.live_project()
    project.store.blob_path(digest).unlink()
    bench.take_out("rain")
    bench.edit("storm")
    assert bench.live_project().plan().summary["blocked"] == 1
    made = bench.live_project().plan(PlanOptions(repay=True))
    assert [step.action for step in made.steps] == [Action.WRITE]
    assert bench.creates() == 1

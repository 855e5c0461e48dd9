"""What neither a commit nor a moment can make a controller pay, or say of what was paid."""

from __future__ import annotations

import pytest

from reconciler.config import CommittedFolder, Variables
from reconciler.config.project_file import read_project_file
from reconciler.controller.guard import guard_config
from reconciler.controller.passes import SyncPass
from reconciler.controller.setbacks import LONGEST_S, Setback, Setbacks
from reconciler.formats.secret import Secret
from reconciler.system.cache import open_cache
from tests.controller.stage import Stage


async def test_nothing_is_paid_that_nobody_was_asked_about(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that comes to pay after it was looked at is not carried out without a yes."""
    stage.edit("rain")
    stage.push()
    with monkeypatch.context() as patch:
        patch.setattr(SyncPass, "_find_waiting_plan", lambda *_: (None, False))
        await stage.run(mode="approve")
    assert stage.creates() == 0
    assert stage.describe() == ("False", "Declined")
    assert (await stage.run()).waiting_plan


@pytest.mark.parametrize(("asked", "held"), [(1, 120), (300, 300)])
def test_a_commit_cannot_hurry_what_may_be_lost(stage: Stage, asked: int, held: int) -> None:
    """A request that is taken for lost too early is sent, and paid, again. Who looks too often
    takes the places of all other Syncs of the account.
    """
    limits = {"settle_s": asked, "poll_interval_s": 0.05, "running_tasks": 5000}
    stage.write_project(limits=limits)
    raw = (stage.repository.root / "cutlist.yaml").read_bytes()
    guarded = guard_config(
        stage.make_sync(endpoint="singapore"),
        stage.places,
        read_project_file(raw, open_cache(stage.folder / "cache")),
        CommittedFolder(stage.folder, "c" * 40),
        stage.folder,
        Variables(Secret("sk-x")),
    )
    assert guarded.config.settle_s == held
    assert guarded.config.poll_interval_s == 5
    assert guarded.config.running_tasks == 100


async def test_ids_of_commits_that_a_full_disk_has_spoiled(stage: Stage) -> None:
    """What is known of our own commits is lost, and no pass is."""
    stage.edit("rain")
    commit = stage.push()
    stage.places.folder.mkdir(parents=True)
    stage.places.own_commits.write_bytes(f"\xff\0\n{commit}\n".encode("latin-1"))
    await stage.run()
    stage.edit("snow", "snow")
    stage.push()
    await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert stage.billed_tasks() == 2


async def test_an_output_that_no_disk_takes(stage: Stage) -> None:
    """A fault of the manifest with its place, and none of ours; nothing is paid for it."""
    stage.edit("rain", output=f"{'x' * 300}.mp4")
    stage.push()
    await stage.run()
    assert stage.describe() == ("False", "InvalidInput")
    assert stage.creates() == 0


def test_a_clock_that_was_ahead_leaves_nothing_alone_for_long() -> None:
    setbacks = Setbacks()
    setbacks._by_key["k"] = Setback("rain", 1, 1e9 + LONGEST_S, "busy")
    assert setbacks.find_left_alone(1e9) == ("k",)
    assert setbacks.find_left_alone(1e9 - 86400) == ()
    assert setbacks.find_left_alone(1e9 + LONGEST_S) == ()

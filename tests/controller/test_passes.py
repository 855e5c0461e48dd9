"""What one pass does: from a pushed commit to videos, and to the words of the status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.config import Prices
from reconciler.controller.conditions import ConditionType, SyncState
from reconciler.controller.documents import SpendLimits
from reconciler.errors import UsageError
from tests.controller.stage import Stage
from tests.e2e.bench import (
    CREATE,
    FETCH,
    Trouble,
    answer,
    failed,
    lost_after,
    write_video,
)
from tests.e2e.test_lost_answers import Listed, page, without_rows


async def test_a_commit_is_rendered_once(stage: Stage) -> None:
    """A push renders; the next pass has nothing to do and asks the service nothing."""
    stage.edit("rain")
    commit = stage.push()
    status = await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert status.last_applied_revision == commit
    assert stage.output("rain").read_bytes()[4:8] == b"ftyp"
    assert stage.billed_tasks() == 1
    requests = len(stage.server.journal()["requests"])
    await stage.run()
    assert len(stage.server.journal()["requests"]) == requests
    assert stage.status.history[-1].end == "applied"


async def test_media_come_from_the_commit(stage: Stage) -> None:
    """A clip of the repository is sent without a checkout."""
    stage.edit("rain", url="clip.mp4")
    write_video(stage.repository.root / "specs" / "clip.mp4", 2.0)
    stage.push()
    await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert stage.billed_tasks() == 1
    assert not list(stage.state.rglob("clip.mp4"))


async def test_a_broken_commit_changes_nothing(stage: Stage) -> None:
    """The faults stand in the condition with their places; what was rendered stays."""
    stage.edit("rain")
    good = stage.push()
    await stage.run()
    stage.edit("snow", take="three")
    bad = stage.push()
    status = await stage.run()
    ready = status.find(ConditionType.STALLED)
    assert ready is not None and "specs/snow.yaml:1:" in ready.message
    assert (status.last_applied_revision, status.last_attempted_revision) == (good, bad)
    assert stage.billed_tasks() == 1
    assert stage.output("rain").is_file()
    stage.edit("snow", "snow")
    stage.push()
    await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert stage.billed_tasks() == 2


async def test_what_a_commit_cannot_change(stage: Stage) -> None:
    """Endpoint, account, prices, ceilings and store are the Sync's, whatever the commit says; and
    the status says so.
    """
    stage.write_project(
        endpoint="singapore",
        account="another",
        workspace="ws",
        store="elsewhere",
        prices={"currency": "USD", "models": {"wan2.7-videoedit": 0.0}},
        budget={"per_apply": 1000, "per_day": 1000},
    )
    stage.edit("rain")
    stage.push()
    prices = Prices("USD", {"wan2.7-videoedit": {"720P": 0.1, "1080P": 0.15}})
    await stage.run(budget=SpendLimits(per_pass=0.5), prices=prices)
    assert stage.describe(ConditionType.STALLED) == ("True", "BudgetExceeded")
    told = stage.status.find(ConditionType.STALLED)
    assert told is not None and "budget.per_pass of the Sync document" in told.message
    assert stage.creates() == 0
    said = "\n".join(stage.said)
    for field in ("endpoint singapore", "account another", "workspace ws", "store"):
        assert f"{field} is not taken from a commit" in said
    assert "prices are those of the Sync document" in said
    await stage.run(budget=SpendLimits(per_pass=50.0), prices=prices)
    assert stage.billed_tasks() == 1
    assert not (stage.folder / "elsewhere").exists()


async def test_a_person_says_yes_to_a_plan(stage: Stage) -> None:
    """In approve mode a plan waits, the same one at every look; a newer commit makes it void."""
    stage.edit("rain")
    stage.push()
    first = (await stage.run(mode="approve")).waiting_plan
    assert first and stage.creates() == 0
    assert (await stage.run()).waiting_plan == first
    stage.edit("snow", "snow")
    stage.push()
    second = (await stage.run()).waiting_plan
    assert second not in ("", first)
    assert stage.controller is not None
    with pytest.raises(UsageError, match="does not wait"):
        stage.controller.approve("films", first, "ada")
    stage.controller.approve("films", second, "ada")
    await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert stage.billed_tasks() == 2
    with pytest.raises(UsageError, match="no plan of films waits"):
        stage.controller.approve("films", second, "ada")


async def test_free_work_needs_no_yes(stage: Stage) -> None:
    """An output that was deleted comes back from the store without a person."""
    stage.edit("rain")
    stage.push()
    plan_id = (await stage.run(mode="approve")).waiting_plan
    assert stage.controller is not None
    stage.controller.approve("films", plan_id, "ada")
    await stage.run()
    stage.output("rain").unlink()
    await stage.run()
    assert stage.output("rain").is_file()
    assert (stage.billed_tasks(), stage.creates()) == (1, 1)


async def test_never_only_plans(stage: Stage) -> None:
    stage.edit("rain")
    stage.push()
    status = await stage.run(mode="never")
    assert (stage.describe(), status.sync) == (("True", "Planned"), SyncState.OUT_OF_SYNC)
    assert stage.creates() == 0


async def test_drift_is_told_and_left_where_nothing_heals(stage: Stage) -> None:
    """Without self-heal a deleted output is OutOfSync; a new commit brings it back."""
    stage.edit("rain")
    stage.push()
    await stage.run(self_heal=False)
    stage.output("rain").unlink()
    assert (await stage.run()).sync is SyncState.OUT_OF_SYNC
    assert not stage.output("rain").exists()
    stage.edit("snow", "snow")
    stage.push()
    assert (await stage.run()).sync is SyncState.SYNCED
    assert stage.output("rain").exists()


async def test_what_the_service_refused_waits_for_a_person(stage: Stage) -> None:
    """It is not sent again at every look, but when a person asks, or a commit changes it."""
    stage.edit("rain")
    stage.push()
    refusal = answer(400, code="InvalidParameter", message="no such clip")
    stage.network.trouble = [Trouble(*CREATE, refusal)]
    await stage.run()
    assert stage.describe() == ("False", "EditsFailed")
    for _ in range(3):
        stage.alarms.ring(2 * 3600)
        await stage.run()
    assert stage.describe(ConditionType.STALLED) == ("True", "NeedsPerson")
    assert stage.creates() == 0
    assert stage.controller is not None
    stage.controller.reconcile("films")
    await stage.run()
    assert stage.describe() == ("True", "Applied")


async def test_what_the_service_fails_is_tried_again_later_and_later(stage: Stage) -> None:
    """A task that fails is free; after some tries it waits for a person all the same."""
    stage.edit("rain")
    stage.push()
    stage.network.trouble = [Trouble(*FETCH, failed("InternalError", "no"), times=999)]
    await stage.run()
    sent = stage.creates()
    await stage.run()
    assert stage.creates() == sent
    for _ in range(8):
        stage.alarms.ring(2 * 3600)
        await stage.run()
    most = stage.creates()
    stage.alarms.ring(24 * 3600)
    await stage.run()
    assert stage.creates() == most
    assert stage.describe(ConditionType.STALLED) == ("True", "NeedsPerson")


async def test_the_status_outlives_a_restart(stage: Stage) -> None:
    stage.edit("rain")
    commit = stage.push()
    before = await stage.run()
    stage.start()
    assert stage.status == before
    assert stage.status.last_applied_revision == commit
    await stage.run()
    assert stage.billed_tasks() == 1


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"path": "films"}, "there is no project in films"),
        ({"path": "specs"}, "there is no project in specs"),
        ({"ref": "mian"}, "Did you mean main?"),
    ],
)
async def test_the_repository_is_not_as_the_document_says(
    stage: Stage, fields: dict[str, str], part: str
) -> None:
    stage.edit("rain")
    stage.push()
    address = replace(stage.make_sync().repository, **fields)
    status = await stage.run(repository=address)
    ready = status.find(ConditionType.READY)
    assert ready is not None and part in ready.message
    assert stage.creates() == 0


async def test_a_person_decides_about_a_lost_request(stage: Stage) -> None:
    """Nobody else can tell whether it arrived: it waits, is never sent again by itself, and what a
    person adopts is collected.
    """
    stage.edit("rain")
    stage.push()
    listed = Listed(page(without_rows))
    stage.network.trouble = [Trouble(*CREATE, lost_after), listed]
    for _ in range(2):
        await stage.run()
        assert stage.describe(ConditionType.STALLED) == ("True", "NeedsPerson")
    controller = stage.controller
    assert controller is not None
    (task,) = stage.server.bill()["tasks"]
    with pytest.raises(UsageError, match="names no undecided request"):
        controller.resolve("films", "rian", adopt=None, retry=True)
    controller.resolve("films", "rain", adopt=task["task_id"], retry=False)
    await stage.run()
    assert stage.describe() == ("True", "Applied")
    assert stage.creates() == 1

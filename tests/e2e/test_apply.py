"""The main job: manifests become files, once paid, and nothing is done twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx

from reconciler.plan.step import Action
from reconciler.report.outcome import write_outcome
from tests.e2e.bench import FETCH, Bench, Trouble, write_video


def actions(bench: Bench) -> dict[str, str]:
    return {step.name: step.action.value for step in bench.project().plan().steps}


async def test_rendered_file_is_the_stored_blob(bench: Bench) -> None:
    """What is put where the manifest says is what was stored, verified, and billed."""
    bench.edit("rain")
    report = await bench.apply()
    assert report.exit_code == 0
    digest = hashlib.sha256(bench.output("rain").read_bytes()).hexdigest()
    (record,) = (bench.root / ".cutlist/mock/results").glob("*/*.json")
    result = json.loads(record.read_bytes())
    assert result["digest"] == digest
    assert (bench.root / ".cutlist/mock/blobs" / digest[:2] / digest).read_bytes() == bench.output(
        "rain"
    ).read_bytes()
    assert result["task"]["task_status"] == "SUCCEEDED"
    assert result["usage"]["duration"] == bench.server.bill()["total_billed_s"] == report.billed_s
    assert "video_url" not in result["task"]


async def test_second_apply_sends_nothing(bench: Bench) -> None:
    """With everything up to date no request of any kind leaves."""
    bench.edit("rain")
    await bench.apply()
    sent = len(bench.network.requests)
    report = await bench.apply()
    assert not report.plan.changes
    assert len(bench.network.requests) == sent


async def test_formatting_and_explicit_default_cost_nothing(bench: Bench) -> None:
    """A comment, another order of keys and a default written out are no change."""
    bench.edit("rain")
    await bench.apply()
    bench.write(
        "rain.yaml",
        """\
        # a comment
        kind: Edit
        apiVersion: "cutlist/v1"
        spec:
          parameters: {watermark: false, duration: 0}
          input:
            media: [{url: 'https://clips.example/a.mp4?Expires=99&Signature=xyz', type: video}]
            prompt: make it rain
        metadata: {name: rain}
        """,
    )
    assert actions(bench) == {"rain": "keep"}


async def test_equal_jobs_are_paid_once(bench: Bench) -> None:
    """Two edits that ask for the same get two files and one task."""
    bench.edit("one")
    bench.edit("two")
    report = await bench.apply()
    assert report.exit_code == 0
    assert bench.output("one").read_bytes() == bench.output("two").read_bytes()
    assert bench.billed_tasks() == 1
    assert report.billed_s == bench.server.bill()["total_billed_s"]


async def test_new_take_renders_again_and_going_back_is_free(bench: Bench) -> None:
    """`take` asks for another video of the same request; the old one is still there."""
    bench.edit("rain")
    await bench.apply()
    first = bench.output("rain").read_bytes()
    bench.edit("rain", take=2)
    (step,) = bench.project().plan().steps
    assert (step.action, step.reason) == (Action.RENDER, "take 2 asked for")
    await bench.apply()
    assert bench.output("rain").read_bytes() != first
    bench.edit("rain")
    assert actions(bench) == {"rain": "write"}
    await bench.apply()
    assert bench.output("rain").read_bytes() == first
    assert bench.billed_tasks() == 2


async def test_chain_renders_in_order_and_follows_its_upstream(bench: Bench) -> None:
    """A downstream edit waits, is rendered from the upstream's video in the same apply, and again
    when that changes.
    """
    bench.edit("base")
    bench.edit("top", prompt="at night", url="edit://base")
    assert actions(bench) == {"base": "render", "top": "wait"}
    report = await bench.apply()
    assert report.exit_code == 0
    assert set(actions(bench).values()) == {"keep"}
    assert report.price == 2.0 <= report.plan.total(Action.RENDER, Action.WAIT).price
    bench.edit("base", prompt="make it snow")
    assert actions(bench) == {"base": "render", "top": "wait"}
    await bench.apply()
    assert bench.billed_tasks() == 4


async def test_deleted_output_is_written_free(bench: Bench) -> None:
    """A file that is gone comes back from the store; no request leaves."""
    bench.edit("rain")
    await bench.apply()
    there, sent = bench.output("rain").read_bytes(), len(bench.network.requests)
    bench.output("rain").unlink()
    assert actions(bench) == {"rain": "write"}
    assert (await bench.apply()).done(Action.WRITE) == 1
    assert bench.output("rain").read_bytes() == there
    assert len(bench.network.requests) == sent


async def test_twins_that_wait_are_paid_once(bench: Bench) -> None:
    """The plan counts them once, the service is asked once, and both outputs are written."""
    bench.edit("rain")
    for name in ("poster", "twin"):
        bench.edit(name, "wider", url="edit://rain")
    planned = bench.project().plan().total(Action.RENDER, Action.WAIT).price
    report = await bench.apply(max_cost=planned)
    assert (report.exit_code, bench.creates(), planned) == (0, 2, 4.0)
    assert bench.output("poster").read_bytes() == bench.output("twin").read_bytes()


async def test_what_was_blocked_waits_for_a_plan_of_its_own(bench: Bench) -> None:
    """The file in its way goes while others are rendered: nothing is paid that the plan did not
    show.
    """
    bench.edit("rain")
    bench.edit("snow", "snow")
    bench.output("snow").parent.mkdir()
    bench.output("snow").write_bytes(b"my own cut")

    async def moved_away(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
        bench.output("snow").unlink()
        answered: httpx.Response = await send(request)
        return answered

    bench.network.trouble = [Trouble(*FETCH, moved_away)]
    report = await bench.apply()
    assert (report.exit_code, bench.billed_tasks()) == (0, 1)
    assert (
        "+ snow: can be rendered now; it was not in this plan, so the next apply does it.\n"
        in write_outcome(report)
    )
    assert (await bench.apply()).exit_code == 0
    assert bench.billed_tasks() == 2


async def test_foreign_file_is_never_overwritten_unasked(bench: Bench) -> None:
    """A file somebody else put at the output blocks the edit until --force."""
    from reconciler.plan.decide import PlanOptions

    bench.edit("rain")
    await bench.apply()
    bench.output("rain").write_bytes(b"my own cut")
    report = await bench.apply()
    assert report.exit_code == 5
    assert bench.output("rain").read_bytes() == b"my own cut"
    assert (await bench.apply(options=PlanOptions(force=True))).exit_code == 0
    assert bench.output("rain").read_bytes() != b"my own cut"


async def test_lost_blob_is_collected_again_free_while_the_service_has_it(bench: Bench) -> None:
    """A blob deleted within 24 h is downloaded again; no second task."""
    bench.edit("rain")
    await bench.apply()
    for blob in (bench.root / ".cutlist/mock/blobs").glob("*/*"):
        blob.unlink()
    assert actions(bench) == {"rain": "resume"}
    report = await bench.apply()
    assert (report.exit_code, report.billed_s) == (0, 0.0)
    assert set(actions(bench).values()) == {"keep"}
    assert bench.billed_tasks() == 1


async def test_local_clip_is_uploaded_once_for_a_model(bench: Bench) -> None:
    """The same bytes under two names, used by three edits, travel once."""
    (bench.root / "specs").mkdir()
    clip = write_video(bench.root / "specs" / "clip.mp4", 2.0)
    (bench.root / "specs" / "same.mp4").write_bytes(clip.read_bytes())
    bench.edit("one", url="clip.mp4")
    bench.edit("two", prompt="snow", url="same.mp4")
    assert (await bench.apply()).exit_code == 0
    bench.edit("three", prompt="sun", url="clip.mp4")
    assert (await bench.apply()).exit_code == 0
    uploads = [r for r in bench.network.requests if r.startswith("GET") and r.endswith("/uploads")]
    # two edits of the first apply may ask at the same time; the second apply asks no more
    assert len(uploads) <= 2
    assert {task["billed_s"] for task in bench.server.bill()["tasks"]} == {4.0}


async def test_one_failure_stops_no_other(bench: Bench) -> None:
    """An edit whose task fails is reported; its neighbours are rendered."""
    from tests.e2e.bench import FETCH, Trouble, failed

    for name in ("a", "b", "c"):
        bench.edit(name, prompt=f"prompt {name}")
    bench.network.trouble = [
        Trouble(
            *FETCH, failed("DataInspectionFailed", "Input data may contain inappropriate content.")
        )
    ]
    report = await bench.apply()
    assert report.exit_code == 4
    assert len(report.failures) == 1
    assert sum(1 for name in "abc" if bench.output(name).exists()) == 2


async def test_mock_never_writes_the_lock_file_and_live_does(bench: Bench) -> None:
    """cutlist.lock pins live results only; with it, a clone without the store is told, not
    billed.
    """
    import shutil

    bench.edit("rain")
    await bench.apply()
    assert not (bench.root / "cutlist.lock").exists()
    project = bench.live_project()
    (step,) = project.plan().steps
    assert step.action is Action.RENDER  # a mock video does not pass for a live one
    assert (await bench.apply(project)).exit_code == 0
    assert "rain: {key:" in (bench.root / "cutlist.lock").read_text()
    shutil.rmtree(bench.root / ".cutlist")
    bench.output("rain").unlink()
    report = await bench.apply(bench.live_project())
    assert report.exit_code == 5
    assert "pins a result" in report.blocked[0].reason
    assert bench.billed_tasks() == 2


async def test_budget_refuses_before_anything_is_sent(bench: Bench) -> None:
    """--max-cost and the project's budget stop a plan that costs more."""
    import pytest

    from reconciler.errors import BudgetExceeded

    bench.edit("rain")
    with pytest.raises(BudgetExceeded, match=r"may cost 2\.00 USD; --max-cost allows 1\.00"):
        await bench.apply(max_cost=1.0)
    bench.write_project(budget={"per_apply": 0.5})
    with pytest.raises(BudgetExceeded, match=r"budget\.per_apply"):
        await bench.apply()
    assert bench.network.requests == []

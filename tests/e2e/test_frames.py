"""Frames of edits as inputs of others, all the way to the bill."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.bench import CREATE, Bench, Trouble, lost_before


def extend(bench: Bench, name: str, url: str, prompt: str = "it goes on") -> None:
    """An edit that continues a frame."""
    body = {"function": "video_extension", "prompt": prompt, "first_frame_url": url}
    manifest = {
        "apiVersion": "cutlist/v1",
        "kind": "Edit",
        "metadata": {"name": name},
        "spec": {"model": "wan2.1-vace-plus", "input": body, "parameters": {}},
    }
    bench.write(f"{name}.yaml", json.dumps(manifest))


def steps(bench: Bench) -> dict[str, str]:
    return {step.name: step.action.value for step in bench.project().plan().steps}


def list_frames(root: Path) -> list[bytes]:
    """The blobs of the store that are pictures."""
    return [
        path.read_bytes()
        for path in (root / ".cutlist").rglob("blobs/**/*")
        if path.is_file() and path.read_bytes().startswith(b"\x89PNG")
    ]


@pytest.mark.parametrize("fragment", ["last-frame", "first-frame", "frame=0.5s"])
async def test_a_chain_is_rendered_and_free_afterwards(bench: Bench, fragment: str) -> None:
    """An edit continues a frame of another one: the frame is uploaded and kept, and the second
    apply is free.
    """
    bench.edit("rain")
    extend(bench, "on", f"edit://rain#{fragment}")
    assert steps(bench) == {"rain": "render", "on": "wait"}
    report = await bench.apply()
    assert report.exit_code == 0, bench.said
    assert bench.billed_tasks() == bench.creates() == 2
    assert len(list_frames(bench.root)) == 1
    assert steps(bench) == {"rain": "keep", "on": "keep"}
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 2
    assert not list(bench.project().store.verify(read_data=True))


async def test_a_video_with_the_same_frame_costs_nothing_below(bench: Bench) -> None:
    """The key is made of the frame's bytes: edits that continue equal frames are one job."""
    bench.edit("rain")
    bench.edit("copy")
    extend(bench, "on", "edit://rain#first-frame")
    extend(bench, "on-too", "edit://copy#frame=0s")
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 2


async def test_a_frame_beyond_the_end_is_never_paid(bench: Bench) -> None:
    """It is said at its place, before the video is rendered where its length is bounded, and
    after.
    """
    bench.edit("rain", parameters={"resolution": "720P", "duration": 2})
    extend(bench, "on", "edit://rain#frame=2s")
    for made in (0, 1):
        step = next(step for step in bench.project().plan().steps if step.name == "on")
        assert step.action.value == "blocked"
        assert "edit://rain#frame=2s is beyond the end: the video " in step.reason
        await bench.apply()
        assert bench.creates() == 1, made
    extend(bench, "on", "edit://rain#frame=1.9s")
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 2


async def test_a_clone_without_the_video_plans_by_the_record(bench: Bench) -> None:
    """Who has the record of a frame needs the video's bytes neither to plan nor to render."""
    bench.edit("rain")
    extend(bench, "on", "edit://rain#last-frame")
    assert (await bench.apply(bench.live_project())).exit_code == 0
    video = (bench.root / "renders" / "rain.mp4").read_bytes()
    for path in (bench.root / ".cutlist").rglob("blobs/**/*"):
        if path.is_file() and path.read_bytes() == video:
            path.unlink()
    shutil.rmtree(bench.root / ".cutlist" / "cache", ignore_errors=True)
    extend(bench, "on", "edit://rain#last-frame", "another prompt")
    plan = bench.live_project().plan()
    actions = {step.name: step.action.value for step in plan.steps}
    assert actions["on"] == "render"
    assert actions["rain"] != "keep"  # its video is not here


async def test_a_frame_stays_while_its_video_does(bench: Bench) -> None:
    """gc leaves the frame of a video that is asked for, and takes it with the video."""
    bench.edit("rain")
    extend(bench, "on", "edit://rain#last-frame")
    await bench.apply()
    assert bench.project().gc(commits=0).results == ()
    bench.take_out("rain")
    bench.take_out("on")
    bench.edit("snow", "let it snow")
    await bench.apply()
    (bench.root / "cutlist.lock").unlink(missing_ok=True)
    await bench.apply()
    gone = {result.edit for result in bench.project().gc(commits=0).results}
    assert gone == {"rain", "rain#last-frame", "on"}


async def test_a_frame_that_is_cut_and_not_sent_is_paid_once(bench: Bench) -> None:
    """What ends between the cut and the request is repeated, and pays once."""
    bench.edit("rain")
    await bench.apply()
    extend(bench, "on", "edit://rain#last-frame")
    bench.network.trouble.append(Trouble(*CREATE, lost_before, times=1))
    await bench.apply()
    await bench.apply()
    assert bench.billed_tasks() == 2
    assert steps(bench) == {"rain": "keep", "on": "keep"}

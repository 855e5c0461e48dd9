"""Frames and sounds of edits as inputs of others, all the way to the bill."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

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


def write_edit(bench: Bench, name: str, model: str, fields: Any, **parameters: Any) -> None:
    """A manifest of any model."""
    manifest = {
        "apiVersion": "cutlist/v1",
        "kind": "Edit",
        "metadata": {"name": name},
        "spec": {"model": model, "input": fields, "parameters": parameters},
    }
    bench.write(f"{name}.yaml", json.dumps(manifest))


def shoot(bench: Bench, name: str, prompt: str = "a lighthouse at dusk", duration: int = 2) -> None:
    """An edit of words alone, whose video has a sound."""
    write_edit(bench, name, "wan2.7-t2v", {"prompt": prompt}, duration=duration)


def drive(bench: Bench, name: str, frame: str, sound: str) -> None:
    """An edit that brings a frame to life, driven by a sound."""
    media = [{"type": "first_frame", "url": frame}, {"type": "driving_audio", "url": sound}]
    write_edit(bench, name, "wan2.7-i2v", {"media": media}, duration=2)


def steps(bench: Bench) -> dict[str, str]:
    return {step.name: step.action.value for step in bench.project().plan().steps}


def list_blobs(root: Path, beginning: bytes) -> list[bytes]:
    """The blobs of the store that begin so."""
    blobs = [path for path in (root / ".cutlist").rglob("blobs/**/*") if path.is_file()]
    return [blob for path in blobs if (blob := path.read_bytes()).startswith(beginning)]


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
    assert len(list_blobs(bench.root, b"\x89PNG")) == 1
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


def list_media(bench: Bench) -> list[bytes]:
    """What the server has been given."""
    with tarfile.open(fileobj=io.BytesIO(bench.server.snapshot())) as tar:
        return [file.read() for member in tar if (file := tar.extractfile(member)) is not None]


async def test_a_sound_drives_another_edit_and_is_free_afterwards(bench: Bench) -> None:
    """A frame and the sound of one edit go into another: the sound is cut once, kept and uploaded,
    the server hears it, and the second apply is free.
    """
    shoot(bench, "shot")
    drive(bench, "on", "edit://shot#last-frame", "edit://shot#audio")
    assert steps(bench) == {"shot": "render", "on": "wait"}
    report = await bench.apply()
    assert report.exit_code == 0, bench.said
    assert bench.billed_tasks() == bench.creates() == 2
    (sound,) = list_blobs(bench.root, b"RIFF")
    assert sound in list_media(bench)
    assert steps(bench) == {"shot": "keep", "on": "keep"}
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 2
    assert not list(bench.project().store.verify(read_data=True))
    assert bench.project().gc(commits=0).results == ()


async def test_equal_sounds_are_one_job(bench: Bench) -> None:
    """The key is made of the sound's bytes: another video with the same sound costs nothing."""
    shoot(bench, "shot")
    shoot(bench, "other", "a harbour at dawn")
    picture = "https://pictures.example/a.png"
    drive(bench, "on", picture, "edit://shot#audio")
    drive(bench, "on-too", picture, "edit://other#audio")
    assert (await bench.apply()).exit_code == 0
    assert len(list_blobs(bench.root, b"RIFF")) == 1
    assert bench.creates() == 3


async def test_a_result_without_sound_is_told_and_nothing_is_sent(bench: Bench) -> None:
    """Whether a clip that is edited has sound shows in its result; then the step says so."""
    bench.edit("rain")
    drive(bench, "on", "https://pictures.example/a.png", "edit://rain#audio")
    await bench.apply()
    assert bench.creates() == 1
    step = next(step for step in bench.project().plan().steps if step.name == "on")
    assert step.action.value == "blocked"
    assert step.reason == "edit://rain#audio cannot be cut: it has no sound"


async def test_a_sound_that_is_too_long_is_told_and_nothing_is_sent(bench: Bench) -> None:
    """A voice may last 10 s: the sound of 12 s is refused with what is legal."""
    shoot(bench, "shot", duration=12)
    media = [
        {
            "type": "reference_image",
            "url": "https://pictures.example/a.png",
            "reference_voice": "edit://shot#audio",
        }
    ]
    write_edit(bench, "on", "wan2.7-r2v", {"prompt": "it waves", "media": media})
    await bench.apply()
    assert bench.creates() == 1
    step = next(step for step in bench.project().plan().steps if step.name == "on")
    assert step.action.value == "blocked"
    assert step.reason.startswith("edit://shot#audio lasts 12")
    assert "1 to 10 s are legal" in step.reason


def test_the_price_of_a_chain_is_bounded(bench: Bench) -> None:
    """Before anything is rendered the plan says what each link costs at most."""
    models = {name: {"720P": 0.1, "1080P": 0.2} for name in ("wan2.7-t2v", "wan2.7-i2v")}
    bench.write_project(prices={"currency": "USD", "models": models})
    shoot(bench, "shot", duration=3)
    drive(bench, "on", "edit://shot#last-frame", "edit://shot#audio")
    costs = {step.name: step.cost for step in bench.project().plan().steps}
    assert (costs["shot"].billable_s, costs["shot"].price) == (3.0, pytest.approx(0.3))
    assert (costs["on"].billable_s, costs["on"].price) == (2.0, pytest.approx(0.2))

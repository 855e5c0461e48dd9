"""Frames and sounds of edits as inputs of others, all the way to the bill."""

from __future__ import annotations

import io
import shutil
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import InvalidInput
from reconciler.operations import sheet
from reconciler.plan.step import Step
from reconciler.report.graph import format_dot, format_graph
from reconciler.system.contact_sheet import SheetPanel
from reconciler.system.probe import client
from reconciler.web.edits import build_before
from reconciler.web.places import MediaPlaces
from tests.e2e.bench import CREATE, Bench, Trouble, lost_before, write_video
from tests.e2e.shots import drive, shoot, write_spec


def extend(bench: Bench, name: str, url: str, prompt: str = "it goes on") -> None:
    """An edit that continues a frame."""
    body = {"function": "video_extension", "prompt": prompt, "first_frame_url": url}
    write_spec(bench, name, "wan2.1-vace-plus", body)


def steps(bench: Bench) -> dict[str, str]:
    return {step.name: step.action.value for step in bench.project().plan().steps}


def find_step(bench: Bench, name: str) -> Step:
    return next(step for step in bench.project().plan().steps if step.name == name)


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
    words = (
        "specs/on.yaml:1:196: input.first_frame_url is edit://rain#frame=2s, which is beyond the"
        " end: the video {}; legal are moments before 2 s, or #last-frame"
    )
    bench.edit("rain", parameters={"resolution": "720P", "duration": 2})
    await bench.apply()
    extend(bench, "on", "edit://rain#frame=2s")
    assert find_step(bench, "on").reason == words.format("lasts 2 s")
    await bench.apply()
    assert bench.creates() == 1
    bench.edit("rain", "let it snow", parameters={"resolution": "720P", "duration": 2})
    with pytest.raises(InvalidInput) as caught:
        await bench.apply()
    (fault,) = caught.value.faults
    told = words.format("will last at most 2 s").replace("1:196: ", "1:196: error: ")
    assert str(fault) == told
    assert bench.creates() == 1
    extend(bench, "on", "edit://rain#frame=1.9s")
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == 3


async def test_a_moment_behind_two_edits_waits_at_its_field(bench: Bench) -> None:
    """Where a length follows from a result, what is beyond it is blocked, and the rest goes on."""
    bench.edit("rain", url="./clip.mp4", parameters={"resolution": "720P", "duration": 2})
    write_video(bench.root / "specs/clip.mp4", 3)
    await bench.apply()
    bench.edit("snow", url="edit://rain")
    extend(bench, "on", "edit://snow#frame=2.5s")
    assert steps(bench) == {"rain": "keep", "snow": "render", "on": "blocked"}
    assert "the video will last 2 s; legal are moments before 2 s" in find_step(bench, "on").reason
    await bench.apply()
    assert bench.creates() == 2


async def test_a_video_that_is_too_long_for_its_field_is_not_sent(bench: Bench) -> None:
    """Of whole videos too: what the service would refuse is told at its field, before and after."""
    shoot(bench, "shot", duration=12)
    words = "input.media[0].url is edit://shot, which lasts 12.0 s; 2 to 10 s are legal."
    bench.edit("rain", url="edit://shot")
    with pytest.raises(InvalidInput) as caught:
        await bench.apply()
    assert str(caught.value.faults[0]).endswith(words)
    bench.take_out("rain")
    await bench.apply()
    bench.edit("rain", url="edit://shot")
    assert find_step(bench, "rain").reason.endswith(words)
    await bench.apply()
    assert bench.creates() == 1


async def test_a_result_of_another_length_counts_as_it_is(bench: Bench) -> None:
    """What somebody imported may last longer than the request says: its moments are there."""
    bench.edit("rain", parameters={"resolution": "720P", "duration": 2})
    video = write_video(bench.root / "by-hand.mp4", 4)
    bench.project().import_file("rain", video)
    extend(bench, "on", "edit://rain#frame=3s")
    assert steps(bench)["on"] == "render"


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


async def test_what_is_cut_holds_up_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an apply frames and sounds are cut once, and in threads."""
    cuts: list[tuple[str, bool]] = []

    def note(name: str, cut: Callable[..., bytes]) -> Callable[..., bytes]:
        def noted(*given: Any) -> bytes:
            content = cut(*given)
            cuts.append((name, threading.current_thread() is threading.main_thread()))
            return content

        return noted

    for name in ("cut_frame", "cut_sound"):
        monkeypatch.setattr(client, name, note(name, getattr(client, name)))
    shoot(bench, "shot")
    drive(bench, "on", "edit://shot#last-frame", "edit://shot#audio")
    await bench.apply()
    assert bench.creates() == 2
    assert sorted(cuts) == [("cut_frame", False), ("cut_sound", False)]
    await bench.apply()
    assert len(cuts) == 2


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
    step = find_step(bench, "on")
    assert step.action.value == "blocked"
    assert step.reason.endswith("edit://rain#audio, which cannot be cut: it has no sound")


async def test_a_sound_that_is_too_long_is_told_and_nothing_is_sent(bench: Bench) -> None:
    """A voice may last 10 s: the sound of 12 s is refused with what is legal, at its field."""
    shoot(bench, "shot", duration=12)
    await bench.apply()
    media = [
        {
            "type": "reference_image",
            "url": "https://pictures.example/a.png",
            "reference_voice": "edit://shot#audio",
        }
    ]
    write_spec(bench, "on", "wan2.7-r2v", {"prompt": "it waves", "media": media})
    assert find_step(bench, "on").reason == (
        "specs/on.yaml:1:236: input.media[0].reference_voice is edit://shot#audio, which lasts"
        " 12.0 s; 1 to 10 s are legal."
    )
    await bench.apply()
    assert bench.creates() == 1


def test_the_price_of_a_chain_is_bounded(bench: Bench) -> None:
    """Before anything is rendered the plan says what each link costs at most."""
    models = {name: {"720P": 0.1, "1080P": 0.2} for name in ("wan2.7-t2v", "wan2.7-i2v")}
    bench.write_project(prices={"currency": "USD", "models": models})
    shoot(bench, "shot", duration=3)
    drive(bench, "on", "edit://shot#last-frame", "edit://shot#audio")
    costs = {step.name: step.cost for step in bench.project().plan().steps}
    assert (costs["shot"].billable_s, costs["shot"].price) == (3.0, pytest.approx(0.3))
    assert (costs["on"].billable_s, costs["on"].price) == (2.0, pytest.approx(0.2))


def test_the_graph_says_what_is_taken(bench: Bench) -> None:
    """Which frame and which sound of the edit above, in the tree, in DOT and for programs."""
    shoot(bench, "shot")
    drive(bench, "on", "edit://shot#last-frame", "edit://shot#audio")
    bench.edit("rain", url="edit://on")
    graph = bench.project().graph()
    text = format_graph(graph)
    assert text.startswith("shot  +")
    assert "\n└─ on (shot#last-frame, shot#audio)  . waits for shot" in text
    assert "\n   └─ rain  . waits for on" in text
    dot = format_dot(graph)
    assert '"shot" -> "on" [label="#last-frame, #audio"];' in dot
    assert '"on" -> "rain";' in dot
    told = {edit["name"]: edit["takes"] for edit in graph.to_json()["edits"]}
    assert told == {"shot": [], "on": ["shot#last-frame", "shot#audio"], "rain": ["on"]}


async def test_a_sheet_says_of_a_sound_that_it_is_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the place of pictures, with its length as soon as that is known; a picture comes first."""
    drawn: list[SheetPanel] = []
    monkeypatch.setattr(sheet, "draw_sheet", lambda panels: drawn.extend(panels) or b"png")
    shoot(bench, "shot")
    fields = {"prompt": "a harbour", "audio_url": "edit://shot#audio"}
    write_spec(bench, "heard", "wan2.7-t2v", fields, duration=2)
    drive(bench, "on", "edit://shot#last-frame", "edit://shot#audio")
    for out in ("before.png", "after.png"):
        bench.project().sheet(["heard", "on"], bench.root / out)
        await bench.apply()
    befores = [panel.strips[0] for panel in drawn]
    assert [strip.words for strip in befores] == ["sound", "waits for shot", "sound, 2.0 s", ""]
    assert len(befores[3].frames) == 1


async def test_the_page_says_of_what_goes_in_what_it_is(bench: Bench) -> None:
    """A frame has a picture, a sound its length, and neither a video."""
    shoot(bench, "shot")
    drive(bench, "on", "edit://shot#last-frame", "edit://shot#audio")
    await bench.apply()
    project = bench.project()
    current = project.run_pass()
    frame, sound = (
        build_before(input_, current.resolved["on"], MediaPlaces())
        for input_ in current.resolved["on"].wanted.inputs
    )
    assert (frame["name"], frame["form"], frame["duration_s"]) == ("shot#last-frame", "image", None)
    assert (sound["name"], sound["form"], sound["duration_s"]) == ("shot#audio", "audio", 2.048)
    assert frame["poster"] and not (frame["video"] or frame["preview"] or frame["filmstrip"])
    assert not any(sound[name] for name in ("video", "poster", "preview", "filmstrip"))

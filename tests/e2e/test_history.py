"""What happened to edits and why: log, show, explain, graph; and results that were made by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.errors import CutlistError, UsageError
from reconciler.history.log import LogRecord, log_to_json
from reconciler.plan.decide import PlanOptions
from reconciler.plan.explain import Explanation, Sign, explain_edit
from reconciler.plan.graph import build_graph
from reconciler.plan.show import EditView, view_edit
from reconciler.plan.step import Action
from reconciler.report.explain import write_explanation
from reconciler.report.graph import format_dot, format_graph
from reconciler.report.log import write_log
from reconciler.report.show import write_edit
from reconciler.service.model_files import load_models
from reconciler.state.observed import State
from tests.e2e.bench import CREATE, Bench, Trouble, answer, failed, write_video
from tests.repository import Repository

GOLDEN = Path(__file__).parents[1] / "golden"
Golden = Callable[[Path, str], None]


def masked(text: str) -> str:
    """`text` without what depends on the bytes of a video, which another machine may encode
    otherwise.
    """
    return re.sub(
        r"\b[0-9a-f]{12}…|\b[0-9a-f]{64}\b|\b\d\.\d MB|(?<=\"size_bytes\": )\d+", "…", text
    )


def explained(bench: Bench, name: str) -> Explanation:
    """What `cutlist explain NAME` knows."""
    seen = bench.project().run_pass(whole=True)
    step = next(step for step in seen.plan.steps if step.name == name)
    step = replace(step, details=seen.plan.describe_details(step))
    return explain_edit(seen.resolved[name], seen.observed, step, seen.plan.currency)


def drawn(bench: Bench, name: str) -> EditView:
    """What `cutlist show NAME` knows."""
    seen = bench.project().run_pass(whole=True)
    step = next(step for step in seen.plan.steps if step.name == name)
    return view_edit(seen.resolved[name], step, seen.resolved, seen.observed, load_models())


def happened(bench: Bench, name: str | None = None) -> list[tuple[str, str, str]]:
    """(edit, what, why), the newest first."""
    return [(each.edit, each.what, each.why) for each in bench.project().log(name)]


def chain(bench: Bench) -> None:
    """Three edits, each of the one before."""
    bench.edit("intro")
    bench.edit("swap", "swap the coat", "edit://intro")
    bench.edit("poster", "make a poster", "edit://swap")


# ------------------------------------------------------------------ the log


async def test_the_log_tells_what_happened(bench: Bench) -> None:
    """Rendered, changed, gone back to, refused; each with what had changed."""
    bench.edit("rain")
    await bench.apply()
    bench.edit("rain", "make it snow")
    await bench.apply()
    bench.edit("rain")
    await bench.apply()
    bench.virtual.advance(1)
    bench.edit("rain", "make it bad")
    bench.network.trouble = [Trouble(*CREATE, answer(400, code="InvalidParameter", message="no"))]
    await bench.apply()
    assert happened(bench) == [
        ("rain", "refused", "prompt changed"),
        ("rain", "reused, free", "prompt changed"),
        ("rain", "rendered", "prompt changed"),
        ("rain", "rendered", ""),
    ]
    refused, reused, second, _ = bench.project().log("rain")
    assert refused.details == ("make it [rain→bad]", "InvalidParameter: no")
    assert (refused.billed_s, reused.billed_s) == (0.0, 0.0)
    assert second.billed_s == bench.server.bill()["tasks"][0]["billed_s"]


async def test_the_log_of_one_edit(bench: Bench) -> None:
    """Also of one that nobody asks for any more, and of all that a matrix made; what never was is
    an error.
    """
    bench.edit("rain")
    bench.edit("snow", "snow ${{ matrix.n }}", matrix={"n": ["a", "b"]})
    await bench.apply()
    (bench.root / "specs/rain.yaml").unlink()
    assert [edit for edit, _, _ in happened(bench, "rain")] == ["rain"]
    assert sorted(edit for edit, _, _ in happened(bench, "snow")) == ["snow[n=a]", "snow[n=b]"]
    with pytest.raises(UsageError, match='no edit is named "rian"') as refused:
        bench.project().log("rian")
    assert refused.value.hint == "Did you mean rain?"


async def test_every_result_knows_its_commit_and_who_agreed(bench: Bench) -> None:
    """Commit and author of the tree it was rendered from, marked where that was not committed; and
    who said yes.
    """
    repository = Repository(bench.root)
    bench.edit("rain")
    first = repository.commit("first")
    await bench.apply(approve=lambda plan: "ada, typed yes")
    bench.edit("snow", "make it snow")
    await bench.apply()
    rain, snow = (result for name in ("rain", "snow") for result in drawn(bench, name).results)
    assert (rain.commit, rain.author, rain.approved_by) == (first, "Ada Example", "ada, typed yes")
    assert (snow.commit, snow.author) == (f"{first}+", "Ada Example")
    assert snow.approved_by == bench.project().config.approver
    assert [record.booking.origin.commit for record in bench.project().log() if record.booking] == [
        f"{first}+",
        first,
    ]
    assert dict(by_commit(bench)) == {first: 1, f"{first}+": 1}


def by_commit(bench: Bench) -> list[tuple[str, int]]:
    """Payments by commit."""
    from reconciler.history.spending import group_lines

    return [
        (name, each.count)
        for name, each in group_lines(bench.project().cost().spending.paid, "commit")
    ]


# ------------------------------------------------------------------ why


async def test_explain_compares_with_the_nearest_result(bench: Bench) -> None:
    """Each part of the key beside that of the result that differs least, not of the last one."""
    bench.edit("rain")
    clip = write_video(bench.root / "specs/clip.mp4", 3)
    bench.edit("rain", "make it rain", "./clip.mp4", parameters={"seed": 1})
    await bench.apply()
    bench.edit("rain", "make it snow", "./clip.mp4", parameters={"seed": 2})
    await bench.apply()
    write_video(clip, 3, colour=0)
    bench.edit("rain", "make it rain", "./clip.mp4", parameters={"seed": 1, "watermark": False})
    made = explained(bench, "rain")
    assert made.step.action is Action.RENDER
    assert made.earlier == 2
    assert {part.name: part.sign for part in made.parts if part.sign is not Sign.SAME} == {
        "input.media[0].url": Sign.CHANGED
    }
    assert made.nearest is not None and made.nearest.job["input"]["prompt"] == "make it rain"
    assert made.defaults == (("parameters.watermark", False),)


async def test_explain_before_a_key_is_known(bench: Bench) -> None:
    """What waits has parts, and says that they are not all."""
    chain(bench)
    made = explained(bench, "poster")
    assert (made.key, made.step.action) == (None, Action.WAIT)
    assert (
        next(part for part in made.parts if part.name == "input.media[0].url").value
        == "edit://swap"
    )
    text = " ".join(write_explanation(made).split())
    assert "Its key is known when what it waits for has a result" in text
    assert text.startswith(
        "poster will be rendered or written later: waits for swap; its key is known after that (at"
        " most "
    )
    assert text.count("edit://swap") == 1


async def test_what_people_read(bench: Bench, golden: Golden) -> None:
    """log, show, explain and graph, as text, JSON and DOT."""
    bench.write_project(
        defaults={
            "model": "wan2.7-videoedit",
            "parameters": {"resolution": "720P"},
            "labels": {"campaign": "spring"},
        },
        prices={"currency": "USD", "models": {"wan2.7-videoedit": 0.1}},
    )
    chain(bench)
    agreed = "ada, typed yes"
    await bench.apply(approve=lambda plan: agreed)
    bench.edit("swap", "swap the hat", "edit://intro", parameters={"seed": 7})
    await bench.apply(approve=lambda plan: agreed, options=PlanOptions(target=("swap",)))
    bench.edit("swap", "swap the scarf", "edit://intro")
    records = bench.project().log()
    golden(GOLDEN / "log.txt", masked(write_log(records, full=False)))
    golden(GOLDEN / "log-of-one.txt", masked(write_log(bench.project().log("swap"), full=True)))
    golden(GOLDEN / "log.json", masked(json.dumps(log_to_json(records), indent=1) + "\n"))
    golden(GOLDEN / "show.txt", masked(write_edit(drawn(bench, "swap"))))
    shown = json.dumps(drawn(bench, "swap").to_json(), indent=1).replace(bench.server.url, "URL")
    golden(GOLDEN / "show.json", masked(f"{shown}\n"))
    golden(GOLDEN / "explain.txt", masked(write_explanation(explained(bench, "swap"))))
    golden(
        GOLDEN / "explain.json",
        masked(json.dumps(explained(bench, "swap").to_json(), indent=1) + "\n"),
    )
    seen = bench.project().run_pass()
    golden(GOLDEN / "graph.txt", masked(format_graph(build_graph(seen.desired, seen.plan))))
    golden(GOLDEN / "graph.dot", masked(format_dot(build_graph(seen.desired, seen.plan))))


def test_nothing_yet() -> None:
    """An empty log is one line."""
    nothing: list[LogRecord] = []
    assert write_log(nothing, full=True) == "Nothing was rendered yet.\n"


async def test_a_graph_with_two_ways(bench: Bench) -> None:
    """An edit that builds on two stands below both, and is unfolded once."""
    bench.edit("a")
    bench.edit("b", "b")
    media = [{"type": "video", "url": "edit://a"}]
    bench.edit("mix", input={"prompt": "mix", "media": media})
    bench.write(
        "both.yaml",
        json.dumps(
            {
                "apiVersion": "cutlist/v1",
                "kind": "Edit",
                "metadata": {"name": "both"},
                "spec": {
                    "model": "wan2.1-vace-plus",
                    "input": {
                        "function": "video_edit",
                        "prompt": "x",
                        "video_url": "edit://a",
                        "mask_video_url": "edit://b",
                        "mask_frame_id": 1,
                    },
                },
            }
        ),
    )
    seen = bench.project().run_pass()
    text = format_graph(build_graph(seen.desired, seen.plan))
    assert text.count("both") == 2
    assert "(shown above)" not in text  # nothing stands below it


# ------------------------------------------------------------------ by hand


async def test_a_video_made_elsewhere(bench: Bench) -> None:
    """Its bytes are the edit's result: written where the manifest says, and nothing was asked or
    paid.
    """
    bench.edit("rain")
    video = write_video(bench.root / "by-hand.mp4", 2)
    result = bench.project().import_file("rain", video)
    assert (result.duration_s, result.adopted) == (pytest.approx(2.0, abs=0.1), True)
    (step,) = bench.project().plan().steps
    assert step.action is Action.WRITE
    await bench.apply()
    assert bench.output("rain").read_bytes() == video.read_bytes()
    assert bench.creates() == 0
    spending = bench.project().cost().spending
    assert (spending.paid, spending.saved) == ((), ())
    with pytest.raises(UsageError, match="rain has a result for what it asks for"):
        bench.project().import_file("rain", video)


async def test_what_is_no_video_is_refused(bench: Bench) -> None:
    """Text, nothing, a folder, another edit's name, one that waits: an error each, and no
    result.
    """
    chain(bench)
    text = bench.root / "notes.mp4"
    text.write_text("no video")
    with pytest.raises(CutlistError, match="is no video"):
        bench.project().import_file("intro", text)
    with pytest.raises(CutlistError, match="cannot be read"):
        bench.project().import_file("intro", bench.root / "none.mp4")
    with pytest.raises(CutlistError, match="is no video file"):
        bench.project().import_file("intro", bench.root / "specs")
    video = write_video(bench.root / "by-hand.mp4", 2)
    with pytest.raises(UsageError, match='no edit is named "intra"'):
        bench.project().import_file("intra", video)
    with pytest.raises(UsageError, match="poster waits for swap"):
        bench.project().import_file("poster", video)
    assert bench.project().run_pass().observed.results == {}


async def made_by_hand(bench: Bench, prompt: str = "make it rain") -> str:
    """A task that somebody asked for without this program; its id."""
    other = bench.root.parent / "other"
    other.mkdir()
    by_hand = Bench(other, bench.server, bench.clock, bench.virtual)
    by_hand.edit("hand", prompt)
    await by_hand.apply()
    await by_hand.network.aclose()
    return str(by_hand.project().log()[0].task_id)


async def test_a_task_made_by_hand(bench: Bench) -> None:
    """It becomes the edit's task; apply brings its video home, and asks for none."""
    task_id = await made_by_hand(bench)
    bench.edit("rain")
    assert await bench.project().import_task("rain", task_id) == "SUCCEEDED"
    await bench.apply(options=PlanOptions(refresh_only=True, target=("rain",)))
    await bench.apply()
    assert bench.creates() == 1
    assert bench.output("rain").is_file()
    (result,) = drawn(bench, "rain").results
    assert (result.task["task_id"], result.adopted) == (task_id, True)
    assert result.approved_by.endswith(", imported a task")
    with pytest.raises(UsageError, match="has a result for what it asks for"):
        await bench.project().import_task("rain", task_id)


async def test_a_task_of_another_request_is_refused(bench: Bench) -> None:
    """Another prompt, an unknown task, one that failed, one that is known: an error each, and no
    attempt.
    """
    task_id = await made_by_hand(bench, "make it hail")
    bench.edit("rain")
    with pytest.raises(UsageError, match='made with another prompt: "make it hail"'):
        await bench.project().import_task("rain", task_id)
    with pytest.raises(UsageError, match="is UNKNOWN"):
        await bench.project().import_task("rain", "0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11")
    with pytest.raises(UsageError, match="is no task id"):
        await bench.project().import_task("rain", "../x")
    bench.network.trouble = [Trouble("GET", "/tasks/", failed("DataInspectionFailed", "no"))]
    with pytest.raises(UsageError, match="is FAILED: no"):
        await bench.project().import_task("rain", task_id)
    assert bench.project().log() == []
    await bench.apply()
    bench.edit("snow", "make it snow")
    own = str(bench.project().log("rain")[0].task_id)
    with pytest.raises(UsageError, match="the ledger knows the task"):
        await bench.project().import_task("snow", own)


async def test_nothing_is_imported_beside_an_open_request(bench: Bench) -> None:
    """An edit whose request may still bring a result gets no second one."""
    task_id = await made_by_hand(bench)
    bench.edit("rain")
    bench.network.trouble = [
        Trouble("GET", "/tasks/", answer(401, code="InvalidApiKey", message="no"), times=99)
    ]
    await bench.apply()
    bench.network.trouble = []
    history = bench.project().run_pass().observed.history
    assert [each.last.state for each in history.values()] == [State.SUBMITTED]
    with pytest.raises(UsageError, match="which may still bring its result"):
        await bench.project().import_task("rain", task_id)

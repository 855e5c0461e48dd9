"""Answers that no sane service gives, through a whole apply: one task is billed, its video comes
home where it can, and what cannot be used is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconciler.apply.context import UNFIT_TRIES
from reconciler.apply.outcome import Report
from reconciler.errors import EXIT_FAILED, EXIT_NEEDS_PERSON
from reconciler.report.outcome import write_outcome
from tests.e2e.bench import CREATE, FETCH, Bench, Trouble

LIST = ("GET", "/tasks")


def bent(change: Callable[[dict[str, Any]], Any], status: int = 200) -> Callable[..., Any]:
    """The server's own answer, changed; `change` gives an object, or the bytes of the body."""

    async def act(request: httpx.Request, send: Any) -> httpx.Response:
        response = await send(request)
        body = json.loads(await response.aread())
        changed = change(body)
        raw = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return httpx.Response(status, content=raw)

    return act


def with_output(**fields: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda body: {**body, "output": {**body["output"], **fields}}


def seen(bench: Bench, report: Report) -> str:
    """All that a person reads of an apply."""
    lines = [*bench.said, *(event.note for event in bench.events)]
    return "\n".join([*lines, write_outcome(report)])


@pytest.mark.parametrize("status", [201, 202, 203, 206, 226])
async def test_any_2xx_with_a_task_id_is_an_acceptance(bench: Bench, status: int) -> None:
    """It is not settled, not booked as a failure, and not paid again by anything."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, bent(lambda body: body, status))]
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == bench.billed_tasks() == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda body: json.dumps(body).encode()[:-1],
        lambda body: json.dumps(body).encode() + b" \xff",
        lambda body: {**body, "deep": json.loads("[" * 500 + "]" * 500)},
        lambda body: {**body, "message": "\ud800\x1b[2J", "n": float("nan")},
        lambda body: {**body, "request_id": {"a": ["b"]}},
        lambda body: {**body, "usage": [10**4000]},
    ],
    ids=["cut", "not_utf8", "deep", "surrogate", "request_id", "digits"],
)  # fmt: skip
async def test_what_else_is_bad_in_an_acceptance_loses_no_task(bench: Bench, change: Any) -> None:
    """The id is taken, the task followed, its video written."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, bent(change))]
    report = await bench.apply()
    assert report.exit_code == 0, write_outcome(report)
    assert bench.creates() == bench.billed_tasks() == 1
    assert bench.output("rain").exists()


@pytest.mark.parametrize("bad", ["..", "../../x", "x?y=1", "a b", 17, "\x1b[2J"])
async def test_an_id_that_is_none_is_kept_for_a_person(bench: Bench, bad: Any) -> None:
    """An accepted task whose id cannot be used is looked for in the list; its path is
    never asked.
    """
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, bent(with_output(task_id=bad)))]
    report = await bench.apply()
    assert report.exit_code == 0
    assert bench.creates() == bench.billed_tasks() == 1
    said = seen(bench, report)
    assert "which is no task id. It is paid" in said
    assert "\x1b" not in said
    assert all(path.startswith(("POST /api/", "GET /api/")) for path in bench.network.requests[:4])


async def test_an_id_that_is_none_everywhere_is_undecided(bench: Bench) -> None:
    """Where the list cannot tell the task either, nothing is sent again: a person decides."""

    def unnamed(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "data": [{**row, "task_id": "../x"} for row in body["data"]]}

    bench.edit("rain")
    bench.network.trouble = [
        Trouble(*CREATE, bent(with_output(task_id="../x"))),
        Trouble(*LIST, bent(unnamed), times=99),
    ]
    report = await bench.apply()
    assert report.exit_code == EXIT_NEEDS_PERSON
    assert bench.creates() == bench.billed_tasks() == 1
    report = await bench.apply()
    assert report.exit_code == EXIT_NEEDS_PERSON
    assert bench.creates() == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda body: {**body, "usage": {**(body.get("usage") or {}), "duration": float("nan")}},
        lambda body: {**body, "usage": {"duration": 10**30, "SR": float("inf")}},
        lambda body: {**body, "usage": ["\ud800"]},
        with_output(message="\ud800\x1b[2J\u202e", code=None, more=[{"a": "\udfff"}]),
        with_output(end_time=5, submit_time=["\x00"], orig_prompt=None),
        with_output(**{f"x{n}": "y" * 999 for n in range(300)}),
    ],
    ids=["nan", "numbers", "usage", "text", "types", "many"],
)  # fmt: skip
async def test_odd_fields_of_a_finished_task_lose_no_video(bench: Bench, change: Any) -> None:
    """NaN, halves of characters and whatever else stands beside the link: the video comes home."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*FETCH, bent(change), times=99)]
    report = await bench.apply()
    assert report.exit_code == 0, write_outcome(report)
    assert bench.output("rain").exists()
    assert "\x1b" not in seen(bench, report)
    (line,) = [each.name for each in bench.project().plan().steps]
    assert line == "rain"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:99999/a.mp4", "http://ann:s3cret@127.0.0.1/a.mp4", "http://[::1",
        "https://xn--\u00e4.aliyuncs.com/", "file:///etc/passwd", "\ud800", 5, "x" * 9000,
    ],
)  # fmt: skip
async def test_a_link_that_leads_nowhere(bench: Bench, url: Any) -> None:
    """The edit fails in words; its paid task stays, and the next apply brings the video home."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*FETCH, bent(with_output(video_url=url)), times=200)]
    report = await bench.apply()
    assert report.exit_code == EXIT_FAILED
    assert "s3cret" not in seen(bench, report)
    bench.network.trouble = []
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == bench.billed_tasks() == 1


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[" * 9000, b"\xff", b'{"output":{}}'])
async def test_answers_that_cannot_be_read_do_not_hold_a_run_for_ever(
    bench: Bench, raw: bytes
) -> None:
    """Ten times, then the edit fails for this run; the next one goes on with its task."""
    bench.edit("rain")
    trouble = Trouble(*FETCH, bent(lambda body: raw), times=99)
    bench.network.trouble = [trouble]
    report = await bench.apply()
    assert report.exit_code == EXIT_FAILED
    assert 99 - trouble.left == UNFIT_TRIES
    bench.network.trouble = []
    assert (await bench.apply()).exit_code == 0
    assert bench.creates() == bench.billed_tasks() == 1


async def test_the_answer_about_another_task_is_not_ours(bench: Bench) -> None:
    """A cache that mixes answers up: the video of another task is never taken."""
    bench.edit("rain")
    other = with_output(task_id="0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11", task_status="SUCCEEDED")
    bench.network.trouble = [Trouble(*FETCH, bent(other), times=3)]
    assert (await bench.apply()).exit_code == 0
    assert bench.billed_tasks() == 1

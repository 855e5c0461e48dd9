"""What people read when an apply went wrong: what happened, what was and was not paid, what to do
next.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from reconciler.apply.outcome import Report
from reconciler.report.outcome import write_outcome
from tests.e2e.bench import CREATE, FETCH, Bench, Trouble, answer, failed, lost_after


def words(report: Report) -> str:
    """The last word with ids, ports and times made plain."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "ID", write_outcome(report))
    return re.sub(r"in \d+(\.\d s|m \d\ds)\.", "in N s.", re.sub(r"127\.0\.0\.1:\d+", "HOST", text))


async def test_refused_key(bench: Bench) -> None:
    """One error for all edits, with the way out."""
    bench.edit("rain")
    bench.edit("snow", prompt="snow")
    assert words(await bench.apply(bench.project(key="sk-wrong"))) == (
        "error: the service refused the API key of account default at\n"
        "    http://HOST/api/v1 (InvalidApiKey: Invalid API-key provided.)\n"
        "    Keys belong to one region and one workspace. Set DASHSCOPE_API_KEY to a key\n"
        "    of this endpoint, or choose the endpoint the key belongs to in cutlist.yaml.\n"
        "    Met by rain.\n"
        "    Nothing was billed for it.\n"
        "✗ snow: not sent, because of an earlier error (InvalidApiKey).\n"
        "Apply ended with 2 failed. 0 rendered, 0 written, 0 pruned in N s.\n"
        "Running apply again does only what is left.\n"
    )


async def test_failed_task(bench: Bench) -> None:
    """The service's own code and words, that it is free, and what to change where."""
    bench.edit("rain")
    bench.network.trouble = [
        Trouble(
            *FETCH, failed("DataInspectionFailed", "Input data may contain inappropriate content.")
        )
    ]
    assert words(await bench.apply()) == (
        "✗ rain  DataInspectionFailed: Input data may contain inappropriate content.\n"
        "    Nothing was billed for it. The service's content check refused the prompt,\n"
        "    the input or what came of it. Change the request; the same one is not sent\n"
        "    again unless you run `cutlist apply --retry-failed`. (specs/rain.yaml:1:1)\n"
        "    request r-1  task ID\n"
        "Apply ended with 1 failed. 0 rendered, 0 written, 0 pruned in N s.\n"
        "Running apply again does only what is left.\n"
    )


async def test_lost_answer_and_a_service_that_cannot_be_asked(bench: Bench) -> None:
    """Nobody claims that nothing was paid; the next apply asks first."""
    bench.edit("rain")
    bench.network.trouble = [
        Trouble(*CREATE, lost_after),
        Trouble("GET", "/tasks", answer(500, code="InternalError", message="oops"), times=99),
    ]
    report = await bench.apply()
    text = words(report)
    assert report.exit_code == 4
    assert "Nothing was billed" not in text
    assert "Whether it arrived is not known; the next apply asks the service" in " ".join(
        text.split()
    )
    bench.network.trouble = []
    assert (await bench.apply()).exit_code == 0
    assert bench.billed_tasks() == 1


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (
            answer(
                429,
                code="Throttling.RateQuota",
                message="Requests rate limit exceeded, please try again later.",
            ),
            "The account sends too fast",
        ),
        (
            answer(
                400,
                code="Arrearage",
                message="Access denied, please make sure your account is in good standing.",
            ),
            "balance, quota and access",
        ),
        (answer(404), "its answer is not JSON. Nothing was billed for it."),
        (answer(400, code="InvalidURL", message="fetch failed"), "could not fetch an input"),
        (answer(403, code="AccessDenied", message="Access denied."), "Keys belong to one region"),
        (answer(418, code="Teapot", message="short and stout"), "does not know"),
    ],
)
async def test_every_refusal_says_what_to_do(bench: Bench, trouble: Any, said: str) -> None:
    """Nothing billed, and advice of its own for each kind of refusal."""
    bench.edit("rain")
    bench.network.trouble = [Trouble(*CREATE, trouble, times=99)]
    text = " ".join(words(await bench.apply()).split())
    assert said in text
    assert "Nothing was billed for it." in text
    assert bench.billed_tasks() == 0

"""docs/controller-pages.md says what the controller's code does."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import get_args

from reconciler.controller import hooks, listening, logs, notify, webhooks
from reconciler.controller.documents import NotifiedEvent
from reconciler.controller.metrics import PassOutcome
from tests.docs.pages import fences, text

PAGE = text("docs/controller-pages.md")
SHOWN = [json.loads(fence.body) for fence in fences(PAGE) if fence.info == "json"]


def read_table(heading: str) -> dict[str, tuple[str, ...]]:
    """The rows of the tables of a section, by what stands in their first column."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split("|") for line in section.splitlines() if line.startswith("| ")]
    return {row[0].strip(" `"): tuple(cell.strip() for cell in row[1:]) for row in rows}


def test_every_metric_is_explained() -> None:
    """With its labels, as the golden page has them."""
    golden = text("tests/golden/metrics.txt")
    rows = read_table("Metrics")
    del rows["metric"]
    assert rows.keys() == set(re.findall(r"^# TYPE (\S+) ", golden, re.MULTILINE))
    for metric, (labels, _) in rows.items():
        sample = re.search(rf"^{metric}(?:_count)?(?:{{(.*)}})? \d", golden, re.MULTILINE)
        assert sample is not None
        wanted = re.findall(r"(\w+)=", sample[1] or "")
        assert sorted(re.findall(r"`(\w+)`", labels)) == sorted(wanted)
    assert re.findall(r"`(\w+)`", rows["cutlist_passes_total"][1]) == [*get_args(PassOutcome)]


def test_every_answer_to_a_webhook_is_explained() -> None:
    """Those that the code gives, with its bounds."""
    answers = {row: cells[0] for row, cells in read_table("Webhooks").items() if row.isdigit()}
    assert {HTTPStatus(int(row)) for row in answers} == {200, 202, 400, 401, 404, 409, 413, 429}
    assert f"{webhooks.MOST_BODY_BYTES >> 20} MiB" in answers["413"]
    assert f"{hooks.MOST_AT_ONCE} at once or {hooks.MOST_PER_S:g} a second" in answers["429"]
    assert f"last {webhooks.WINDOW_S / 3600:g} hours" in answers["409"]
    assert f"cut after {listening.LIFE_S:g} s" in PAGE
    assert f"more than {listening.MOST_CONNECTIONS} at once" in PAGE
    for header in ("X-Hub-Signature-256", "X-Gitlab-Token", "x-eventbridge-signature-token"):
        assert header in PAGE


def test_the_message_is_the_one_that_is_sent() -> None:
    """The same fields in the same order."""
    message = notify.Message("applied", "spring", "0123", "text", 0.0)
    assert [*SHOWN[0]] == [*json.loads(notify.write_webhook(message))]
    events = re.search(r"^`event` is (.*?);", PAGE, re.MULTILINE)
    assert events is not None
    assert re.findall(r"`(\w+)`", events[1]) == [*get_args(NotifiedEvent)]


def test_the_line_is_one_of_the_log() -> None:
    """It is the one of the golden log, but for two fields; every level is named."""
    golden = [json.loads(line) for line in text("tests/golden/log-json.txt").splitlines()]
    (line,) = [line for line in golden if line["message"] == SHOWN[1]["message"]]
    assert SHOWN[1] == {**line, "fields": SHOWN[1]["fields"]}
    assert SHOWN[1]["fields"].items() <= line["fields"].items()
    assert ", ".join(f"`{level}`" for level in logs.LEVELS) in PAGE.replace("\n", " ")

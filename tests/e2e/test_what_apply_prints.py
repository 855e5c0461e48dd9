"""What people and programs read of an apply, line by line, kept as golden texts; `--update-golden`
writes them anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import read_plan
from reconciler.apply.events import Event
from reconciler.apply.outcome import Report
from reconciler.cli import progress
from reconciler.report.outcome import write_outcome
from reconciler.report.plan import write_plan
from tests.e2e.bench import FETCH, Bench, Trouble, failed

GOLDEN = Path(__file__).parents[1] / "golden"
Golden = Callable[[Path, str], None]
_VARIES = {
    r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}": "TASK", r"http://127\.0\.0\.1:\d+": "http://HOST",
    r"\b[0-9a-f]{64}\b": "DIGEST", r"in \d+(\.\d s|m \d\ds)\.": "in N s.",
}  # fmt: skip


def masked(text: str) -> str:
    """`text` without ids, ports and digests of videos."""
    for pattern, word in _VARIES.items():
        text = re.sub(pattern, word, text)
    return text


@pytest.fixture
async def film(bench: Bench) -> Bench:
    """A chain of two, two edits of one job, one that the service fails, what waits for it, and a
    file in the way.
    """
    bench.edit("intro")
    bench.edit("outro", "make it slow", "edit://intro")
    bench.edit("twin")
    bench.edit("refused", "something that is not allowed", parameters={"seed": 7})
    bench.edit("waiting", "and then", "edit://refused")
    bench.edit("taken", "make it hail")
    bench.output("taken").parent.mkdir()
    bench.output("taken").write_bytes(b"somebody's")
    refuse = Trouble(
        *FETCH, failed("DataInspectionFailed", "Input data may contain inappropriate content.")
    )
    refuse.wants = lambda request: (
        refuse.left > 0 and request.url.path.endswith(refused_task(bench))
    )  # type: ignore[method-assign]
    bench.network.trouble = [refuse]
    return bench


def refused_task(bench: Bench) -> str:
    """The id of the task of `refused`, once there is one."""
    ids = [event.task_id for event in bench.events if event.name == "refused" and event.task_id]
    return ids[0] if ids else "none yet"


async def applied(film: Bench) -> Report:
    report = await film.apply()
    # the service bills what the test makes fail
    assert (report.exit_code, film.billed_tasks()) == (5, 3)
    return report


async def test_the_last_word(film: Bench, golden: Golden) -> None:
    """As text and as JSON: what went well, what did not and why, what is left, what it cost."""
    report = await applied(film)
    golden(GOLDEN / "apply.txt", masked(f"{write_plan(report.plan)}\n{write_outcome(report)}"))
    document = {**report.to_json()}
    golden(GOLDEN / "apply-end.json", masked(json.dumps(document, indent=1) + "\n"))


async def test_every_event(film: Bench, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    """A line, or an object, whenever an edit enters another phase."""
    await applied(film)
    for name, style in (
        ("apply-lines.txt", progress.Lines("USD")),
        ("apply-lines.jsonl", progress.JsonLines()),
    ):
        capsys.readouterr()
        with style:
            for event in film.events:
                style.observe(event)
        golden(GOLDEN / name, masked(_sorted(capsys.readouterr().out, film.events)))


def _sorted(printed: str, events: list[Event]) -> str:
    """Lines by edit, each edit's in their order: which of several is first is chance."""
    names = sorted({event.name for event in events})
    lines = printed.splitlines()
    by_name = [
        [line for line in lines if re.match(rf'{name}:|.*"name":"{name}"', line)] for name in names
    ]
    assert sum(map(len, by_name)) == len(lines)
    return "".join(f"{line}\n" for each in by_name for line in each)


async def test_a_saved_plan(film: Bench, golden: Golden) -> None:
    """The file that `plan --out` writes."""
    path = film.root / "night.plan"
    film.project().save(path)
    golden(GOLDEN / "saved.plan", masked(json.dumps(read_plan(path).document, indent=1) + "\n"))

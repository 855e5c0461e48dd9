"""The bill: what every task has cost, and the sums per account, request or job."""

from __future__ import annotations

from collections.abc import Iterable

from mockserver.fields import Doc
from mockserver.state.task_table import Row


def build_bill(rows: Iterable[Row]) -> Doc:
    """What every task costs, and the sum, in seconds of video."""
    tasks = [dict(row) for row in rows]
    return {"tasks": tasks, "total_billed_s": round(sum(task["billed_s"] for task in tasks), 2)}


def sum_bill(bill: Doc, field: str) -> Doc:
    """A bill summed up by a field of its tasks: account, request_sha256 or job_sha256.

    Each line tells how many tasks there are, how many of them cost something, and the seconds.
    """
    lines: dict[str, Doc] = {}
    for task in bill["tasks"]:
        value = task[field]
        line = lines.setdefault(
            value, {field: value, "tasks": 0, "billed_tasks": 0, "billed_s": 0.0}
        )
        line["tasks"] += 1
        line["billed_tasks"] += task["billed_s"] > 0
        line["billed_s"] = round(line["billed_s"] + task["billed_s"], 2)
    return {"lines": list(lines.values()), "total_billed_s": bill["total_billed_s"]}

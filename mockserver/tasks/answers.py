"""How a task is told: in the answer to a fetch, in a list, and by the server's own controls."""

from __future__ import annotations

import functools
from datetime import datetime, timezone

from mockserver.digest import load_json
from mockserver.fields import Doc
from mockserver.state.schema import NEVER
from mockserver.state.task_table import Row

RESULT_FOLDER = "dashscope-result-mock"

_SHOWN_FIELDS = (
    "task_id",
    "account",
    "model",
    "status",
    "label",
    "submit_at",
    "scheduled_at",
    "end_at",
    "code",
    "message",
    "request_sha256",
    "job_sha256",
    "polls_left",
)


def build_fetch_answer(task_id: str, row: Row | None, video_url: str | None, zone: timezone) -> Doc:
    """The answer to a fetch, without its request_id (API reference, step 2).

    `row` is None for a task that the service does not know; `zone` is the one of its times.
    """
    if row is None:
        return {"output": {"task_id": task_id, "task_status": "UNKNOWN"}}
    status = row["status"]
    output: Doc = {
        "task_id": task_id,
        "task_status": status,
        "submit_time": format_time(row["submit_at"], zone),
    }
    if status not in ("PENDING", "CANCELED"):
        output["scheduled_time"] = format_time(row["scheduled_at"], zone)
    if status in ("SUCCEEDED", "FAILED", "CANCELED"):
        output["end_time"] = format_time(row["cancelled_at"] or row["end_at"], zone)
    if status == "FAILED":
        output |= {"code": row["code"], "message": row["message"]}
    if status != "SUCCEEDED":
        return {"output": output}
    if row["orig_prompt"] is not None:
        output["orig_prompt"] = row["orig_prompt"]
    if not row["no_url"]:
        output["video_url"] = video_url
    return {"output": output, "usage": load_json(row["usage"])}


@functools.lru_cache(maxsize=4096)
def format_time(at: float, zone: timezone) -> str:
    """A time as the service writes it: to the millisecond, without a zone (API reference)."""
    return datetime.fromtimestamp(round(at, 3), zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def build_list_row(row: Row, region_id: str, uid: str) -> Doc:
    """A row of the list answer (list reference).

    Its times are epoch milliseconds; it has no prompt and no inputs.
    """
    status = row["status"]
    document: Doc = {
        "api_key_id": row["api_key_id"],
        "caller_parent_id": uid,
        "caller_uid": uid,
        "gmt_create": _to_epoch_ms(row["submit_at"]),
        "model_name": row["model"],
        "region": region_id,
        "request_id": row["request_id"],
        "status": status,
        "task_id": row["task_id"],
        "user_api_unique_key": build_unique_key(row["model"]),
    }
    if status not in ("PENDING", "CANCELED"):
        document["start_time"] = _to_epoch_ms(row["scheduled_at"])
    if status not in ("PENDING", "RUNNING"):
        document["end_time"] = _to_epoch_ms(row["cancelled_at"] or row["end_at"])
    return document


def build_unique_key(model: str) -> str:
    """What the service calls the API of a model in lists and events."""
    return f"apikey:v1:aigc:video-generation:video-synthesis:{model}"


def build_result_key(row: Row) -> str:
    """The object key of a task's result."""
    return f"{RESULT_FOLDER}/{row['film'][:2]}/{row['task_id']}.mp4"


def show_task(row: Row) -> Doc:
    """A task as the controls show it. A time that does not come by itself is null."""
    document = {name: row[name] for name in _SHOWN_FIELDS}
    for name in ("scheduled_at", "end_at"):
        if row[name] >= NEVER:
            document[name] = None
    return {**document, "cancelled_at": row["cancelled_at"], "no_url": bool(row["no_url"])}


def _to_epoch_ms(at: float) -> int:
    return round(at * 1000)

"""How answers are bent: lists that contradict themselves, rows that cannot be read, statuses that
change. Pure: a document in, a bent one out; chance comes from the caller.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

Doc = dict[str, Any]
HTML = b"<html><head><title>Attention</title></head><body><h1>Attention</h1></body></html>"

# ------------------------------------------------------------------ rows of a list


def _times_as_text(row: Doc) -> None:
    row["gmt_create"] = "2026-01-01 08:00:00.000"


def _times_in_seconds(row: Doc) -> None:
    row.update({name: row[name] / 1000 for name in ("gmt_create", "start_time") if name in row})


def _no_times(row: Doc) -> None:
    for name in ("gmt_create", "start_time"):
        row.pop(name, None)


def _no_model(row: Doc) -> None:
    row.pop("model_name")


def _null_model(row: Doc) -> None:
    row["model_name"] = None


def _dated_model(row: Doc) -> None:
    row["model_name"] += "-2026-01-15"


def _unknown_model(row: Doc) -> None:
    row["model_name"] = "video-editing-latest"


def _id_as_number(row: Doc) -> None:
    row["task_id"] = int(row["task_id"].replace("-", "")[:8], 16)


def _no_id(row: Doc) -> None:
    row["task_id"] = None


ROW_BENDS: Mapping[str, Callable[[Doc], None]] = {
    "row: times as text": _times_as_text,
    "row: times in seconds": _times_in_seconds,
    "row: no times": _no_times,
    "row: no model": _no_model,
    "row: model null": _null_model,
    "row: dated model": _dated_model,
    "row: unknown model": _unknown_model,
    "row: id as number": _id_as_number,
    "row: no id": _no_id,
}

# ------------------------------------------------------------------ pages of a list


def _shuffled(page: Doc, rng: random.Random) -> None:
    rng.shuffle(page["data"])


def _repeated_row(page: Doc, rng: random.Random) -> None:
    page["data"].append(dict(rng.choice(page["data"])))


def _left_out_row(page: Doc, rng: random.Random) -> None:
    page["data"].pop(rng.randrange(len(page["data"])))


def _total_too_high(page: Doc, rng: random.Random) -> None:
    page["total"] += rng.randint(1, 5)


def _total_without_rows(page: Doc, rng: random.Random) -> None:
    page.update(total=1, data=[])


def _total_as_text(page: Doc, rng: random.Random) -> None:
    page["total"], page["data"] = str(page["total"]), []


def _page_before(page: Doc, rng: random.Random) -> None:
    page["page_no"] = max(1, page["page_no"] - 1)
    page["data"] = []


def _no_data(page: Doc, rng: random.Random) -> None:
    page["data"] = rng.choice((None, {}, "none"))


PAGE_BENDS: Mapping[str, Callable[[Doc, random.Random], None]] = {  # of pages that have rows
    "list: shuffled": _shuffled,
    "list: repeated row": _repeated_row,
    "list: left out row": _left_out_row,
    "list: total too high": _total_too_high,
    "list: total without rows": _total_without_rows,
    "list: total as text": _total_as_text,
    "list: page before": _page_before,
    "list: no data": _no_data,
}

FROZEN = "list: frozen"  # as it was before the newest task that whoever asks was told of

# ------------------------------------------------------------------ answers to a POST

CREATE_BENDS = (  # when the task was made
    "post: other 2xx", "post: 200 without id", "post: 200 html", "post: 500 with id", "post: 302",
    "post: 4xx html", "post: 400 empty", "post: id of another", "post: illegal id",
)  # fmt: skip
UNDELIVERED = ("undelivered: 4xx html", "undelivered: 502 html", "undelivered: 302")
ILLEGAL_IDS = (7, None, "", "..", "../tasks?page_no=1", "a b", "x" * 300, ["x"], "\ud800")

Answer = tuple[int, bytes, bool]  # status, body, and whether the service itself wrote it


def bent_creation(bend: str, body: bytes, others: list[str], rng: random.Random) -> Answer:
    """The answer to a POST whose task was made, bent. `others` are ids of tasks made before."""
    document = json.loads(body)
    match bend:
        case "post: other 2xx":
            return rng.choice((201, 202, 203, 206)), body, True
        case "post: 200 without id":
            document["output"].pop("task_id")
        case "post: 200 html":
            return 200, HTML, False
        case "post: 500 with id":
            return rng.choice((500, 503, 504)), body, True
        case "post: 302":
            return rng.choice((301, 302, 307)), b"", False
        case "post: 4xx html":
            return rng.choice((400, 401, 403, 404, 429)), HTML, False
        case "post: 400 empty":
            return 400, b"", False
        case "post: id of another":
            document["output"]["task_id"] = rng.choice(others) if others else None
        case "post: illegal id":
            document["output"]["task_id"] = rng.choice(ILLEGAL_IDS)
    return 200, json.dumps(document).encode(), True


def undelivered(bend: str, rng: random.Random) -> Answer:
    """What stands between answers in the service's place; the request went no further."""
    if bend == "undelivered: 302":
        return 302, b"", False
    return (502 if "502" in bend else rng.choice((400, 401, 403, 404, 405, 429))), HTML, False


# ------------------------------------------------------------------ looks at a task


def _back_to_pending(document: Doc) -> None:
    document["output"]["task_status"] = "PENDING"
    document["output"].pop("video_url", None)


def _unheard_of(document: Doc) -> None:
    document["output"]["task_status"] = "QUEUED"


def _without_link(document: Doc) -> None:
    document["output"].pop("video_url", None)


def _of_another_task(document: Doc) -> None:
    """FAILED, but another task: as an answer that went astray tells."""
    output = {"task_id": "0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11", "task_status": "FAILED"}
    document["output"] = {**output, "code": "InternalError.Algo", "message": "not yours"}


def _failed_with_video(document: Doc) -> None:
    document["output"] |= {"task_status": "FAILED", "code": "InternalError", "message": "and yet"}


def _status_as_number(document: Doc) -> None:
    document["output"]["task_status"] = 200


LOOK_BENDS: Mapping[str, tuple[Callable[[Doc], None], tuple[str, ...]]] = {  # for which statuses
    "look: back to pending": (_back_to_pending, ("RUNNING", "SUCCEEDED")),
    "look: unheard of": (_unheard_of, ("PENDING", "RUNNING")),
    "look: without a link": (_without_link, ("SUCCEEDED",)),
    "look: of another task": (_of_another_task, ("PENDING", "RUNNING", "SUCCEEDED")),
    "look: failed with a video": (_failed_with_video, ("SUCCEEDED",)),
    "look: status as number": (_status_as_number, ("PENDING", "RUNNING", "SUCCEEDED")),
}


def bent_look(body: bytes, turn: int) -> tuple[str, bytes]:
    """(what was bent, the bent answer) of a look at a task; nothing where it cannot be bent. Which
    of the bends that fit its status, `turn` says.
    """
    document = json.loads(body)
    status = document.get("output", {}).get("task_status")
    fitting = [name for name, (_, statuses) in LOOK_BENDS.items() if status in statuses]
    if not fitting:
        return "", body
    name = fitting[turn % len(fitting)]
    LOOK_BENDS[name][0](document)
    return name, json.dumps(document).encode()

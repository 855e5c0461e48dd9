"""What every answer means for money: the table of docs/operations.md, row by row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.errors import (
    InputUnavailable,
    NotTheService,
    OutcomeUnknown,
    QuotaExhausted,
    Rejected,
    ServiceError,
    Throttled,
    Unauthorized,
    UnfitAnswer,
)
from reconciler.formats.untrusted import quote_service
from reconciler.service.answers import (
    Created,
    Reply,
    read_answer,
    read_created,
    read_task,
    upload_policy,
)
from reconciler.service.retry import is_end_of_everything
from tests.docs.pages import section, text

ID = "0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11"
OTHER = "1f66113b-0cbc-4e06-bd0e-e2c785b92114"
HTML = b"<html><body>Please log in</body></html>"


def quote(value: Any) -> str:
    return quote_service(value, secret="sk-secret")


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def error(code: str, **fields: Any) -> bytes:
    return body(code=code, message="said", request_id="r", **fields)


TASK = body(request_id="r", output={"task_id": ID, "task_status": "PENDING"})
NO_CODE = [b"", HTML, b"{}", b"[]", body(code=404, message="x"), body(code="404"), body(error="x")]

# first cell of the row → its answers
EXAMPLES: dict[str, list[Reply]] = {
    "2xx with one task_id": [
        *(Reply(status, TASK) for status in (200, 201, 202, 203, 206, 299)),
        Reply(200, body(output={"task_id": ID}, usage=float("nan"))),
        Reply(200, body(output={"task_id": ID, "message": "\ud800\x1b[2J"})),
        Reply(200, body(code="Odd", message="x", output={"task_id": ID})),
        Reply(200, body(task_id=ID)),
        Reply(201, body(data={"task_id": ID})),
        Reply(200, body(output=[{"task_id": ID}])),
        Reply(200, body(output={"task_id": ID}, task_id=ID)),
    ],
    "2xx with one task_id, and the rest too large, too slow, broken off or no JSON": [
        Reply(200, TASK[:-1]),
        Reply(202, TASK + b"}"),
        Reply(200, TASK, "was not whole after 30 s"),
        Reply(200, TASK[:-20], "is larger than 8 MiB"),
        Reply(200, b'{"deep":' + b"[" * 99 + b"]" * 99 + b',"output":' + TASK + b"}"),
        Reply(200, b'{"output":{"task_id":"' + ID.encode() + b'"},"a":"\xff"}'),
        Reply(200, TASK + TASK),
    ],
    "2xx, a JSON object without a task_id anywhere in it, or with two": [
        *(Reply(status, b"{}") for status in (200, 204)),
        Reply(200, body(output={"task_id": "", "task_status": "PENDING"})),
        Reply(200, body(output={"task_id": None})),
        Reply(200, error("InvalidParameter")),
        Reply(200, body(output={"task_id": ID}, task_id=OTHER)),
    ],
    "2xx, and what stands as task_id is none (`..`, `x?y=1`, a number)": [
        *(
            Reply(200, body(output={"task_id": bad}))
            for bad in ("..", "x?y=1", "a/b", "a b", "a#b", "a" * 129, 17, ["x"], {"a": 1}, True)
        ),
    ],
    "2xx, and no JSON object: HTML, empty, text": [
        Reply(200, raw) for raw in (b"", HTML, b"[]", b'"x"', b"5", b"null", b"\xff\xfe")
    ],
    "4xx, JSON with a code of the table above": [
        Reply(400, error("InvalidParameter")),
        Reply(400, error("InvalidURL.Timeout")),
        Reply(401, error("InvalidApiKey")),
        Reply(400, error("Arrearage")),
        Reply(429, error("Throttling.RateQuota")),
        Reply(404, error("ModelNotFound")),
    ],
    "4xx, JSON with a new code": [
        Reply(400, error("Brand.New")),
        Reply(401, error("Brand.New")),
        Reply(403, error("Brand.New")),
        Reply(404, error("Brand.New")),
        Reply(405, error("Brand.New")),
        Reply(422, error("Brand.New")),
        Reply(429, error("Brand.New")),
    ],
    "4xx, JSON with `InternalError…`, `SystemError` or a like code": [
        Reply(400, error("InternalError.Algo")),
        Reply(404, error("SystemError")),
        Reply(429, error("ModelServingError")),
    ],
    "4xx, JSON with a code and a task_id": [
        Reply(400, error("InvalidParameter", output={"task_id": ID})),
        Reply(429, error("Throttling", task_id=ID)),
        Reply(400, error("InvalidParameter", data={"task_id": ID})),
        Reply(400, error("InvalidParameter", output=[{"task_id": ID}])),
    ],
    "4xx without a code: HTML, empty, other JSON; 401, 403, 404 and 407 too": [
        Reply(status, raw) for status in (400, 401, 403, 404, 405, 407, 413, 451) for raw in NO_CODE
    ],
    "429 without a code": [Reply(429, raw) for raw in NO_CODE],
    "408, and 425 without a code": [
        *(Reply(status, raw) for status in (408, 425) for raw in NO_CODE),
        Reply(408, error("RequestTimeOut")),
    ],
    "1xx, 3xx; no redirect is followed": [
        Reply(status, raw)
        for status in (101, 301, 302, 304, 307, 308)
        for raw in (b"", HTML, b"{}")
    ],
    "5xx": [
        *(Reply(status, raw) for status in (500, 502, 503, 504) for raw in NO_CODE),
        Reply(500, error("InvalidParameter")),
        Reply(503, error("ModelUnavailable")),
    ],
    "5xx with a task_id": [
        Reply(500, error("InternalError", output={"task_id": ID})),
        Reply(502, b'<html>"task_id": "' + ID.encode() + b'"</html>'),
    ],
}
KNOWN = {
    "InvalidParameter": Rejected,
    "InvalidURL.Timeout": InputUnavailable,
    "ModelNotFound": Rejected,
    "InvalidApiKey": Unauthorized,
    "Arrearage": QuotaExhausted,
    "Throttling.RateQuota": Throttled,
    "Throttling": Throttled,
}
NEW = {401: Unauthorized, 403: Unauthorized, 404: NotTheService, 405: NotTheService, 429: Throttled}


def table() -> dict[str, list[str]]:
    """The rows of the documented table: first cell → the other two."""
    lines = section(text("docs/operations.md"), "What an answer means").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {row[0]: row[1:] for row in rows[2:]}


def expected(words: str, reply: Reply) -> type | None:
    """What the words of a cell promise: an error, or None for an answer that is read."""
    code = json.loads(reply.body)["code"] if words.startswith(("by its code", "refused")) else ""
    promises = {
        "accepted": None,
        "read": None,
        "not known": OutcomeUnknown,
        "unfit": UnfitAnswer,
        "by its code": KNOWN.get(code),
        "refused": NEW.get(reply.status, Rejected),
        "asked again, slower": Throttled,
        "asked again": OutcomeUnknown,
        "not the task API": NotTheService,
    }
    return promises[words.partition(":")[0]]


def outcome(call: Any) -> tuple[type | None, Any]:
    try:
        return None, call()
    except ServiceError as error:
        return type(error), error


def test_the_table_is_whole() -> None:
    """Every row has its examples, and every example its row."""
    assert list(table()) == list(EXAMPLES)


@pytest.mark.parametrize("row", list(EXAMPLES))
def test_to_the_post_of_a_task(row: str) -> None:
    """What the table says of a POST is what comes of it."""
    for reply in EXAMPLES[row]:
        kind, said = outcome(lambda reply=reply: read_created(reply, quote))
        assert kind is expected(table()[row][0], reply), (reply, said)
        if kind is None:
            assert said == Created(ID, said.request_id)
        elif kind is OutcomeUnknown:
            assert said.message
            assert "list" in said.hint


@pytest.mark.parametrize("row", list(EXAMPLES))
def test_to_a_question(row: str) -> None:
    """What the table says of a question is what comes of it."""
    for reply in EXAMPLES[row]:
        kind, said = outcome(lambda reply=reply: read_answer(reply, quote))
        assert kind is expected(table()[row][1], reply), (reply, said)


def test_a_page_of_a_proxy_is_not_taken_for_the_service() -> None:
    """A 401 without the service's JSON says nothing of the key; it stops all the same."""
    for status in (401, 403):
        _, said = outcome(lambda status=status: read_answer(Reply(status, HTML), quote))
        assert is_end_of_everything(said)
        assert "key" not in (said.message + said.hint).lower()
        assert "proxy" in said.hint


def test_the_id_of_an_odd_answer_travels_with_the_error() -> None:
    """A legal id is there to be looked for, an illegal one to be shown, safely and without
    our key.
    """
    for row in ("5xx with a task_id", "4xx, JSON with a code and a task_id"):
        for reply in EXAMPLES[row]:
            _, said = outcome(lambda reply=reply: read_created(reply, quote))
            assert (said.task_id, said.unusable_id) == (ID, "")
    _, said = outcome(lambda: read_created(Reply(200, body(task_id="../sk-secret\x1b[2J")), quote))
    assert (said.task_id, said.unusable_id) == (None, "../…\ufffd[2J")
    assert "It is paid" in said.message
    two = body(output={"task_id": ID}, task_id=OTHER)
    _, said = outcome(lambda: read_created(Reply(200, two), quote))
    assert (said.task_id, said.unusable_id) == (None, f"{ID} and {OTHER}")


def test_a_number_that_says_nothing_loses_no_video() -> None:
    """NaN in `usage`, and what else is odd beside it, leave the link of a paid video readable."""
    raw = (
        b'{"output":{"task_id":"t-1","task_status":"SUCCEEDED","video_url":"https://h/a?b=c",'
        b'"message":null,"more":{"a":["\\ud800\\u001b[2J"]}},"usage":{"duration":NaN,"SR":1e999}}'
    )
    answer = read_task(read_answer(Reply(200, raw), quote), "t-1", quote)
    assert answer.video_url == "https://h/a?b=c"
    assert answer.usage == {"duration": None, "SR": None}
    assert answer.output["more"] == {"a": ["\ufffd\ufffd[2J"]}
    json.dumps(answer.record()).encode()


def test_the_prompt_comes_as_it_is() -> None:
    """It is compared with the one that was sent, so nothing in it is made pretty."""
    output = {"task_status": "SUCCEEDED", "orig_prompt": "a\x07 \u202e b?c\nhttps://h/a?b=c"}
    assert (
        read_task({"output": output}, "t-1", quote).output["orig_prompt"] == output["orig_prompt"]
    )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"output": []},
        {"output": {}},
        {"output": {"task_status": 5}},
        {"output": {"task_id": OTHER, "task_status": "SUCCEEDED"}},
        {"output": {"task_id": ID, "task_status": "FAILED", "video_url": "https://h/a.mp4"}},
        {"output": {"task_id": ID, "task_status": "CANCELED", "video_url": "https://h/a.mp4"}},
    ],
)
def test_what_says_nothing_of_the_task(fields: dict[str, Any]) -> None:
    """No status, another task's, or an end without a video that names one: asked again, a few
    times; who believed the last would pay again for what is billed.
    """
    with pytest.raises(UnfitAnswer):
        read_task(fields, ID, quote)


def test_fields_beyond_measure_are_not_kept() -> None:
    """What the vendor does not document is kept as far as a record takes it, and no further."""
    output = {"task_status": "RUNNING", "task_metrics": {"TOTAL": 1}}
    assert read_task({"output": output}, ID, quote).output["task_metrics"] == {"TOTAL": 1}
    many = output | {f"x{n}": "y" * 1000 for n in range(100)} | {"n": 5}
    answer = read_task({"output": many, "usage": many}, ID, quote)
    assert (answer.output, answer.usage) == ({"task_status": "RUNNING", "n": 5}, {"n": 5})
    odd = {"task_status": "FAILED", "code": 5, "message": ["x"], "end_time": 5, "video_url": {}}
    assert read_task({"output": odd}, ID, quote).output == {"task_status": "FAILED"}


def test_a_policy_that_cannot_be_used() -> None:
    """Each field has to be there, plain and of a sane length."""
    names = ("upload_host", "upload_dir", "oss_access_key_id", "signature", "policy")
    good: dict[str, Any] = dict.fromkeys(
        (*names, "x_oss_object_acl", "x_oss_forbid_overwrite"), "a"
    )
    assert upload_policy({"data": good}, "n.mp4").key == "a/n.mp4"
    for name in good:
        for bad in (None, "", 5, "a\r\nb", "\x00", "a" * 9000):
            with pytest.raises(UnfitAnswer, match=name):
                upload_policy({"data": {**good, name: bad}}, "n.mp4")
    with pytest.raises(UnfitAnswer):
        upload_policy({"data": []}, "n.mp4")

"""The service's answers as values: bytes and a status go in, what they say comes out. Pure.

What is no documented refusal is not known to be one: the table "What an answer means" of
docs/operations.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

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
from reconciler.formats.names import make_plain
from reconciler.formats.untrusted import (
    LONGEST_ID,
    LONGEST_TEXT,
    Unfit,
    find_task_ids,
    is_task_id,
    make_plain_line,
    read_json,
)
from reconciler.service.codes import Verdict, find_code

Quote = Callable[[object], str]  # foreign.quoted, knowing what must not be shown
_LONGEST_NAME = 200  # characters of a model's name, a status or an error's code
_LONGEST_PROMPT = 64 << 10  # characters; the service cuts prompts at 5,000
_LONGEST_URL = 8 << 10
_LONGEST_FIELD = 8 << 10  # characters of a field of an upload's policy
_MOST_EXTRA_BYTES = 16 << 10  # of fields of a task that are not documented
_MOST_NUMBERS = 20
_OBJECT_CODE = re.compile(rb"<Code>([A-Za-z][A-Za-z0-9.]{0,79})</Code>")
_TOLD = (
    "task_id", "task_status", "submit_time", "scheduled_time", "end_time", "orig_prompt",
    "video_url", "code", "message",
)  # fmt: skip
_POLICY = (
    "upload_host", "upload_dir", "oss_access_key_id", "signature", "policy", "x_oss_object_acl",
    "x_oss_forbid_overwrite",
)  # fmt: skip
_BY_VERDICT: Mapping[Verdict, type[ServiceError]] = {
    Verdict.FINAL: Rejected,
    Verdict.INPUT: InputUnavailable,
    Verdict.THROTTLED: Throttled,
    Verdict.QUOTA: QuotaExhausted,
    Verdict.DENIED: Unauthorized,
}
_ASK_THE_LIST = (
    "Whether a task was made, and paid, is asked of the service's list before anything else is"
    " sent."
)
_ON_THE_WAY = (
    "A proxy, a gateway or a login page may answer in its place. Check the network, and the"
    " endpoint: its URL ends in /api/v1."
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request. `cut` says why the body is not whole, as the end of a
    sentence about the answer; it is empty when it is whole.
    """

    status: int
    body: bytes
    cut: str = ""
    date: str = ""  # the Date header, where no cache stood in between
    is_copy: bool = False  # whether a cache says that it gave it
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)  # names in small letters

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Created:
    """An accepted task."""

    task_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """What the service says of a task. `video_url` is signed: never to be stored or shown."""

    status: str
    output: Mapping[str, object]
    usage: Mapping[str, object]
    request_id: str

    @property
    def video_url(self) -> str:
        return str(self.output.get("video_url") or "")

    @property
    def kept_output(self) -> dict[str, object]:
        """`output` without the signed URL, which nobody may read later."""
        return {name: value for name, value in self.output.items() if name != "video_url"}

    def record(self) -> dict[str, object]:
        """The answer without its signed URL."""
        return {
            "output": self.kept_output,
            "usage": dict(self.usage),
            "request_id": self.request_id,
        }


@dataclass(frozen=True, slots=True)
class UploadPolicy:
    """Where a file may be put, and with which fields of the form; `key` names it there."""

    host: str
    key: str
    fields: Mapping[str, str]


# ------------------------------------------------------------------ one request for a task


def read_created(reply: Reply, quote: Quote) -> Created:
    """The task that a POST made. Raises what the answer stands for; OutcomeUnknown for everything
    that is neither a 2xx with one task_id nor a documented refusal.

    A 2xx is an acceptance, whatever else is wrong with it: its task_id is taken even from an
    answer that broke off.
    """
    fields, fault = _read(reply)
    ids = _ids(reply, fields)
    request_id = make_plain_line(fields.get("request_id") or "", LONGEST_ID)
    if reply.ok and len(ids) == 1 and is_task_id(ids[0]):
        return Created(ids[0], request_id)
    if not ids and (refusal := _refusal(reply.status, fields, quote)) is not None:
        raise refusal
    task_id = ids[0] if len(ids) == 1 and is_task_id(ids[0]) else None
    raise OutcomeUnknown(
        _unknown_words(reply, fields, fault, ids, quote),
        code=_code(fields, quote),
        status=reply.status,
        request_id=request_id,
        task_id=task_id,
        unusable_id="" if task_id else _joined(ids, quote),
        hint=_ASK_THE_LIST,
    )


def _unknown_words(
    reply: Reply, fields: Mapping[str, object], fault: str, ids: list[object], quote: Quote
) -> str:
    """Why it is not known whether a task was made."""
    if reply.ok and ids:
        return (
            f"the service accepted the request (HTTP {reply.status}) and calls its task"
            f' "{_joined(ids, quote)}", which is no task id. It is paid, and cannot be asked for by'
            " that name."
        )
    said = _message(fields, quote)
    if said:
        return said
    lacks = (
        "without a task_id"
        if reply.ok
        else "and named a task"
        if ids
        else "without a code of the service"
    )
    return f"the service answered {reply.status} {lacks}{f'; its answer {fault}' if fault else ''}."


def _joined(ids: list[object], quote: Quote) -> str:
    """What stands where one task_id should stand, for people's eyes."""
    return make_plain_line(
        " and ".join(
            quote(task_id if isinstance(task_id, str) else repr(task_id)) for task_id in ids
        )
    )


def _ids(reply: Reply, fields: Mapping[str, object]) -> list[object]:
    """Everything that an answer gives as the id of its task, each once; wherever it stands, when it
    does not stand where it is documented to.
    """
    if not fields:
        return list(find_task_ids(reply.body))
    return _documented_ids(fields) or list(find_task_ids(reply.body))


def _documented_ids(fields: Mapping[str, object]) -> list[object]:
    """What stands where the id of a task is documented to stand, or beside it."""
    output = fields.get("output")
    holders = [holder for holder in (output, fields) if isinstance(holder, dict)]
    ids: list[object] = []
    for holder in holders:
        named = holder.get("task_id")
        if named not in (None, "") and named not in ids:
            ids.append(named)
    return ids


# ------------------------------------------------------------------ every other answer


def read_answer(reply: Reply, quote: Quote) -> Mapping[str, object]:
    """The JSON object of a 2xx. Raises what any other answer to a question stands for: nothing was
    asked for that costs anything.
    """
    fields, fault = _read(reply)
    if reply.ok:
        if fault:
            raise UnfitAnswer(
                f"the service answered {reply.status} with an answer that {fault}.",
                status=reply.status,
            )
        return fields
    refusal = _refusal(reply.status, fields, quote)
    if refusal is not None:
        raise refusal
    status, said, code = reply.status, _message(fields, quote), _code(fields, quote)
    if status == 429 and not code:
        raise Throttled(said or "something on the way answered 429: too many requests.", status=429)
    if 400 <= status < 500 and status not in (408, 425) and not code:
        raise NotTheService(
            f"what answers there is not the task API (HTTP {status}, without an error code of the"
            " service).",
            status=status,
            hint=_ON_THE_WAY,
        )
    raise OutcomeUnknown(
        said or f"the service answered {status}{', a redirect' if 300 <= status < 400 else ''}.",
        code=code,
        status=status,
        request_id=make_plain_line(fields.get("request_id") or "", LONGEST_ID),
    )


def _read(reply: Reply) -> tuple[Mapping[str, object], str]:
    """The fields of an answer; none, and why, for what is no whole JSON object."""
    if reply.cut:
        return {}, reply.cut
    try:
        value = read_json(reply.body)
    except Unfit as error:
        return {}, str(error)
    return (value, "") if isinstance(value, dict) else ({}, "is not a JSON object")


def _code(fields: Mapping[str, object], quote: Quote) -> str:
    """The service's code for an error: words, not a number."""
    code = fields.get("code")
    if not isinstance(code, str) or len(code) > _LONGEST_NAME or code.strip().isdecimal():
        return ""
    return quote(code.strip())


def _message(fields: Mapping[str, object], quote: Quote) -> str:
    message = fields.get("message")
    return quote(message) if isinstance(message, str) else ""


def _refusal(status: int, fields: Mapping[str, object], quote: Quote) -> ServiceError | None:
    """The documented refusal that an answer is: a 4xx whose JSON has a code, known or new.

    Classified by code first, by status second. None for everything else: the service's own fault
    among them (InternalError …), after which nobody knows what was done.
    """
    code, message = _code(fields, quote), _message(fields, quote)
    if not code or not 400 <= status < 500 or status == 408:
        return None
    known = find_code(code, message)
    if known.verdict is Verdict.INTERNAL:
        return None
    kind = _BY_VERDICT.get(known.verdict) or _by_status(status)
    return kind(
        message or f"the service answered {status}.",
        code=code,
        status=status,
        request_id=make_plain_line(fields.get("request_id") or "", LONGEST_ID),
        hint=_ON_THE_WAY if kind is NotTheService else known.advice,
    )


def _by_status(status: int) -> type[ServiceError]:
    if status in (401, 403):
        return Unauthorized
    if status == 429:
        return Throttled
    return NotTheService if status in (404, 405) else Rejected


# ------------------------------------------------------------------ a task


def read_task(fields: Mapping[str, object], task_id: str, quote: Quote) -> TaskAnswer:
    """What the service says of the task that was asked about. Raises UnfitAnswer when it says
    nothing, speaks of another, or contradicts itself.
    """
    output, usage = fields.get("output"), fields.get("usage")
    if not isinstance(output, dict) or not isinstance(output.get("task_status"), str):
        raise UnfitAnswer("the service's answer has no output.task_status.", status=200)
    if output.get("task_id") not in (None, "", task_id):
        raise UnfitAnswer("the service's answer is about another task.", status=200)
    link = output.get("video_url")
    if output["task_status"] in ("FAILED", "CANCELED") and isinstance(link, str) and link:
        # whoever believes the status sends it again, though a video is there, and billed
        words = f"the service's answer says {output['task_status']} and names a video."
        raise UnfitAnswer(words, status=200)
    return TaskAnswer(
        make_plain_line(output["task_status"], _LONGEST_NAME),
        _output(output, quote),
        _keep_fields(_small(usage), quote) if isinstance(usage, dict) else {},
        make_plain_line(fields.get("request_id") or "", LONGEST_ID),
    )


def _output(output: Mapping[str, object], quote: Quote) -> dict[str, object]:
    """What is kept of a task: what the vendor documents, where it is text, and as much beside it as
    a record takes.

    The prompt stays as it came, since it is compared with the one that was sent.
    """
    kept = {}
    for name in _TOLD:
        value = output.get(name)
        if not isinstance(value, str):
            continue
        if name == "video_url":
            kept[name] = value if len(value) <= _LONGEST_URL else ""
        else:
            kept[name] = value[:_LONGEST_PROMPT] if name == "orig_prompt" else quote(value)
    extra = {name: value for name, value in output.items() if name not in _TOLD}
    return {**kept, **_keep_fields(_small(extra), quote)}


def _small(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields, or, of more than a record takes, a few of their numbers."""
    if len(json.dumps(fields)) <= _MOST_EXTRA_BYTES:
        return dict(fields)
    numbers = [(name, n) for name, n in fields.items() if isinstance(n, int | float)]
    return dict(numbers[:_MOST_NUMBERS])


def _keep_fields(fields: Mapping[str, object], quote: Quote) -> dict[str, object]:
    """The fields of an answer, with every text in them fit to be shown."""
    return {make_plain_line(name): _kept(item, quote) for name, item in fields.items()}


def _kept(value: object, quote: Quote) -> object:
    """A value of an answer, with every text in it fit to be shown."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return _keep_fields(value, quote)
    return [_kept(item, quote) for item in value] if isinstance(value, list) else value


# ------------------------------------------------------------------ uploads and results


def upload_policy(fields: Mapping[str, object], name: str) -> UploadPolicy:
    """Where and how a file of that name is put. Raises UnfitAnswer for a policy that cannot be
    used: nothing was put anywhere.
    """
    policy = fields.get("data")
    told = policy if isinstance(policy, dict) else {}
    for part in _POLICY:
        value = told.get(part)
        if not isinstance(value, str) or not value or len(value) > _LONGEST_FIELD:
            raise UnfitAnswer(f"the service's upload policy has no {part} to use.", status=200)
        if make_plain(value) != value:
            raise UnfitAnswer(
                f"{part} of the service's upload policy is no plain text.", status=200
            )
    key = f"{told['upload_dir']}/{name}"
    return UploadPolicy(
        told["upload_host"],
        key,
        {
            "OSSAccessKeyId": told["oss_access_key_id"],
            "Signature": told["signature"],
            "policy": told["policy"],
            "key": key,
            "x-oss-object-acl": told["x_oss_object_acl"],
            "x-oss-forbid-overwrite": told["x_oss_forbid_overwrite"],
            "success_action_status": "200",
        },
    )


def name_storage_error(body: bytes) -> str:
    """The code of an error of the object store, in brackets and after a space; empty where its
    XML has none. Only the beginning is looked at, and nothing in it is believed.
    """
    match = _OBJECT_CODE.search(body[:LONGEST_TEXT])
    return f" ({match.group(1).decode()})" if match else ""


def parse_http_date(text: str) -> float | None:
    """A Date header in seconds since 1970; None for what is none."""
    try:
        read = parsedate_to_datetime(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None

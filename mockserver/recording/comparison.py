"""Puts every recorded request to this server's own rules, and lists what it says otherwise.

A server of its own answers, on a clock that stands still and with media that are as the model takes
them. Each task is brought to the state that the recording shows before the two are compared.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiohttp

from mockserver.accounts import Account, ApiKey
from mockserver.catalogue import Doc, load_catalogue
from mockserver.clock import VirtualClock
from mockserver.media.plan import FilmPlan
from mockserver.media.renderer import MediumPath, Probe
from mockserver.recording.exchange import Answered, Asked, Exchange, Recording, find_task_id
from mockserver.recording.matching import TIME
from mockserver.recording.recorder import UPLOADS, describe_reply
from mockserver.recording.redaction import Redactor, load_rules
from mockserver.recording.shapes import Difference, build_difference, list_differences
from mockserver.recording.upstream import Reply
from mockserver.server import MockServer

TASK_S = 1000.0  # how long a task takes here: 40 of them it waits
_KEY, _NO_KEY = "sk-compare", "sk-nobody"
_TO_RUNNING_S = 41.0
_TO_REFUSED_S = 1.0
_OPEN = ("PENDING", "RUNNING")
_METHODS = ("GET", "POST", "PUT", "DELETE")
_MOVIE, _PICTURE = Probe("video", "mp4", 1280, 720, 5.0), Probe("image", "png", 1280, 720)
_UPLOAD = re.compile(r"oss://(?=upload-\d)")


@dataclass
class Comparison:
    """What came of it: how many exchanges were compared, which not and why, and the differences."""

    recording: Recording
    compared: int = 0
    not_compared: list[tuple[Exchange, str]] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


class _LegalMedia:
    """Stands in place of FFmpeg: every medium is of the form that it is taken for."""

    def probe(self, path: Path, kind: str) -> Probe:
        """A stand-in of a data URI says which form it is of: `image/png 1`."""
        if kind == "video":
            return _MOVIE
        head = path.read_bytes()[:40].decode("ascii", "replace")
        mime = head.partition(" ")[0]
        form = mime.removeprefix("image/").replace("jpg", "jpeg") if "/" in mime else "png"
        return Probe("image", form, _PICTURE.width, _PICTURE.height)

    def render(self, plan: FilmPlan, medium: MediumPath, target: Path) -> None:  # noqa: ARG002
        """Nobody looks at the film."""
        target.write_bytes(base64.b64encode(plan.look.encode()))


async def compare_recording(recording: Recording, **settings: Any) -> Comparison:
    """Compare a recording with this server; `settings` are those of a MockServer."""
    account = Account("default", "1000000000000001", (ApiKey("100001", _KEY),))
    server = MockServer(
        clock=VirtualClock(),
        renderer=_LegalMedia(),
        task_seconds=(TASK_S, TASK_S),
        accounts=(account,),
        region=recording.region,
        **settings,
    )
    headers = {"Accept": "*/*"}
    async with server, aiohttp.ClientSession(headers=headers) as session:
        comparer = _Comparer(recording, server, session)
        await comparer.compare()
    return comparer.result


def _group(
    exchanges: Iterable[Exchange], paths: Doc
) -> tuple[list[tuple[Exchange, list[Exchange]]], list[Exchange]]:
    """Every exchange that made a task, with the later ones about that task; and all others."""
    groups: dict[str, tuple[Exchange, list[Exchange]]] = {}
    others = []
    for exchange in exchanges:
        made = exchange.find_task_id() if exchange.asked.path == paths["create"] else None
        named = _read_task_id(exchange.asked.path, paths["tasks"])
        if made is not None and made not in groups:
            groups[made] = (exchange, [])
        elif named in groups:
            groups[named][1].append(exchange)
        else:
            others.append(exchange)
    return list(groups.values()), others


def _is_below_root(path: str) -> bool:
    """Whether a path stays below the API: a recording may be written to leave it."""
    return not {".", ".."} & set(unquote(unquote(path)).replace("\\", "/").split("/"))


def _read_task_id(path: str, tasks_path: str) -> str:
    """The id of the task that a path names; empty where it names none."""
    if not path.startswith(f"{tasks_path}/"):
        return ""
    return path.removeprefix(f"{tasks_path}/").partition("/")[0]


def _get_status(exchange: Exchange) -> str | None:
    body = exchange.answered.body
    output = body.get("output") if isinstance(body, dict) else None
    status = output.get("task_status") if isinstance(output, dict) else None
    return status if isinstance(status, str) else None


def _resolves_uploads(asked: Asked) -> bool:
    """Whether a request says that its oss:// addresses are to be looked up."""
    return asked.headers.get("x-dashscope-ossresourceresolve", "").lower() == "enable"


def _bend_uploads(value: Any) -> Any:
    """A body in which uploads, which a recording does not hold, are media at some address."""
    if isinstance(value, dict):
        return {key: _bend_uploads(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_bend_uploads(item) for item in value]
    return _UPLOAD.sub("https://uploads.example/", value) if isinstance(value, str) else value


def _is_by_chance(status: int, body: Any) -> bool:
    """Whether an answer, or the `output` of a failed task, says nothing of the request itself."""
    rules = load_rules().document["by_chance"]
    fields = body if isinstance(body, dict) else {}
    code, message = str(fields.get("code", "")), str(fields.get("message", ""))
    return (
        status in rules["statuses"]
        or any(code == known or code.startswith(f"{known}.") for known in rules["codes"])
        or message.startswith(tuple(rules["messages"]))
    )


class _Comparer:
    """One comparison under way."""

    def __init__(
        self, recording: Recording, server: MockServer, session: aiohttp.ClientSession
    ) -> None:
        self.result = Comparison(recording)
        self._server, self._session = server, session
        self._root = server.url
        self._paths = load_catalogue().service["paths"]
        self._good_keys = {
            item.asked.headers.get("authorization")
            for item in recording.exchanges
            if item.answered.status != 401
        }
        self._task_ids: dict[str, str] = {}  # ours, by those in the recording

    async def compare(self) -> None:
        """Compare task by task, and then what belongs to none."""
        fit, odd = [], "no client of the service asks like this"
        for exchange in self.result.recording.exchanges:
            if exchange.asked.method in _METHODS and _is_below_root(exchange.asked.path):
                fit.append(exchange)
            else:
                self.result.not_compared.append((exchange, odd))
        groups, others = _group(fit, self._paths)
        for create, looks in groups:
            await self._compare_task(create, looks)
        for exchange in others:
            reason = self._find_reason(exchange)
            if reason is None:
                await self._compare_one(exchange, None)
            else:
                self.result.not_compared.append((exchange, reason))

    def _find_reason(self, exchange: Exchange) -> str | None:
        """Why an exchange that belongs to no task is not compared; None if it is."""
        if exchange.asked.path == UPLOADS:
            return "a recording holds no files"
        if _is_by_chance(exchange.answered.status, exchange.answered.body):
            return "load, luck or the account decided it"
        is_task = exchange.asked.path.startswith(f"{self._paths['tasks']}/")
        if is_task and exchange.find_task_id() and _get_status(exchange) != "UNKNOWN":
            return "its task was not made in this recording"
        return None

    # ---- tasks

    async def _compare_task(self, create: Exchange, looks: list[Exchange]) -> None:
        """Compare the making of a task, and then each look at it, in order."""
        ours = await self._compare_one(create, None)
        task_id, recorded_id = find_task_id(ours.body), create.find_task_id()
        if task_id is None or recorded_id is None:
            why = "this server did not take the task"
            self.result.not_compared += [(exchange, why) for exchange in looks]
            return
        self._task_ids[recorded_id] = task_id
        rest = iter(looks)
        for exchange in rest:
            reason = await self._bring_to_state(exchange, task_id)
            if reason is not None:
                left = [exchange, *rest]
                self.result.not_compared += [(item, reason) for item in left]
                break
            await self._compare_one(exchange, task_id)
        if self._see_status(task_id) in _OPEN:
            await self._order(task_id, "finish")

    async def _bring_to_state(self, exchange: Exchange, task_id: str) -> str | None:
        """Let our task be as the recorded one was.

        Returns why it cannot be; a difference in what is taken and refused is noted then.
        """
        asked, recorded = exchange.asked, exchange.answered
        if _is_by_chance(recorded.status, recorded.body):
            return "load, luck or the account decided it"
        wanted = _get_status(exchange)
        if asked.method == "POST" and recorded.status != 200:
            wanted = "RUNNING"  # a cancel that was refused
        status = self._see_status(task_id)
        if wanted == "RUNNING" and status == "PENDING":
            self._server.clock.advance(_TO_RUNNING_S)
        elif wanted in ("SUCCEEDED", "CANCELED", "UNKNOWN") and status in _OPEN:
            self._server.clock.advance(_TO_REFUSED_S)
            if self._see_status(task_id) in _OPEN:
                acts = {"SUCCEEDED": "finish", "CANCELED": "cancel", "UNKNOWN": "expire"}
                await self._order(task_id, acts[wanted])
        elif wanted == "FAILED" and status in _OPEN:
            self._server.clock.advance(_TO_REFUSED_S)
            if self._see_status(task_id) in _OPEN:
                return await self._fail(exchange, task_id)
        if asked.method == "GET":
            return self._find_refusal(exchange, task_id, wanted)
        return None

    async def _fail(self, exchange: Exchange, task_id: str) -> str | None:
        """The service failed a task that this server takes: by chance, or by a rule of its own."""
        output = exchange.answered.body["output"]
        code, message = str(output.get("code", "")), str(output.get("message", ""))
        if _is_by_chance(200, output):
            await self._order(task_id, "fail", {"code": code, "message": message})
            return None
        self._note(exchange, "refuses", f"{code}: {message}", "takes it")
        return "the service refused the task, and this server takes it"

    def _find_refusal(self, exchange: Exchange, task_id: str, wanted: str | None) -> str | None:
        """Whether this server fails a task that the service carried out."""
        task = self._see(task_id)
        if wanted not in ("RUNNING", "SUCCEEDED", "FAILED") or task["status"] != "FAILED":
            return None
        output = exchange.answered.body["output"]
        is_chance = _is_by_chance(200, output) and task["code"] != output.get("code")
        if wanted == "FAILED" and not is_chance:
            return None
        self._note(exchange, "accepts", wanted, f"{task['code']}: {task['message']}")
        return "the service took the task, and this server refuses it"

    def _note(self, exchange: Exchange, kind: str, recorded: str, ours: str) -> None:
        place = "output.task_status"
        self.result.differences.append(build_difference(exchange, kind, place, recorded, ours))

    # ---- requests

    async def _compare_one(self, exchange: Exchange, task_id: str | None) -> Answered:
        """Put one request to the server; notes the differences, and returns our answer."""
        asked = exchange.asked
        path = asked.path
        if task_id is not None:
            path = path.replace(_read_task_id(path, self._paths["tasks"]), task_id)
        is_create = asked.path == self._paths["create"]
        body = _bend_uploads(asked.body) if is_create and _resolves_uploads(asked) else asked.body
        names = load_rules().document["headers"]["request"]
        headers = {name: asked.headers[name] for name in names if name in asked.headers}
        authorization = asked.headers.get("authorization")
        if authorization is not None:
            is_bearer = authorization.lower().startswith("bearer ")
            key = _KEY if authorization in self._good_keys else _NO_KEY
            headers["authorization"] = f"Bearer {key}" if is_bearer else key
        ours = await self._ask(asked.method, path, self._bend_query(exchange), headers, body)
        self.result.compared += 1
        self.result.differences += list_differences(exchange, ours)
        return ours

    async def _ask(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any
    ) -> Answered:
        data: dict[str, Any] = {"data": body.encode()} if isinstance(body, str) else {"json": body}
        url = f"{self._root}{path}"
        async with self._session.request(
            method, url, params=query, headers=headers, allow_redirects=False, **data
        ) as response:
            reply = Reply(response.status, response.headers.copy(), await response.read())
        return describe_reply(reply, Redactor(keep_ids=True))

    def _bend_query(self, exchange: Exchange) -> dict[str, str]:
        """A query with our ids of tasks, and without times that lie outside of this server's."""
        query = {
            name: self._task_ids.get(value, value) for name, value in exchange.asked.query.items()
        }
        if exchange.answered.status != 200:
            return query
        return {name: value for name, value in query.items() if not TIME.fullmatch(value)}

    # ---- our own tasks, by the controls

    def _see(self, task_id: str) -> dict[str, Any]:
        return next(task for task in self._server.tasks() if task["task_id"] == task_id)

    def _see_status(self, task_id: str) -> str:
        return str(self._see(task_id)["status"])

    async def _order(self, task_id: str, act: str, document: Any = None) -> None:
        url = f"{self._root.removesuffix('/api/v1')}/_mock/tasks/{task_id}/{act}"
        async with self._session.post(url, json=document or {}) as response:
            response.raise_for_status()

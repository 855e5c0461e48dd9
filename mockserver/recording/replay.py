"""Answers from a recording: what the service said then, in its order and at its pace.

Nothing is made up. What is not in the recording is refused, with the recorded request that is
nearest to it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from mockserver.app import LARGEST_BODY
from mockserver.catalogue import load_catalogue
from mockserver.clock import Clock, RealClock
from mockserver.digest import derive_uuid, encode_compact
from mockserver.errors import ApiError, ObjectError
from mockserver.http.answers import build_api_error, build_object_error
from mockserver.http.index import API
from mockserver.http.listening import Listener, Runnable
from mockserver.recording.exchange import Answered, Asked, Exchange, Recording, read_recording
from mockserver.recording.matching import (
    describe_differences,
    encode_match,
    find_nearest,
)
from mockserver.recording.recorder import UPLOADS, describe_request
from mockserver.recording.redaction import Redactor, load_rules

STORAGE = "/recorded"  # below it lie the addresses that answers name
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://(address-\d+\.example)")
_NO_VIDEO = ObjectError(
    404, "NoSuchKey", "A recording holds no files: this one was only named in an answer."
)


class Replay(Runnable):
    """A server that answers from the recording in `file`. Raises BadRecording when it is none."""

    def __init__(
        self,
        file: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.recording = read_recording(file)
        self._clock = clock or RealClock()
        self._answers = _Answers(self.recording, load_catalogue().service["paths"]["tasks"])
        self._listener = Listener(host, port)
        self._requests = 0

    @property
    def url(self) -> str:
        """Base URL for clients."""
        return f"{self._listener.root_url}{API}"

    async def start(self) -> None:
        """Listen. Raises ServerError."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answer)
        await self._listener.start(app)

    async def stop(self) -> None:
        """Stop listening."""
        await self._listener.stop()

    async def _answer(self, request: web.Request) -> web.Response:
        self._requests += 1
        request_id = derive_uuid(0, "replay", self._requests)
        if request.path.startswith(f"{STORAGE}/"):
            await request.read()
            if request.method != hdrs.METH_POST:
                return build_object_error(_NO_VIDEO, request_id, request.host)
            asked = Asked("POST", UPLOADS)
        else:
            asked = describe_request(request, await request.read(), Redactor(keep_ids=True))
        try:
            answered = self._answers.choose(asked, self._clock.now())
        except ApiError as error:
            return build_api_error(error, request_id)
        return _build_response(answered, f"{request.scheme}://{request.host}")


class _Answers:
    """The answers of a recording, and which of them were given."""

    def __init__(self, recording: Recording, tasks_path: str) -> None:
        self._recording, self._tasks_path = recording, tasks_path
        self._by_match: defaultdict[bytes, list[Exchange]] = defaultdict(list)
        self._given: defaultdict[bytes, int] = defaultdict(int)
        self._task_starts: dict[str, Exchange] = {}
        for exchange in recording.exchanges:
            self._by_match[self._encode(exchange.asked)].append(exchange)
            task_id = exchange.find_task_id()
            if task_id is not None:
                self._task_starts.setdefault(task_id, exchange)
        # When, on the replay's clock, the recording's beginning and that of each task would lie.
        self._started_at: float | None = None
        self._task_started_at: dict[str, float] = {}

    def choose(self, asked: Asked, now: float) -> Answered:
        """The answer to a request at a time. Raises ApiError 404 for what is not recorded."""
        if self._started_at is None:
            self._started_at = now
        match = self._encode(asked)
        exchanges = self._by_match.get(match)
        if not exchanges:
            raise self._miss(asked)
        if self._is_look(asked):
            exchange = self._choose_by_time(asked, exchanges, now)
        else:
            exchange = self._choose_next(match, exchanges)
        task_id = exchange.find_task_id()
        if task_id is not None and self._task_starts[task_id] is exchange:
            self._task_started_at.setdefault(task_id, now - exchange.at_s)
        return exchange.answered

    def _encode(self, asked: Asked) -> bytes:
        """What a request is told by; uploads by nothing but their order."""
        return encode_match(Asked("POST", UPLOADS) if asked.path == UPLOADS else asked)

    def _is_look(self, asked: Asked) -> bool:
        """Whether a request changes nothing: it can be answered again, and with time otherwise."""
        return asked.method == hdrs.METH_GET and asked.path.startswith(self._tasks_path)

    def _choose_by_time(self, asked: Asked, exchanges: list[Exchange], now: float) -> Exchange:
        """The last answer that had been given by this time of the task, or else the first one."""
        task_id = asked.path.removeprefix(self._tasks_path).strip("/")
        started_at = self._task_started_at.get(task_id, self._started_at)
        if task_id and task_id not in self._task_started_at:
            # Its task was not begun in this replay: time counts from the first look at it.
            started_at = self._task_started_at[task_id] = now - exchanges[0].at_s
        assert started_at is not None
        # A thousandth more, because times in a recording are rounded.
        elapsed_s = now - started_at + 0.001
        past = [exchange for exchange in exchanges if exchange.at_s <= elapsed_s]
        return past[-1] if past else exchanges[0]

    def _choose_next(self, match: bytes, exchanges: list[Exchange]) -> Exchange:
        n = self._given[match]
        if n >= len(exchanges):
            last = exchanges[-1]
            raise _build_miss(
                f"{self._recording.path.name} holds this request {len(exchanges)} times, the last"
                f" on {last.name}; this one is more than that."
            )
        self._given[match] += 1
        return exchanges[n]

    def _miss(self, asked: Asked) -> ApiError:
        name = self._recording.path.name
        nearest = find_nearest(asked, self._recording.exchanges)
        if nearest is None:
            return _build_miss(f"{name} holds no requests at all.")
        words = describe_differences(asked, nearest.asked)
        return _build_miss(f"Not in {name}. The nearest is {nearest.name}: {words}.")


def _build_miss(message: str) -> ApiError:
    return ApiError(404, "NotInRecording", message)


def _build_response(answered: Answered, root_url: str) -> web.Response:
    """The recorded answer; the addresses in it lead to the replay, which says what is there."""
    names = load_rules().document["headers"]["answer"]
    headers = {name: answered.headers[name] for name in names if answered.headers.get(name)}
    body = _bend_addresses(answered.body, f"{root_url}{STORAGE}/")
    if body is None:
        return web.Response(status=answered.status, headers=headers)
    data = body.encode() if isinstance(body, str) else encode_compact(body)
    return web.Response(status=answered.status, headers=headers, body=data)


def _bend_addresses(value: Any, storage: str) -> Any:
    if isinstance(value, dict):
        return {key: _bend_addresses(item, storage) for key, item in value.items()}
    if isinstance(value, list):
        return [_bend_addresses(item, storage) for item in value]
    return _ADDRESS.sub(rf"{storage}\1", value) if isinstance(value, str) else value

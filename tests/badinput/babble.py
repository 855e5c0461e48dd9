"""A service that answers whatever a fuzzer draws."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from hypothesis import strategies as st

from mockserver import VirtualClock
from reconciler import Project
from reconciler.apply.outcome import Stop
from reconciler.config import Variables
from reconciler.errors import CutlistError
from reconciler.formats.secret import Secret
from reconciler.report.outcome import write_outcome
from tests.badinput.bending import TEXTS, text
from tests.e2e.bench import Ticking

DAYS = 3 * 86400.0  # of virtual time: then an apply is asked to stop
TALK = 150  # requests: then too


_ID = "0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11"
_HOST = "http://127.0.0.1:9"
ANSWERS: dict[str, Any] = {
    "create": {"request_id": "r", "output": {"task_id": _ID, "task_status": "PENDING"}},
    "fetch": {
        "request_id": "r",
        "output": {
            "task_id": _ID,
            "task_status": "SUCCEEDED",
            "submit_time": "2026-01-01 08:00:00.000",
            "end_time": "2026-01-01 08:00:09.000",
            "orig_prompt": "rain",
            "video_url": f"{_HOST}/r/a.mp4?Signature=s",
        },
        "usage": {
            "duration": 4.0,
            "input_video_duration": 2.0,
            "output_video_duration": 2.0,
            "SR": 720,
        },
    },
    "list": {
        "request_id": "r",
        "total": 1,
        "total_page": 1,
        "page_no": 1,
        "page_size": 10,
        "data": [
            {
                "task_id": _ID,
                "model_name": "wan2.7-videoedit",
                "gmt_create": 1767225600000,
                "status": "PENDING",
            }
        ],
    },
    "policy": {
        "request_id": "r",
        "data": {
            "policy": "p",
            "signature": "s",
            "upload_dir": "dashscope/x",
            "upload_host": f"{_HOST}/upload",
            "oss_access_key_id": "k",
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        },
    },
    "upload": {},
}
_STATUS = st.sampled_from([200] * 6 + [201, 204, 302, 400, 401, 403, 404, 408, 418, 429, 500, 503])
_HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Length", "Content-Encoding", "Content-Type", "Date", "Location", "Retry-After"]
    ),
    st.sampled_from(
        [
            "0",
            "-1",
            "9" * 5000,
            "\xb2",
            "gzip",
            "br",
            "text/html; charset=utf-7",
            "yesterday",
            "http://[",
            "Thu, 01 Jan 9999 00:00:00 -0000",
            "application/json; charset=nonsense",
        ]
    ),
    max_size=2,
)
_ERRORS = st.sampled_from(
    [
        httpx.ConnectError,
        httpx.ReadTimeout,
        httpx.ReadError,
        httpx.RemoteProtocolError,
        httpx.InvalidURL,
    ]
)
_REFUSAL = st.fixed_dictionaries(
    {
        "code": st.sampled_from(
            ["Throttling", "InvalidParameter", "InternalError", "Arrearage", "InvalidURL", "\x1b"]
        ),
        "message": TEXTS,
        "request_id": TEXTS,
    }
)


@st.composite
def answers(draw: st.DrawFn, kind: str) -> Any:
    """What may come back for one kind of request: (status, headers, body), or an error of the
    connection.
    """
    if kind == "download":
        body = draw(st.binary(max_size=300) | st.just(b"\0\0\0\x18ftypmp42" + b"\0" * 200))
    else:
        good = ANSWERS[kind]
        body = draw(
            st.one_of(
                st.just(json.dumps(good).encode()),
                text(good),
                _REFUSAL.map(json.dumps).map(str.encode),
            )
        )
    if draw(st.integers(0, 9)) == 0:
        return draw(_ERRORS)
    plain = draw(st.booleans())
    return (200 if plain else draw(_STATUS)), ({} if plain else draw(_HEADERS)), body


SERVICE = st.fixed_dictionaries(
    {kind: st.lists(answers(kind), min_size=1, max_size=3) for kind in (*ANSWERS, "download")}
)


class Babble(httpx.AsyncBaseTransport):
    """A service that has its answers for each kind of request, over and over; asks to stop when
    that has no end.
    """

    def __init__(self, said: dict[str, list[Any]], stop: Stop, clock: Ticking) -> None:
        self._said, self._stop, self._clock = said, stop, clock
        self._end = clock.now() + DAYS
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests += 1
        if self.requests > TALK or self._clock.now() > self._end:
            self._stop.request("SIGINT")
            await asyncio.sleep(0)
        assert self.requests < 50 * TALK, "it goes on asking for ever"
        said = self._said[self._kind(request)]
        answer = said[self.requests % len(said)]
        if isinstance(answer, type):
            raise (
                answer("trouble")
                if answer is httpx.InvalidURL
                else answer("trouble", request=request)
            )
        status, headers, body = answer
        lines = [(name.encode(), line.encode("latin-1")) for name, line in headers.items()]
        return httpx.Response(status, headers=lines, stream=httpx.ByteStream(body), request=request)

    def _kind(self, request: httpx.Request) -> str:
        path = request.url.path
        if request.method == "POST":
            return "create" if path.endswith("video-synthesis") else "upload"
        if path.endswith("/uploads"):
            return "policy"
        return "list" if path.endswith("/tasks") else "fetch" if "/tasks/" in path else "download"


async def apply(root: Path, said: dict[str, list[Any]]) -> str:
    """The last word of an apply with that service."""
    stop, clock = Stop(), Ticking(VirtualClock())
    opened: Callable[..., Project] = Project.open
    project = opened(root, variables=Variables(Secret("sk-mock")))
    project = Project(project.config, clock, Babble(said, stop, clock))
    try:
        report = await project.apply_async(stop=stop)
    except CutlistError as error:
        return str(error)
    return write_outcome(report) + json.dumps(report.to_json())

"""A small provider on 127.0.0.1, strict about what it is asked: what no page of the provider
documents is a complaint, and a test with a complaint fails.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from aiohttp import web

TOKEN = "tok-0123456789abcdef"
SELF = "cutlist-bot"
Body = dict[str, Any]


@dataclass(frozen=True)
class Pull:
    """A pull request as the tests think of it; each server tells it in its own form."""

    number: int
    head_sha: str | None = "a" * 40
    head_branch: str = "topic"
    base_sha: str = "b" * 40
    fork: bool = False
    fork_gone: bool = False
    draft: bool = False
    title: str = "Rain instead of snow"
    body: str = ""
    author: str = "ada"
    merged_at: float | None = None
    closed: bool = False
    updated_at: float = 1_800_000_000.0

    @property
    def open(self) -> bool:
        return self.merged_at is None and not self.closed


@dataclass
class Note:
    """A comment as the server keeps it."""

    id: int
    author: str
    body: str
    bot: bool = False
    system: bool = False


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Body | None


@dataclass
class Fault:
    """The answer to the next `times` requests that fit, in place of the right one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    times: int = 1
    method: str = ""
    path: str = ""  # a part of it
    breaks_off: bool = False  # before the answer, or, where there is a body, in the middle of it
    after: bool = False  # the request is carried out, and its answer lost

    def fits(self, asked: Asked) -> bool:
        return self.method in ("", asked.method) and self.path in asked.path and self.times > 0


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Host(ABC):
    """What all three have in common. Subclasses add routes and shapes."""

    kind: Literal["github", "gitlab", "gitea"]
    repo: str
    prefix = ""  # of the API
    size = "per_page"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        self.pulls: dict[int, Pull] = {}
        self.notes: dict[int, list[Note]] = {}
        self.statuses: dict[str, list[Body]] = {}
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.complaints: list[str] = []
        self.tells_own_name = True
        self.bot = False  # whether the token is an app's
        self.most = 100
        self.next_id = 100
        self.url = ""
        self._routes: list[tuple[str, str, Callable[..., Any], frozenset[str]]] = []
        self.add_routes()

    # ------------------------------------------------------------------ for tests

    def add(self, *pulls: Pull) -> None:
        self.pulls |= {pull.number: pull for pull in pulls}

    def change(self, number: int, **fields: Any) -> None:
        self.pulls[number] = replace(self.pulls[number], **fields)

    def say(self, number: int, author: str, body: str, **more: Any) -> Note:
        self.next_id += 1
        note = Note(self.next_id, author, body, **more)
        self.notes.setdefault(number, []).append(note)
        return note

    def fail(self, status: int, **more: Any) -> Fault:
        fault = Fault(status, **more)
        self.faults.append(fault)
        return fault

    def methods(self) -> list[str]:
        return [asked.method for asked in self.asked]

    def written(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method != "GET"]

    def make_id(self) -> int:
        self.next_id += 1
        return self.next_id

    # ------------------------------------------------------------------ routes

    @abstractmethod
    def add_routes(self) -> None:
        """What of its API is asked."""

    def route(self, method: str, pattern: str, answer: Callable[..., Any], *params: str) -> None:
        """`pattern` has `*` for one part of a path; `params` are the legal ones of the query."""
        self._routes.append((method, pattern, answer, frozenset(params)))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        path = request.raw_path.partition("?")[0]
        body = json.loads(raw) if raw else None
        asked = Asked(request.method, path.removeprefix(self.prefix), dict(request.query), body)
        self.asked.append(asked)
        self.check_headers(request, raw)
        fault = next((fault for fault in self.faults if fault.fits(asked)), None)
        if fault is None:
            return self.answer(request, asked)
        fault.times -= 1
        if fault.after:
            self.answer(request, asked)
        if fault.breaks_off:
            return await break_off(request, fault)
        return web.Response(status=fault.status, headers=fault.headers, body=fault.body)

    def check_headers(self, request: web.Request, raw: bytes) -> None:
        wanted = {**self.headers, "User-Agent": "cutlist"}
        if raw:
            wanted["Content-Type"] = "application/json"
        for name, value in wanted.items():
            if request.headers.get(name) != value:
                self.complaints.append(f"{request.path}: {name} is {request.headers.get(name)}")

    def answer(self, request: web.Request, asked: Asked) -> web.Response:
        parts = asked.path.split("/")
        for method, pattern, answer, params in self._routes:
            names = pattern.split("/")
            fits = len(names) == len(parts) and all(
                name in ("*", part) for name, part in zip(names, parts, strict=True)
            )
            if not fits or method != asked.method:
                continue
            if not asked.query.keys() <= params:
                self.complaints.append(f"{asked.path}: no such parameter: {dict(asked.query)}")
            arguments = [part for name, part in zip(names, parts, strict=True) if name == "*"]
            found = answer(asked, *arguments)
            return found if isinstance(found, web.Response) else web.json_response(found)
        self.complaints.append(f"no such request: {asked.method} {asked.path}")
        return web.json_response({"message": "Not Found"}, status=404)

    def page(self, asked: Asked, items: Sequence[Body]) -> web.Response:
        """One page of a list, with the headers by which this provider says that it goes on."""
        size, page = int(asked.query[self.size]), int(asked.query["page"])
        size = min(size, self.most)
        shown = list(items[(page - 1) * size : page * size])
        more = page * size < len(items)
        return web.json_response(shown, headers=self.page_headers(page, more))

    def page_headers(self, page: int, more: bool) -> dict[str, str]:
        if not more:
            return {}
        near = f"{self.url}/somewhere?page={page + 1}"
        return {"Link": f'<{near}>; rel="next", <{near}>; rel="last"'}

    def check_fields(self, body: Body | None, must: set[str], may: set[str]) -> None:
        given = set(body or {})
        if not must <= given <= must | may:
            self.complaints.append(f"fields of a body: {sorted(given)}")


async def break_off(request: web.Request, fault: Fault) -> web.StreamResponse:
    """A connection that is closed before its answer is whole."""
    assert request.transport is not None
    response = web.StreamResponse(status=fault.status, headers={"Content-Length": "100000"})
    if fault.body != b"{}":
        await response.prepare(request)
        await response.write(fault.body)
    request.transport.close()
    return response


async def serve(host: Host) -> web.AppRunner:
    """Start a host on a free port of this machine."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", host.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}{host.prefix}"
    return runner

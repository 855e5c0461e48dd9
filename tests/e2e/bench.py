"""A project and the bundled server in one process, on one clock that tests own. Nothing here
sleeps.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import random
import tempfile
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import av
import httpx

from mockserver import MockServer, VirtualClock
from mockserver.media.film_renderer import FilmRenderer
from reconciler import Project
from reconciler.apply.events import Event
from reconciler.apply.outcome import Report, Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from tests.media import write_tone


class Ticking:
    """The reconciler's clock on the server's virtual time: sleeping moves both."""

    def __init__(self, virtual: VirtualClock, seed: int = 0) -> None:
        self._virtual = virtual
        self._random = random.Random(seed)
        self._ids = itertools.count(1)

    def now(self) -> float:
        return self._virtual.now()

    def monotonic(self) -> float:
        return self._virtual.now()

    async def sleep(self, seconds: float) -> None:
        self._virtual.advance(seconds)
        await asyncio.sleep(0)

    def random(self) -> float:
        return self._random.random()

    def new_id(self) -> str:
        return f"id{next(self._ids):08d}"


class SmallFilms(FilmRenderer):
    """Films of the right length and 256x256 pixels, different for every look: bytes matter here,
    not beauty.
    """

    def render(self, plan: Any, medium: Any, target: Path) -> None:
        part = target.with_suffix(".part")
        part.write_bytes(_make_small(int(plan.look[:6], 16), plan.frames / plan.fps, plan.audio))
        part.replace(target)


@functools.cache
def _make_small(colour: int, seconds: float, sound: bool) -> bytes:
    """The bytes of such a film: the same edits come up in test after test."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_video(Path(folder) / "film.mp4", seconds, 256, 256, colour=colour, sound=sound)
        return path.read_bytes()


def write_video(
    path: Path,
    seconds: float,
    width: int = 320,
    height: int = 240,
    *,
    colour: int = 0x3366CC,
    container: str = "mp4",
    sound: bool = False,
) -> Path:
    """A still video of one colour, silent or with a tone."""
    from PIL import Image

    image = Image.new("RGB", (width, height), (colour >> 16 & 255, colour >> 8 & 255, colour & 255))
    frame = av.VideoFrame.from_image(image).reformat(format="yuv420p")
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        tone = out.add_stream("aac", rate=8000, layout="mono") if sound else None
        for frame.pts in range(round(seconds * 30)):
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if tone is not None:
            write_tone(out, tone, round(8000 * seconds))
    return path


class Network(httpx.AsyncBaseTransport):
    """The real network to the server, with trouble on order. `trouble` maps a request to what
    happens to it.
    """

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self.trouble: list[Trouble] = []
        self.requests: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        for trouble in self.trouble:
            if trouble.wants(request):
                return await trouble.strike(request, self._inner.handle_async_request)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Trouble:
    """Something that happens to the first `times` requests of a method whose path holds `part`."""

    def __init__(self, method: str, part: str, act: Callable[..., Any], *, times: int = 1) -> None:
        self.method, self.part, self.act, self.left = method, part, act, times

    def wants(self, request: httpx.Request) -> bool:
        return self.left > 0 and request.method == self.method and self.part in request.url.path

    async def strike(self, request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
        self.left -= 1
        response: httpx.Response = await self.act(request, send)
        return response


async def through(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
    """Nothing happens: the trouble behind it meets the requests that follow."""
    response: httpx.Response = await send(request)
    return response


async def lost_before(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
    """The connection breaks before the server has read anything."""
    raise httpx.ReadError("reset", request=request)


async def lost_after(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
    """The server acts; its answer never arrives."""
    response = await send(request)
    await response.aread()
    await response.aclose()
    raise httpx.ReadTimeout("no answer", request=request)


def answer(status: int, **body: Any) -> Callable[..., Any]:
    """Somebody on the way answers instead of the server."""

    async def act(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
        return (
            httpx.Response(status, json=body)
            if body
            else httpx.Response(status, text="<html>no</html>")
        )

    return act


def failed(code: str, message: str) -> Callable[..., Any]:
    """The task ends FAILED with a code of the service."""

    async def act(request: httpx.Request, send: Callable[..., Any]) -> httpx.Response:
        task_id = request.url.path.rstrip("/").rpartition("/")[2]
        output = {"task_id": task_id, "task_status": "FAILED", "code": code, "message": message}
        return httpx.Response(200, json={"request_id": "r-1", "output": output})

    return act


def split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of these belongs to an ApplyRequest, and what to ApplyHooks."""
    names = {field.name for field in fields(ApplyHooks)}
    hooks = {name: value for name, value in settings.items() if name in names}
    return {name: settings[name] for name in settings.keys() - names}, hooks


CREATE = ("POST", "/video-synthesis")
FETCH = ("GET", "/tasks/")


class Bench:
    """One project folder and the server it renders with."""

    def __init__(
        self, root: Path, server: MockServer, clock: Ticking, virtual: VirtualClock
    ) -> None:
        self.root = root
        self.server = server
        self.clock = clock
        self.virtual = virtual
        self.network = Network()
        self.said: list[str] = []
        self.events: list[Event] = []
        self.write_project()

    def write_project(self, *, name: str = "", **spec: Any) -> None:
        """The project file; without a name the project is called as its folder."""
        named = {"metadata": {"name": name}} if name else {}
        fields = {
            "defaults": {"model": "wan2.7-videoedit", "parameters": {"resolution": "720P"}},
            "prices": {
                "currency": "USD",
                "models": {
                    "wan2.7-videoedit": {"720P": 0.1, "1080P": 0.15},
                    "wan2.1-vace-plus": 0.1,
                },
            },
            **spec,
        }
        (self.root / "cutlist.yaml").write_text(
            json.dumps({"apiVersion": "cutlist/v1", "kind": "Project", **named, "spec": fields})
        )

    def write(self, name: str, text: str) -> None:
        path = self.root / "specs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def edit(
        self,
        name: str,
        prompt: str = "make it rain",
        url: str = "https://clips.example/a.mp4",
        **spec: Any,
    ) -> None:
        """One manifest with one edit."""
        body = {"input": {"prompt": prompt, "media": [{"type": "video", "url": url}]}, **spec}
        self.write_edit(name, body)

    def write_edit(self, name: str, spec: Mapping[str, Any]) -> None:
        """The same, of a `spec` as it stands there."""
        manifest = {
            "apiVersion": "cutlist/v1",
            "kind": "Edit",
            "metadata": {"name": name},
            "spec": spec,
        }
        self.write(f"{name}.yaml", json.dumps(manifest))

    def take_out(self, name: str) -> None:
        """Remove the manifest of an edit."""
        (self.root / "specs" / f"{name}.yaml").unlink()

    def project(self, *, key: str = "sk-mock") -> Project:
        variables = Variables(Secret(key), self.server.url, "")
        return Project.open(
            self.root, variables=variables, clock=self.clock, transport=self.network
        )

    def live_project(self) -> Project:
        """The same server, declared to be a live one in the project file."""
        self.write_project(endpoint=self.server.url, realm="live")
        return Project.open(
            self.root,
            variables=Variables(Secret("sk-mock")),
            clock=self.clock,
            transport=self.network,
        )

    async def apply(
        self, project: Project | None = None, *, stop: Stop | None = None, **settings: Any
    ) -> Report:
        """One apply; `settings` are fields of its request, and of its hooks."""
        request, hooks = split_settings(settings)
        hooks = {"observe": self.events.append, "tell": self.said.append, **hooks}
        return await (project or self.project()).apply_async(
            ApplyRequest(**request), ApplyHooks(**hooks), stop=stop
        )

    async def ask_by_hand(
        self, prompt: str, url: str = "https://clips.example/a.mp4", **parameters: Any
    ) -> str:
        """The id of a task that somebody asked for without this program."""
        media = [{"type": "video", "url": url}]
        body = {
            "model": "wan2.7-videoedit",
            "input": {"prompt": prompt, "media": media},
            "parameters": parameters,
        }
        headers = {"Authorization": "Bearer sk-mock", "X-DashScope-Async": "enable"}
        path = "/services/aigc/video-generation/video-synthesis"
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.server.url}{path}", json=body, headers=headers)
        return str(answer.json()["output"]["task_id"])

    def creates(self) -> int:
        """How many tasks the server was asked to make, successfully or not."""
        return sum(
            1
            for r in self.server.journal()["requests"]
            if r["method"] == "POST" and r["path"].endswith("video-synthesis")
        )

    def billed_tasks(self) -> int:
        return sum(1 for task in self.server.bill()["tasks"] if task["billed_s"])

    def output(self, name: str) -> Path:
        return self.root / "renders" / f"{name}.mp4"

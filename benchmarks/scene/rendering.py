"""What an apply is measured against: the bundled server's API without delay and with ready films, a
host of large files, and projects. Each server is a process of its own.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from aiohttp import web

from mockserver import MockServer
from mockserver.clock import ScaledClock
from mockserver.media.film_renderer import FilmRenderer

CLIP = "https://clips.example/a.mp4"
PROJECT = """\
apiVersion: cutlist/v1
kind: Project
spec:
  endpoint: URL
  realm: mock
  limits: {running_tasks: TASKS}
  defaults: {model: wan2.7-videoedit}
"""
EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: edit-NUMBER}
spec: {input: {prompt: "PROMPT", media: [{type: video, url: "CLIP"}]}}
"""


class ReadyFilms(FilmRenderer):
    """Films that were encoded once for each length; a box at the end makes each one's bytes its
    own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._encoded: dict[int, bytes] = {}

    def render(self, plan: Any, _medium: Any, target: Path) -> None:
        if plan.frames not in self._encoded:
            write_video(target, plan.frames, plan.fps)
            self._encoded[plan.frames] = target.read_bytes()
        look = plan.look.encode()
        box = (8 + len(look)).to_bytes(4, "big") + b"free" + look
        target.write_bytes(self._encoded[plan.frames] + box)


def write_video(path: Path, frames: int, fps: float) -> None:
    """A black film of 256 x 256 pixels."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=round(fps), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        for _ in range(frames):
            out.mux(stream.encode(av.VideoFrame(256, 256, "yuv420p")))
        out.mux(stream.encode())


async def serve_tasks(speed: float) -> None:
    """Tasks end at once; time goes `speed` times as fast."""
    server = MockServer(clock=ScaledClock(speed), renderer=ReadyFilms(), task_seconds=(0.01, 0.02))
    await server.start()
    print(server.url, flush=True)
    await asyncio.Event().wait()


async def serve_files(folder: Path) -> None:
    """/N.mp4 has N bytes."""

    async def give(request: web.Request) -> web.FileResponse:
        size_bytes = int(request.match_info["size"])
        path = folder / f"{size_bytes}.mp4"
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(size_bytes)
        return web.FileResponse(path)

    app = web.Application()
    app.router.add_get(r"/{size:\d+}.mp4", give)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


@contextmanager
def started(*words: object) -> Iterator[str]:
    """A server of this file in a process of its own; its URL."""
    command = [sys.executable, __file__, *map(str, words)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def write_project(root: Path, url: str, jobs: int, *, tasks: int, woven: bool) -> None:
    """A project of `jobs` jobs. Of every three edits of a `woven` one, one is alone, one is shared
    by another edit, and one builds on the first.
    """
    (root / "specs").mkdir()
    (root / "cutlist.yaml").write_text(PROJECT.replace("URL", url).replace("TASKS", str(tasks)))
    for number in range(jobs):
        builds = woven and number % 3 == 1
        clip = f"edit://edit-{number - 1:05}" if builds else CLIP
        text = EDIT.replace("PROMPT", f"Make it rain {number}").replace("CLIP", clip)
        (root / f"specs/{number:05}.yaml").write_text(text.replace("NUMBER", f"{number:05}"))
        if woven and number % 3 == 2:
            (root / f"specs/{number:05}-too.yaml").write_text(
                text.replace("NUMBER", f"{number:05}-too")
            )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["tasks", speed]:
            asyncio.run(serve_tasks(float(speed)))
        case ["files", folder]:
            asyncio.run(serve_files(Path(folder)))

"""How the CPU time of one apply grows with its jobs, against the bundled server's API without
delay.

The server runs in a process of its own, and its films are made beforehand, so that what is measured
is the client alone. Both run their clocks SPEED times as fast: the pace of the service's lanes
takes no time that matters. A third of the jobs share a key with another edit, and a third of the
edits build on another, so that what ends touches others.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av

from mockserver import MockServer
from mockserver.clock import ScaledClock
from mockserver.media.film_renderer import FilmRenderer
from reconciler import Project
from reconciler.config import Variables
from reconciler.formats.secret import Secret
from reconciler.system.clock import SystemClock

SPEED = 20.0
SMALL, LARGE = 100, 1000
ALLOWED = 1.15  # times linear
CLIP = "https://clips.example/a.mp4"
PROJECT = """\
apiVersion: cutlist/v1
kind: Project
spec: {endpoint: "URL", realm: mock, defaults: {model: wan2.7-videoedit}}
"""
EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: edit-NUMBER}
spec: {input: {prompt: "PROMPT", media: [{type: video, url: "CLIP"}]}}
"""


# ---- the server, in a process of its own --------------------------------------------------------


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


async def serve() -> None:
    """Tasks end at once."""
    server = MockServer(clock=ScaledClock(SPEED), renderer=ReadyFilms(), task_seconds=(0.01, 0.02))
    await server.start()
    print(server.url, flush=True)
    await asyncio.Event().wait()


# ---- the client, in a process of its own --------------------------------------------------------


class FastClock(SystemClock):
    """The machine's time, SPEED times as fast."""

    def __init__(self) -> None:
        super().__init__()
        self._begun, self._wall = time.monotonic(), time.time()

    def now(self) -> float:
        return self._wall + self.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._begun) * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


def write_project(root: Path, url: str, jobs: int) -> None:
    """`jobs` jobs: of every three edits one is alone, one is shared, and one builds on the
    first.
    """
    (root / "specs").mkdir()
    (root / "cutlist.yaml").write_text(PROJECT.replace("URL", url))
    for number in range(jobs):
        clip = f"edit://edit-{number - 1:05}" if number % 3 == 1 else CLIP
        text = EDIT.replace("PROMPT", f"Make it rain {number}").replace("CLIP", clip)
        (root / f"specs/{number:05}.yaml").write_text(text.replace("NUMBER", f"{number:05}"))
        if number % 3 == 2:
            (root / f"specs/{number:05}-too.yaml").write_text(
                text.replace("NUMBER", f"{number:05}-too")
            )


def apply(root: Path) -> None:
    """Apply the project, and print CPU seconds of this process alone."""
    project = Project.open(root, variables=Variables(Secret("sk-mock")), clock=FastClock())
    project.plan()  # what is read once is not measured
    before = resource.getrusage(resource.RUSAGE_SELF)
    report = project.apply()
    after = resource.getrusage(resource.RUSAGE_SELF)
    failures = [outcome.error for outcome in report.failures]
    assert report.exit_code == 0, failures[:3]
    print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(jobs: int) -> float:
    """CPU seconds of an apply of that many jobs by a fresh client with a fresh server."""
    me = [sys.executable, __file__]
    server = subprocess.Popen([*me, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder:
            write_project(Path(folder), url, jobs)
            ran = subprocess.run(
                [*me, "apply", folder], check=True, stdout=subprocess.PIPE, text=True
            )
            return float(ran.stdout.split()[-1])
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Print the growth; 1.00 is linear."""
    small_s, large_s = measure(SMALL), measure(LARGE)
    growth = large_s / small_s / (LARGE / SMALL)
    for jobs, cpu_s in ((SMALL, small_s), (LARGE, large_s)):
        print(f"apply of {jobs:5,} jobs   {cpu_s:7.2f} s CPU   {cpu_s / jobs * 1000:5.1f} ms a job")
    print(f"growth                {growth:7.2f} times linear; allowed {ALLOWED}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            asyncio.run(serve())
        case ["apply", folder]:
            apply(Path(folder))
        case _:
            main()

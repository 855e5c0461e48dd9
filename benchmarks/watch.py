"""From a save to the first request in a project of 1,000 manifests, beside the pass it needs."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

import httpx
from scene.making import make_project

from mockserver.threaded import ServerThread
from reconciler import Project
from reconciler.config import Variables
from reconciler.formats.secret import Secret

EDITS = 1000
SAVES = 15
_CHANGED = "  parameters: {watermark: true, seed: 7}"


class Watchful(httpx.AsyncBaseTransport):
    """The network, which notes when a task is asked for."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self.asked_at: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("video-synthesis"):
            self.asked_at.append(time.perf_counter())
        return await self._inner.handle_async_request(request)


def save(root: Path, number: int, seed: int) -> float:
    """Save one manifest with another request; when that was."""
    path = root / "specs" / f"{number:05}.yaml"
    text = path.read_text()
    path.write_text(text.replace(_CHANGED, f"  parameters: {{watermark: true, seed: {seed}}}"))
    return time.perf_counter()


async def measure(root: Path, url: str) -> tuple[list[float], list[float]]:
    """Seconds from each save to its request, and seconds of a pass that finds nothing to do."""
    network = Watchful()
    variables = Variables(Secret("sk-mock"), endpoint=url)
    project = Project.open(root, variables=variables, transport=network)
    floors, delays = [], []
    passes, saved_at = 0, 0.0
    async with aclosing(project.watch()) as watch:
        async for watch_pass in watch:
            await watch_pass.apply()
            if passes:
                delays.append(network.asked_at[-1] - saved_at)
            if passes == SAVES:
                break
            start = time.perf_counter()
            project.run_pass()
            floors.append(time.perf_counter() - start)
            saved_at = save(root, passes, 1000 + passes)
            passes += 1
    return delays, floors


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ServerThread(task_seconds=(0.0, 0.1)) as server:
        root = Path(folder)
        make_project(root, EDITS)
        time.sleep(2.1)  # digests of files younger than 2 s are not remembered
        delays, floors = asyncio.run(measure(root, server.url))
    delay_s, floor_s = statistics.median(delays), statistics.median(floors)
    print(f"a pass over {EDITS} manifests, nothing to do   {floor_s * 1000:6.0f} ms")
    print(
        f"save to first request                      {delay_s * 1000:6.0f} ms  "
        f" {delay_s / floor_s:.2f} times the pass; allowed 500 ms"
    )


if __name__ == "__main__":
    main()

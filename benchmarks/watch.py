"""From a save to the request at the server, with the real `cutlist watch` and the bundled server in
processes of their own, in projects of 1,000 and of 10,000 manifests.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from frame import say, tell_value
from scene.making import CUTLIST, SETTLED_S, make_project, touch_edit

ALLOWED_MS = {1_000: 150, 10_000: 400}
SAVES = 15


@contextlib.contextmanager
def start(*command: object) -> Iterator[IO[str]]:
    """What a process writes to standard output, until the block ends."""
    process = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DASHSCOPE_API_KEY": "sk-mock"},
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        process.communicate()


def wait_for_end(lines: IO[str]) -> None:
    """Until the watch tells that a pass is over, in its words for people."""
    for line in lines:
        if line.startswith(("No changes", "Apply ", "Superseded")):
            return
    raise SystemExit("the watch has ended")


def read_requests(url: str) -> list[float]:
    """When the server was asked for a task, each time."""
    with urllib.request.urlopen(f"{url}/_mock/journal") as answer:
        requests: list[dict[str, Any]] = json.load(answer)["requests"]
    return [
        request["at"]
        for request in requests
        if request["method"] == "POST" and request["path"].endswith("video-synthesis")
    ]


def measure_saves(root: Path, saves: int) -> list[float]:
    """Milliseconds from each of so many saves to its request."""
    delays_ms = []
    server = (sys.executable, "-m", "mockserver", "--port", "0", "--task-seconds", "0", "0.1")
    with start(*server) as said:
        url = said.readline().split()[-1].removesuffix("/api/v1")
        watch = ("-C", root, "watch", "--auto-approve", "--endpoint", url)
        with start(*CUTLIST, *watch) as lines:
            wait_for_end(lines)
            for number in range(saves):
                time.sleep(0.5 + 0.07 * (number % 7))  # not in step with anything
                known = len(read_requests(url))
                touch_edit(root, number, 1000 + number)
                saved_at = time.time()
                wait_for_end(lines)
                asked_at = read_requests(url)[known]
                delays_ms.append((asked_at - saved_at) * 1000)
    return delays_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--saves", type=int, default=SAVES)
    arguments = parser.parse_args()
    for edits, allowed_ms in ALLOWED_MS.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "project"
            say(f"making {edits:,} edits")
            make_project(root, edits)
            time.sleep(SETTLED_S)
            delays_ms = measure_saves(root, arguments.saves)
        claim = f"save to request at the server, {edits:,} manifests"
        tell_value(claim, delays_ms, allowed=allowed_ms, unit="ms")


if __name__ == "__main__":
    main()

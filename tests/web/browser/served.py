"""A page that is served by a process of its own, for a browser to look at: of a project by
`cutlist ui`, of a controller by `cutlist sync --ui`.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.media import make_clip
from tests.repository import Repository
from tests.web.conftest import ask_for
from tests.workspace import PROJECT, manifest

ADDRESS = re.compile(r"http://\S+")
STARTED_WITHIN_S = 120.0


@dataclass
class Served:
    """One `cutlist ui`, or what `verb` says. `address` is that of the page, with its token."""

    root: Path
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] | None = None
    verb: Sequence[str] = ("ui", "--no-open")
    address: str = ""
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Begin to serve; returns once it can be asked."""
        command = [sys.executable, "-m", "reconciler", "-C", str(self.root), *self.verb]
        self.process = subprocess.Popen(
            [*command, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=None if self.environment is None else dict(self.environment),
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := ADDRESS.search(line):
                self.address = found[0]
                return
        raise AssertionError(f"cutlist {self.verb[0]} has ended before it said where the page is")

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        self._end(signal.SIGINT)

    def _end(self, number: int) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(number)
        process.communicate(timeout=STARTED_WITHIN_S)

    @property
    def origin(self) -> str:
        """The address without its path."""
        return self.address.partition("/?")[0].rstrip("/")


def write_repository(root: Path, prompt: str) -> Path:
    """A repository whose last commit asks for one edit, `storm`."""
    (root / "specs" / "media").mkdir(parents=True)
    repository = Repository(root)
    make_clip(root / "specs" / "media" / "ok.mp4")
    (root / "cutlist.yaml").write_text(PROJECT)
    (root / "specs" / "storm.yaml").write_text(manifest("storm", ask_for(prompt)))
    repository.commit("begin")
    return root


def find_port() -> int:
    """A port that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def write_many(root: Path, scenes: int, shots: int) -> Path:
    """A project of `scenes` times `shots` edits without a result, all of one clip."""
    (root / "specs" / "media").mkdir(parents=True)
    make_clip(root / "specs" / "media" / "ok.mp4")
    (root / "cutlist.yaml").write_text(PROJECT)
    spec = {
        "matrix": {"scene": list(range(1, scenes + 1)), "shot": list(range(1, shots + 1))},
        "model": "wan2.7-videoedit",
        "input": {
            "prompt": "Scene ${{ matrix.scene }}, shot ${{ matrix.shot }}: by night",
            "media": [{"type": "video", "url": "./media/ok.mp4"}],
        },
        "parameters": {"resolution": "720P"},
    }
    (root / "specs" / "film.yaml").write_text(manifest("film", spec))
    return root

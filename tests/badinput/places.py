"""Where a fuzzer puts what it has bent: a project in a folder of its own, which tells what was
written.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver import VirtualClock
from reconciler import Project
from reconciler.cli.main import run
from tests.badinput.bending import PROJECT
from tests.e2e.bench import Ticking

WORDS_ONLY = {0, 1, 3, 4, 5, 6, 7}  # exit codes that stand for something said


class Nobody(httpx.AsyncBaseTransport):
    """A network on which nobody answers; it counts who asked."""

    def __init__(self) -> None:
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        raise httpx.ConnectError("nobody", request=request)


class Place:
    """A project folder in a folder of its own, and the real command in it, on virtual time."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.nobody = Nobody()
        self._before = self._files()
        opened = Project.open.__func__  # type: ignore[attr-defined]

        def open_here(cls: Any, path: Any = ".", **given: Any) -> Project:
            made: Project = opened(
                cls, path, **{**given, "clock": Ticking(VirtualClock()), "transport": self.nobody}
            )
            return made

        patch.setattr(Project, "open", classmethod(open_here))

    def write(self, name: str, content: bytes) -> None:
        """Put the bad file there; it counts as what was there before."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(content)
        self._before = self._files()

    def run(self, *arguments: str) -> int:
        """The command's exit code. An exception here is the traceback that a user would
        have met.
        """
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = run(["-C", str(self.root), *arguments])
        assert code in WORDS_ONLY, f"{arguments} ended with {code}"
        return code

    def _files(self) -> dict[str, bytes]:
        top = self.root.parent
        return {
            str(path.relative_to(top)): path.read_bytes()
            for path in sorted(top.rglob("*"))
            if path.is_file()
        }

    def written(self) -> list[str]:
        """Files that are new or changed, but for the program's own folder and what it is asked to
        write.
        """
        own = tuple(
            f"{self.root.name}/{each}"
            for each in (".cutlist/", "renders/", "shelf/", "cutlist.lock")
        )
        now = self._files()
        return [
            name
            for name, data in now.items()
            if self._before.get(name) != data and not name.startswith(own)
        ]


@contextlib.contextmanager
def place(copy_of: Path | None = None) -> Iterator[Place]:
    """A fresh project, or a copy of one."""
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        root = Path(folder) / "film"
        if copy_of is None:
            (root / "specs").mkdir(parents=True)
            (root / "cutlist.yaml").write_text(json.dumps(PROJECT))
        else:
            shutil.copytree(copy_of, root)
        yield Place(root, patch)


def refused_or_fine(here: Place) -> None:
    """It is read by every question; what is refused sends nothing."""
    code = here.run("validate")
    here.run("plan", "--json")
    here.run("status")
    if code != 0:
        assert here.run("apply", "--auto-approve") == code
        assert here.nobody.requests == 0
    assert here.written() == []

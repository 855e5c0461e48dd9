"""A project in a temporary folder, and the real command run in it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run

PROJECT = """\
apiVersion: cutlist/v1
kind: Project
metadata: {name: film}
spec:
  endpoint: mock
  prices: {currency: USD, models: {wan2.7-videoedit: {720P: 0.10, 1080P: 0.15}, wan2.1-vace-plus: 0.10}}
"""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


class Workspace:
    """A project folder. Paths are relative to it."""

    def __init__(self, root: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capfd = capfd
        self.write("cutlist.yaml", PROJECT)

    def write(self, path: str, content: str | bytes) -> Path:
        """Write a file, making its folders."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def take(self, source: Path, *names: str, into: str = "specs/media") -> None:
        """Put files of `source` (all when none is named) into the project; linked, so that holes
        stay holes.
        """
        folder = self.root / into
        folder.mkdir(parents=True, exist_ok=True)
        for name in names or sorted(each.name for each in source.iterdir()):
            os.link(source / name, folder / name)

    def edit(self, name: str, **fields: Any) -> Path:
        """Write specs/NAME.yaml: an edit of media/ok.mp4 at 720P, with further fields of `spec`."""
        spec = {
            "model": "wan2.7-videoedit",
            "input": {
                "prompt": f"Make it {name}",
                "media": [{"type": "video", "url": "./media/ok.mp4"}],
            },
            "parameters": {"resolution": "720P"},
            **fields,
        }
        return self.write(f"specs/{name}.yaml", manifest(name, spec))

    def run(self, *arguments: str) -> Said:
        """Run the command line in this process, as if started in the project."""
        self._capfd.readouterr()
        code = run(["-C", str(self.root), *arguments])
        out, err = self._capfd.readouterr()
        return Said(code, out, err)

    def files(self) -> dict[str, bytes | str]:
        """Every file of the project and its bytes; of a symbolic link its target. Holes and all:
        keep them small.
        """
        found: dict[str, bytes | str] = {}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.is_file():
                found[name] = (
                    path.read_bytes()
                    if path.stat().st_size < 1 << 20
                    else f"{path.stat().st_size} bytes"
                )
        return found


def manifest(name: str, spec: dict[str, Any]) -> str:
    """One document of a manifest."""
    head = f"apiVersion: cutlist/v1\nkind: Edit\nmetadata: {{name: {json.dumps(name)}}}\n"
    return f"{head}spec: {json.dumps(spec, indent=2, ensure_ascii=False)}\n"

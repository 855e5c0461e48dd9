"""Makes projects in a process of its own, so that who measures stays small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CUTLIST = [sys.executable, "-c", "from reconciler.cli import main; main()"]
FLOOR = HERE / "floor.py"
SETTLED_S = 2.1  # digests of files younger than 2 s are not remembered


def make_project(root: Path, edits: int, kind: str = "files") -> None:
    """A project of so many edits, in files or as one matrix, in which everything is rendered."""
    for words in ([kind, root, str(edits)], ["fill", root]):
        subprocess.run([sys.executable, HERE / "projects.py", *words], check=True)


def touch_edit(root: Path, number: int, seed: int) -> None:
    """Change the request of one edit of a project in files."""
    path = root / "specs" / f"{number:05}.yaml"
    head, _, _ = path.read_text().partition("seed: ")
    path.write_text(f"{head}seed: {seed}}}\n")

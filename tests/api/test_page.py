"""docs/python-api.md: its examples run, in order, in a project that `cutlist init` has made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import reconciler
from tests.cli.processes import cutlist, environment
from tests.docs.pages import fences, text

PAGE = "docs/python-api.md"


def test_the_examples_run(tmp_path: Path) -> None:
    """All of them in one program, which prints nothing on standard error."""
    assert cutlist("-C", tmp_path, "init", "film").returncode == 0
    program = tmp_path / "examples.py"
    program.write_text(
        "\n".join(fence.body for fence in fences(text(PAGE)) if fence.info == "python")
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=tmp_path / "film",
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "64 no edit is named" in done.stdout


def test_the_page_names_every_method() -> None:
    """Of Project, except those that only help the commands."""
    helpers = {
        "add_up_today",
        "describe_fate",
        "find_other_ledgers",
        "find_revision",
        "load",
        "run_pass_at",
    }
    methods = {name for name in vars(reconciler.Project) if not name.startswith("_")}
    page = text(PAGE)
    assert {name for name in methods - helpers if f"{name}" not in page} == set()

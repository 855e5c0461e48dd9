"""The real command in a process of its own, as scripts and people run it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.nursery import MAIN, Child, get_nursery

COMMAND = [sys.executable, "-c", "from reconciler.cli import main; main()"]
PATIENCE_S = 180.0
ENCODING = "PYTHONIOENCODING"
SCREEN = ("COLUMNS", "LINES", "FORCE_COLOR", "CI")


def environment(**more: str) -> dict[str, str]:
    """Nothing of the developer's own settings, nor of their terminal, and no colour."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CUTLIST_", "DASHSCOPE_")) and name not in SCREEN
    }
    root = str(Path(__file__).resolve().parents[2])
    return {**kept, "PYTHONPATH": root, "NO_COLOR": "1", **more}


def cutlist(
    *arguments: str | Path, cwd: Path | None = None, program: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `program` is a folder that holds another copy of the packages."""
    words = [*map(str, arguments)]
    if program is None and not any(name.startswith("PYTHON") for name in env.keys() - {ENCODING}):
        encoding = env.get(ENCODING, "utf-8")
        return get_nursery().run(MAIN, words, cwd, environment(**env), PATIENCE_S, encoding)
    if program is not None:
        env = {**env, "PYTHONPATH": str(program)}
    return subprocess.run(
        [*COMMAND, *words],
        cwd=cwd or program,  # `-c` finds modules there first
        env=environment(**env),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )


def started(*arguments: str | Path, **env: str) -> Child:
    """Start a command and go on."""
    return get_nursery().start(MAIN, [*map(str, arguments)], env=environment(**env))


def until(
    condition: Callable[[], Any],
    process: Child | subprocess.Popen[str] | None = None,
    patience_s: float = PATIENCE_S,
) -> Any:
    """Wait for something another process does; fails when that process ends first, or patience
    does.
    """
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if value := condition():
            return value
        if process is not None and process.poll() is not None:
            raise AssertionError(
                f"the process ended with {process.returncode}: {process.communicate()}"
            )
        time.sleep(0.02)
    raise AssertionError("nothing happened in time")

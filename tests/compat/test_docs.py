"""docs/mock-server-clients.md: each example works as it is copied, but for the port; each test it
names exists.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mockserver.threaded import ServerThread
from tests.compat.test_pytest_plugin import run
from tests.docs.pages import fences, section, text

PAGE = text("docs/mock-server-clients.md")
ADDRESS = "http://127.0.0.1:8788/api/v1"


def example(heading: str) -> str:
    """The code below a heading."""
    return next(fences(section(PAGE, heading))).body


def test_the_pytest_example(tmp_path: Path) -> None:
    """Copied into a file of its own, all of its tests pass."""
    (tmp_path / "test_example.py").write_text(example("pytest"))
    done = run(tmp_path, "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_example(server: ServerThread, tmp_path: Path) -> None:
    """Pasted into a shell, it prints the task."""
    script = example("curl").replace(ADDRESS, server.url)
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert json.loads(done.stdout)["output"]["task_status"] == "PENDING"


@pytest.mark.dashscope_server(task_seconds=(0, 0))
def test_the_sdk_example(server: ServerThread, tmp_path: Path) -> None:
    """Run as a script, it prints SUCCEEDED and the address of the video."""
    (tmp_path / "example.py").write_text(
        example("The vendor's Python SDK").replace(ADDRESS, server.url)
    )
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.stdout.startswith("SUCCEEDED http://127.0.0.1:"), done.stderr


def test_the_tests_that_the_table_names() -> None:
    """A row cannot outlive its test."""
    sources = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", section(PAGE, "What is known to work"))
    assert len(named) > 20
    assert [name for name in named if f"def {name}(" not in sources] == []

"""How a process leaves with a large value in its hands."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEAVE = """
import atexit, sys
from reconciler.system.collector import keep_until_exit, leave
atexit.register(lambda: print("taken apart"))
keep_until_exit(object(), {size})
print("said")
sys.stdout.flush()
leave(6)
"""


@pytest.mark.parametrize(("size", "said"), [(3, "said\ntaken apart\n"), (10_000, "said\n")])
def test_what_is_large_is_not_taken_apart(size: int, said: str) -> None:
    """The exit code and what was said are the same; only a small value is cleared away first."""
    done = subprocess.run(
        [sys.executable, "-c", LEAVE.format(size=size)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (6, said, "")

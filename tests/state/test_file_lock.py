"""One process changes a store at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import Locked
from reconciler.state.lock import FileLock

ROOT = Path(__file__).parents[2]
NOW = 1_800_000_000.0
HOLD = """
import sys, os, pathlib
from reconciler.state.lock import FileLock
with FileLock(pathlib.Path(sys.argv[1])).hold(command="cutlist watch", now=0):
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""


def test_the_holder_is_named(tmp_path: Path) -> None:
    """Who comes second is refused at once, and told who holds the lock, since when, and
    what to do.
    """
    with (
        FileLock(tmp_path / "state" / "lock").hold(command="cutlist apply", now=NOW),
        pytest.raises(Locked) as told,
        FileLock(tmp_path / "state" / "lock").hold(command="cutlist apply", now=NOW),
    ):
        pass
    since = "since 2027-01-15 08:00:00 UTC"
    assert (
        told.value.message
        == f"another cutlist is working on this store: cutlist apply, process {os.getpid()},"
        f" {since}."
    )
    assert "the next run collects them" in told.value.hint
    assert told.value.exit_code == 7


def test_free_again(tmp_path: Path) -> None:
    """The lock is free after the block, also after one that raised."""
    for _ in range(2):
        with (
            pytest.raises(ValueError, match="out"),
            FileLock(tmp_path / "lock").hold(command="a", now=NOW),
        ):
            raise ValueError("out")
    with FileLock(tmp_path / "lock").hold(command="a", now=NOW):
        pass


def test_a_killed_holder_frees_it(tmp_path: Path) -> None:
    """Another process that holds the lock is named; killed, it holds nothing any more."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert other.stdout is not None
    pid = other.stdout.readline().strip()
    with (
        pytest.raises(Locked, match=f"cutlist watch, process {pid}, since 1970"),
        FileLock(tmp_path / "lock").hold(command="a", now=NOW),
    ):
        pass
    other.kill()
    other.communicate()
    with FileLock(tmp_path / "lock").hold(command="a", now=NOW):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_holder_that_says_nothing(tmp_path: Path, content: str) -> None:
    """A holder that has not written its name yet is still a holder."""
    with FileLock(tmp_path / "lock").hold(command="a", now=NOW):
        (tmp_path / "lock").write_text(content)
        with (
            pytest.raises(Locked, match="it has just started"),
            FileLock(tmp_path / "lock").hold(command="b", now=NOW),
        ):
            pass

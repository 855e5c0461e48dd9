"""Processes that act: as long as they may, as loud as they may, and nothing is left of them."""

from __future__ import annotations

import os
import select
import subprocess
import threading
from pathlib import Path

import pytest

from reconciler.errors import GitError
from reconciler.system.clock import SystemClock
from reconciler.system.git import process
from reconciler.system.git.process import (
    AskedToStop,
    Done,
    OutOfTime,
    Patience,
    find_program,
    run_process,
)
from tests.clock import FakeClock

ENVIRONMENT = {"PATH": os.environ["PATH"]}


class RushingClock(FakeClock):
    """Each look at it takes a second."""

    def monotonic(self) -> float:
        self.advance(1)
        return super().monotonic()


def run(folder: Path, script: str, patience: Patience | None = None, given: bytes = b"") -> Done:
    patience = patience or Patience(SystemClock(), 30)
    return run_process(["sh", "-c", script], folder, ENVIRONMENT, patience, given)


def has_ended(folder: Path, within_s: float = 10.0) -> bool:
    """Whether the process that wrote its id there ends, or has, or was ended before it wrote one:
    what was killed is gone a moment later.
    """
    try:
        handle = os.pidfd_open(int((folder / "pid").read_text()))
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return True
    try:
        return bool(select.select([handle], [], [], within_s)[0])
    finally:
        os.close(handle)


def test_what_is_said_and_heard(tmp_path: Path) -> None:
    """More on each side than a pipe holds, at the same time."""
    given = b"x" * 300_000
    done = run(tmp_path, "cat; echo no >&2; exit 3", given=given)
    assert done == Done(3, given, "no\n")


def test_who_does_not_listen_is_no_error(tmp_path: Path) -> None:
    """A process may end before it has heard everything; its code says how it went."""
    assert run(tmp_path, "exit 4", given=b"x" * 300_000).code == 4


def test_it_has_no_terminal(tmp_path: Path) -> None:
    """Nothing that it starts can ask a person."""
    assert run(tmp_path, "exec 2>/dev/null; : < /dev/tty").code != 0


@pytest.mark.parametrize(
    "script", ["sleep 60 & echo $! > pid; wait", "trap '' TERM; echo $$ > pid; sleep 60"]
)
def test_out_of_time_ends_everything(
    tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the process has started is ended with it, also where it does not want to hear of it."""
    monkeypatch.setattr(process, "_GRACE_S", 0.1)
    with pytest.raises(OutOfTime):
        run(tmp_path, script, Patience(RushingClock(), 3))
    assert has_ended(tmp_path)


def test_a_wish_to_stop_is_heard(tmp_path: Path) -> None:
    """It was uttered before: the process is ended at once."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(AskedToStop):
        run(tmp_path, "echo $$ > pid; sleep 60", Patience(SystemClock(), 30, stop))
    assert has_ended(tmp_path)


def test_what_it_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """A helper that goes on alone, as a credential cache does, holds nobody up."""
    done = run(tmp_path, "setsid sleep 60 & echo $! > pid; echo done")
    assert (done.code, done.out) == (0, b"done\n")
    assert not has_ended(tmp_path, within_s=0)
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_last_words_just_after_a_glance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process says and ends with, after a glance heard nothing and before it is asked
    whether it has ended, is heard.
    """

    class Late(subprocess.Popen[bytes]):
        def poll(self) -> int | None:
            (tmp_path / "go").touch()
            self.wait()
            return super().poll()

    monkeypatch.setattr(subprocess, "Popen", Late)
    done = run(tmp_path, "while [ ! -e go ]; do sleep 0.01; done; echo late")
    assert done == Done(0, b"late\n", "")


def test_more_than_can_be_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without end is an error; of complaints without end the first are kept."""
    monkeypatch.setattr(process, "MOST_OUTPUT", 1 << 20)
    with pytest.raises(GitError, match="more than 1 MiB"):
        run(tmp_path, "echo $$ > pid; exec yes")
    assert has_ended(tmp_path)
    done = run(tmp_path, "head -c 200000 /dev/zero >&2")
    assert len(done.complaints) == 1 << 16


def test_programs_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are named; what lies in the folder one is in is not taken for them."""
    (tmp_path / "git").write_text("#!/bin/sh\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(GitError, match="git is not installed"):
        find_program("git")
    with pytest.raises(GitError, match="cannot be started"):
        run_process(["/nowhere/git"], tmp_path, {}, Patience(SystemClock(), 1))

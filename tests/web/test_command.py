"""`cutlist ui` at the command line: what it refuses, and how it ends."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspace import Workspace


@pytest.fixture
def film(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Workspace:
    """A project without edits."""
    return Workspace(tmp_path, capfd)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--listen", "0.0.0.0:8080"), "--auth"),
        (("--listen", "films.example:8080"), "--auth"),
        (("--listen", "70000"), "legal is PORT or HOST:PORT"),
        (("--listen", "a\x1b[31mb"), "legal is PORT or HOST:PORT"),
        (("--auth", "everybody"), "legal are tokens:FILE"),
        (("--diff", "HEAD"), "--export"),
    ],
)
def test_slips_are_told_and_nothing_is_served(
    film: Workspace, arguments: tuple[str, ...], words: str
) -> None:
    """Exit code 64, with what is legal."""
    said = film.run("ui", "--no-open", *arguments)
    assert said.code == 64 and words in said.err and "\x1b" not in said.err


def test_port_that_is_taken_is_told(film: Workspace) -> None:
    """Where it is, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = film.run("ui", "--no-open", "--listen", str(taken.getsockname()[1]))
    assert said.code == 1 and "cannot listen on 127.0.0.1" in said.err


def test_ctrl_c_closes_the_page(film: Workspace, tmp_path: Path) -> None:
    """In words and with exit code 0. The browser is sent there by a file of this user alone."""
    tools = tmp_path / "tools"
    tools.mkdir()
    note = tmp_path / "opened"
    opener = tools / ("open" if sys.platform == "darwin" else "xdg-open")
    opener.write_text(f'#!/bin/sh\nls -ld "$(dirname "$1")" > {note}\ncat "$1" >> {note}\n')
    opener.chmod(opener.stat().st_mode | stat.S_IXUSR)
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "-C", str(film.root), "ui"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        while not (
            note.exists() and note.read_text().count("\n") >= 1 and "url=" in note.read_text()
        ):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert "The page is closed." in process.stdout.read()
        assert process.wait() == 0
    told = note.read_text()
    assert told.startswith("drwx------") and address.replace("&", "&amp;") in told

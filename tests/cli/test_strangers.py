"""Words of strangers on the terminal: prompts, labels, paths, authors, and what the
service says.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.apply.events import Event, Phase
from reconciler.cli import progress, screen
from reconciler.cli.board import Board
from reconciler.errors import CutlistError, Fault, InvalidInput, Place
from reconciler.formats.names import is_plain
from reconciler.plan.step import Plan
from reconciler.report.page import Page
from tests.repository import Repository
from tests.workspace import Workspace

LOUD = "\x1b[2J\x1b]0;owned\x07 \x9b31m \x7f \u202eesrever\u2069 \u200bhidden"
COMMANDS = (
    ["validate"],
    ["plan"],
    ["plan", "--json"],
    ["plan", "--markdown"],
    ["plan", "--from", "HEAD"],
    ["plan", "--out", "night.plan"],
    ["show", "night.plan"],
    ["show", "night.plan", "--json"],
    ["diff", "HEAD~1..HEAD"],
    ["diff", "HEAD~1..HEAD", "--json"],
    ["diff", "HEAD~1..HEAD", "--markdown"],
    ["status"],
    ["status", "--json"],
    ["explain", "rain"],
    ["explain", "rain", "--json"],
    ["graph"],
    ["graph", "--dot"],
    ["show", "rain"],
    ["show", "rain", "--json"],
    ["apply"],
    ["log"],
    ["log", "rain"],
    ["log", "--json"],
    ["cost", "--by", "label"],
    ["cost", "--json"],
    ["retake", "rain"],
)


@pytest.fixture
def loud(workspace: Workspace, media: Path) -> Workspace:
    """An edit that was rendered with one loud prompt and asks for another now; loud labels; a loud
    author.
    """
    workspace.take(media, "ok.mp4")
    made = Repository(workspace.root)
    workspace.write(".gitignore", ".cutlist/\nrenders/\n*.plan\n")
    clip = {"type": "video", "url": "./media/ok.mp4"}
    for words in ("quiet", "other"):
        asked = {
            "apiVersion": "cutlist/v1",
            "kind": "Edit",
            "metadata": {"name": "rain", "labels": {"team": LOUD}},
            "spec": {
                "model": "wan2.7-videoedit",
                "input": {"prompt": f"make it {words} {LOUD} rain", "media": [clip]},
            },
        }
        workspace.write("specs/rain.yaml", json.dumps(asked))
        made.git("add", "--all")
        made.git("-c", f"user.name=Eve {LOUD}", "commit", "--quiet", "--message", "loud")
        if words == "quiet":
            assert workspace.run("apply").code == 0
    return workspace


def quiet(text: str) -> bool:
    """Whether a screen would show it all, and do nothing else."""
    return all(is_plain(line) for line in text.split("\n"))


def test_no_command_lets_words_of_others_act(loud: Workspace) -> None:
    """Whatever a manifest or a commit holds, what is printed moves no cursor, hides nothing and
    turns nothing round.
    """
    for command in COMMANDS:
        said = loud.run(*command)
        assert said.code == 0, (command, said)
        assert said.out, command
        assert quiet(said.out + said.err), (command, said)


def test_json_still_has_what_was_written(loud: Workspace) -> None:
    """The same characters, by their numbers: programs lose nothing."""
    said = loud.run("show", "rain", "--json")
    assert json.loads(said.out)["request"]["input"]["prompt"] == f"make it other {LOUD} rain"


def test_one_fault_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """A value with line ends cannot write a line of its own, such as one that says that all is
    well.
    """
    screen.complain(
        InvalidInput(
            [Fault(Place("specs/a.yaml"), 'the name is "x\n1 edit in 1 manifest: all valid.\r"')]
        )
    )
    screen.complain(CutlistError(f"the service said {LOUD}.", hint=f"Look at {LOUD}."))
    said = capfd.readouterr().err
    assert "\n1 edit" not in said
    assert quiet(said)


def test_what_the_service_says_while_it_renders(capfd: pytest.CaptureFixture[str]) -> None:
    """Its messages stay on their line, in a pipe and on a terminal."""
    failed = Event(
        name="rain", phase=Phase.FAILED, at=0.0, note=f"no\nrain: renders/rain.mp4 {LOUD}"
    )
    waiting = Event(name="snow", phase=Phase.WAITING, at=0.0, note=f"for {LOUD}")
    progress.Lines("USD").observe(failed)
    piped = capfd.readouterr().out
    assert piped.count("\n") == 1
    assert quiet(piped)
    nothing = Plan((), "mock", "default", "mock", "USD")
    board = Board(nothing, 0.0)
    board.take_in(waiting)
    drawn = [board.ended(failed, Page(200)), *board.lines(Page(200), 24, 1.0)]
    assert len(drawn) == 3
    assert all(is_plain(span.text) for line in drawn for span in line)

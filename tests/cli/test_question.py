"""The question before money, at real terminals: it is seen, what is typed is seen, nothing moves
before the answer.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from mockserver.threaded import ServerThread
from tests.cli.processes import COMMAND
from tests.e2e.bench import SmallFilms
from tests.terminal import Terminal

WIDTHS = (40, 80, 120, 200)
PROJECT = """\
apiVersion: cutlist/v1
kind: Project
spec:
  endpoint: URL
  realm: live
  prices: {currency: USD, models: {wan2.7-videoedit: {720P: 0.1}}}
"""
EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: rain}
spec:
  model: wan2.7-videoedit
  input:
    prompt: make it rain
    media: [{type: video, url: "https://clips.example/a.mp4"}]
  parameters: {resolution: 720P, duration: 2}
"""
QUESTION = "Do you want to spend at most"


@pytest.fixture
def server() -> Iterator[ServerThread]:
    """A service that takes a moment for a task, so that there is something to look at."""
    with ServerThread(task_seconds=(0.6, 0.6), renderer=SmallFilms()) as thread:
        yield thread


@pytest.fixture
def live(tmp_path: Path, server: ServerThread) -> Path:
    """A project of the live realm at that service, with one edit."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "cutlist.yaml").write_text(PROJECT.replace("URL", server.url))
    (tmp_path / "specs/rain.yaml").write_text(EDIT)
    return tmp_path


def unwrapped(text: str) -> str:
    """The words of a screen, wherever its lines were broken."""
    return "".join(text.split())


def asks(terminal: Terminal) -> bool:
    return unwrapped("'yes' will be accepted:") in unwrapped(terminal.text)


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_question_is_seen_and_answered(live: Path, server: ServerThread, columns: int) -> None:
    """Question whole, typed text beside it, cursor there; the display begins after the answer, and
    the plan and the answer still stand above the last word.
    """
    with Terminal(
        "-C", live, "apply", columns=columns, rows=40, DASHSCOPE_API_KEY="sk-mock"
    ) as terminal:
        terminal.until(asks)
        assert unwrapped(f"{QUESTION} 4.0 s billable, 0.40 USD? Only") in unwrapped(terminal.text)
        assert not terminal.cursor_hidden
        assert b"\x1b[?25l" not in terminal.raw, "something moved before the answer"
        assert not server.bill()["tasks"]
        before = terminal.text
        terminal.type("yes")
        terminal.until(lambda seen: unwrapped(seen.text).endswith("accepted:yes"))
        assert unwrapped(terminal.text) == unwrapped(before + "yes")
        terminal.type("\n")
        terminal.until(lambda seen: "RUNNING" in seen.text or "PENDING" in seen.text)
        terminal.until("Apply complete.")
        assert terminal.end() == 0
        assert not terminal.cursor_hidden
    assert unwrapped(before + "yes") in unwrapped(terminal.all_text)
    assert len(server.bill()["tasks"]) == 1


@pytest.mark.parametrize(("typed", "code"), [("no\n", 1), ("\n", 1), ("\x04", 1), ("\x03", 130)])
def test_any_other_answer_spends_nothing(
    live: Path, server: ServerThread, typed: str, code: int
) -> None:
    """No, nothing, end of file and Ctrl-C: nothing is sent, and no display ever stood there."""
    with Terminal("-C", live, "apply", DASHSCOPE_API_KEY="sk-mock") as terminal:
        terminal.until(asks)
        terminal.type(typed)
        assert terminal.end() == code
        assert b"\x1b[?25l" not in terminal.raw
    assert not server.bill()["tasks"]


def test_the_question_of_a_watch_is_seen(live: Path, server: ServerThread) -> None:
    """`cutlist watch` asks the same way, at each pass that would spend."""
    with Terminal("-C", live, "watch", DASHSCOPE_API_KEY="sk-mock") as terminal:
        terminal.until(asks)
        assert b"\x1b[?25l" not in terminal.raw
        terminal.type("yes\n")
        terminal.until("Apply complete.")
        terminal.signal(signal.SIGINT)
        assert terminal.end() == 0
        assert "Stopped watching." in terminal.all_text
    assert len(server.bill()["tasks"]) == 1


def test_a_file_takes_the_plan_and_the_terminal_the_question(
    live: Path, server: ServerThread, tmp_path: Path
) -> None:
    """With standard output in a file, the question stands on the terminal all the same, and the
    file has the plan and the last word.
    """
    log = tmp_path / "apply.log"
    into_log = ["sh", "-c", f'exec "$0" "$@" > {log}', *COMMAND]
    with Terminal("-C", live, "apply", command=into_log, DASHSCOPE_API_KEY="sk-mock") as terminal:
        terminal.until(asks)
        terminal.type("yes\n")
        assert terminal.end() == 0
    said = log.read_text()
    assert "Plan: 1 to render" in said
    assert "Apply complete. 1 rendered" in said
    assert "\x1b" not in said

"""`cutlist watch` as it is seen: questions, budgets, lines for programs, and what comes after."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import screen
from reconciler.cli.afterwards import Wishes
from reconciler.cli.watching import Settings, Watching
from reconciler.errors import UsageError
from tests.watch.watched import Watched, open_watched, write_edit


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """A fresh project and a fresh server."""
    async with open_watched(tmp_path / "project") as watched:
        yield watched


@pytest.fixture
def live(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The same in the live realm, where a person at a terminal always says yes; the questions."""
    watched.write_project(endpoint=watched.server.url, realm="live")
    questions: list[str] = []

    def confirm(question: str, _wake: int) -> bool:
        questions.append(question)
        return True

    monkeypatch.setattr(screen, "confirm", confirm)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    yield questions


class Shown:
    """What a watch has printed so far."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.out = self.err = ""

    def read(self) -> str:
        """All of it, in one line."""
        out, err = self._capfd.readouterr()
        self.out += out
        self.err += err
        return " ".join(f"{self.out} {self.err}".split())


@asynccontextmanager
async def run_watch(watched: Watched, **settings: Any) -> AsyncIterator[None]:
    """`cutlist watch` in this process, for the length of a block."""
    endpoint = "" if settings.pop("live", False) else watched.server.url
    project = watched.open_project(endpoint=endpoint)
    task = asyncio.ensure_future(Watching(project, Settings(**settings)).run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@contextmanager
def make_program(folder: Path, name: str, script: str) -> Iterator[Path]:
    """A program of that name, first on the way of whoever looks for one."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    try:
        yield program
    finally:
        os.environ["PATH"] = before


async def test_one_question(
    watched: Watched, live: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a budget each further request is asked about; a video that is only written is not."""
    path = watched.edit("film", "rain")
    async with run_watch(watched, live=True):
        await watched.until(watched.output("film").exists)
        watched.output("film").unlink()
        await watched.until(watched.output("film").exists)
        assert len(live) == 1
        path.write_text(write_edit("film", "snow"))
        await watched.until(lambda: len(watched.list_prompts()) == 2)
    assert len(live) == 2


async def test_one_question_for_a_budget(
    watched: Watched, live: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """With --session-budget one yes stands for all of it; beyond it a pass is refused, with the
    figures, and the watch goes on.
    """
    shown = Shown(capfd)
    path = watched.edit("film", "rain")
    async with run_watch(watched, live=True, session_budget=3.2):
        await watched.until(lambda: "Apply complete." in shown.read())
        path.write_text(write_edit("film", "snow"))
        await watched.until(lambda: shown.read().count("Apply complete.") == 2)
        path.write_text(write_edit("film", "hail"))
        await watched.until(lambda: "Still watching." in shown.read())
    assert watched.list_prompts() == ["rain", "snow"] and len(live) == 1
    assert "2.00 of 3.20 were spent in this watch, and --session-budget leaves 1.20." in (
        shown.read()
    )
    assert len(watched.server.bill()["tasks"]) == 2


async def test_lines_for_programs(watched: Watched, capfd: pytest.CaptureFixture[str]) -> None:
    """With --json standard output is JSON lines and nothing else, errors with their places
    included.
    """
    shown = Shown(capfd)
    path = watched.edit("film", "rain")
    async with run_watch(watched, as_json=True):
        await watched.until(lambda: '"event":"end"' in shown.read())
        broken = watched.root.parent / "broken.yaml"
        broken.write_text("kind: [\n")
        broken.replace(path)  # in one step: a file that is empty for a moment is a save of its own
        await watched.until(lambda: '"event":"error"' in shown.read())
    lines = [json.loads(line) for line in shown.out.splitlines()]
    events = [line["event"] for line in lines if line["event"] != "progress"]
    assert events == ["watch", "pass", "plan", "end", "pass", "error"]
    assert lines[1] == {"event": "pass", "cause": "start", "paths": []}
    error = lines[-1]
    assert error["kind"] == "InvalidInput" and error["faults"][0]["file"] == "specs/film.yaml"
    assert lines[-2] == {"event": "pass", "cause": "saved", "paths": ["specs/film.yaml"]}


async def test_a_superseded_pass_is_no_interruption(
    watched: Watched, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its last line says what happened, and the words for a signal are not shown; a signal in the
    next pass ends the watch.
    """
    shown = Shown(capfd)
    path = watched.edit("film", "rain")
    watched.clock.held = True
    project = watched.open_project()
    watching = asyncio.ensure_future(Watching(project, Settings()).run())
    await watched.until_sent(1)
    path.write_text(write_edit("film", "snow"))
    await watched.until_sent(2)
    os.kill(os.getpid(), signal.SIGINT)
    await watched.until(watching.done)
    watching.result()
    said = shown.read()
    assert "specs/film.yaml changed." in said
    head, _, rest = said.partition("Superseded.")
    assert "Still at the service:" in head and "The next pass collects them." in head
    assert "SIGINT" not in head and "Interrupted (SIGINT)." in rest


async def test_many_paths_are_not_all_named(
    watched: Watched, capfd: pytest.CaptureFixture[str]
) -> None:
    """`git switch` may change a thousand files; one line is enough."""
    shown = Shown(capfd)
    watched.edit("film", "rain")
    async with run_watch(watched):
        await watched.until(watched.output("film").exists)
        for number in range(8):
            watched.edit(f"n{number}", "rain")
        await watched.until(lambda: "and 3 more changed." in shown.read())


# ------------------------------------------------------------------ when a video is there


async def render_one(watched: Watched, until: Callable[[], Any], **wishes: Any) -> None:
    """Render a video with wishes for what comes then, until something holds."""
    watched.edit("film", "rain")
    async with run_watch(watched, wishes=Wishes.of(wishes.pop("command", None), **wishes)):
        await watched.until(until)


@pytest.mark.parametrize("command", ["PROGRAM", "PROGRAM of {} here"])
async def test_a_command(watched: Watched, tmp_path: Path, command: str) -> None:
    """It gets the path as its last argument, or where `{}` stands, whole, and through no shell."""
    part, told = tmp_path / "told.part", tmp_path / "told"
    script = f'echo "$# $@" > {part}; mv {part} {told}'
    with make_program(tmp_path, "show it", script) as program:
        await render_one(
            watched,
            (tmp_path / "told").exists,
            command=command.replace("PROGRAM", f"'{program}'"),
            open_it=False,
            notify=False,
        )
    output = watched.output("film")
    expected = f"1 {output}" if command == "PROGRAM" else f"3 of {output} here"
    assert (tmp_path / "told").read_text().strip() == expected


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("false", "` ended with exit code 1."),
        ("/nowhere/player", "` cannot be started: No such file or directory."),
        ("sh -c 'kill -9 $$'", "` was ended by signal 9."),
    ],
)
async def test_a_command_that_fails(
    watched: Watched, capfd: pytest.CaptureFixture[str], command: str, words: str
) -> None:
    """It is told, and the watch goes on: the next save is rendered."""
    shown = Shown(capfd)
    path = watched.edit("film", "rain")
    async with run_watch(watched, wishes=Wishes.of(command, open_it=False, notify=False)):
        await watched.until(lambda: words in shown.read())
        path.write_text(write_edit("film", "snow"))
        await watched.until(lambda: shown.read().count(words) == 2)


async def test_opener_and_notification(watched: Watched, tmp_path: Path) -> None:
    """The opener gets the file; a notification that fails is not heard of."""
    opened, told = tmp_path / "opened", tmp_path / "told"
    with (
        make_program(tmp_path, "xdg-open", f'echo "$1" > {opened}'),
        make_program(tmp_path, "open", f'echo "$1" > {opened}'),
        make_program(tmp_path, "notify-send", f'echo "$4" > {told}; exit 1'),
    ):
        await render_one(
            watched,
            lambda: opened.exists() and opened.read_text().endswith("\n"),
            open_it=True,
            notify=True,
        )
    assert opened.read_text().strip() == str(watched.output("film"))
    assert told.read_text().strip() == "film is rendered: renders/film.mp4"


async def test_opener_that_opens_nothing(
    watched: Watched, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As on a machine without a display: it is told in our words, not in those of the opener."""
    shown = Shown(capfd)
    words = f"! No program of this machine opens {watched.output('film')}: open it by hand."
    complaint = "no method available for opening"
    with (
        make_program(tmp_path, "xdg-open", f"echo {complaint}; echo {complaint} >&2; exit 3"),
        make_program(tmp_path, "open", f"echo {complaint}; echo {complaint} >&2; exit 3"),
    ):
        await render_one(watched, lambda: words in shown.read(), open_it=True, notify=False)
    assert complaint not in shown.read()


async def test_without_programs(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where the system has no opener, that is said; where it shows no notifications, nothing is."""
    monkeypatch.setenv("PATH", "/nowhere")
    shown = Shown(capfd)
    words = "This system has no program that opens files; --open does nothing."
    await render_one(watched, lambda: words in shown.read(), open_it=True, notify=True)
    assert "notify" not in shown.read()


def test_a_command_that_cannot_be_read() -> None:
    """A quotation mark too few is a slip of whoever typed it, told before anything runs."""
    with pytest.raises(UsageError, match="No closing quotation"):
        Wishes.of("mpv 'film", open_it=False, notify=False)

"""Blocks marked `console run` are run, page by page in a folder of their own, and must print
what they show.

A line `…` stands for any number of lines. An HTML comment `edit FILE: OLD => NEW` between blocks
changes a file, as the prose beside it tells the reader to; a comment `write FILE` above a block
writes that block into a file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import fences
from tests.nursery import get_nursery

RUN = "console run"
PATIENCE_S = 300.0  # for one command, on a machine that has other work
ALIASES = {"make demo": "cutlist demo"}  # without making the environment that the test runs in

_WRITE = re.compile(
    r"<!-- write (?P<file>\S+) -->\n+```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_EDIT = re.compile(r"<!-- edit (?P<file>\S+): (?P<old>.*?) => (?P<new>.*?) -->")
_SPAN = re.compile(r"\b(\d+m )?\d+(\.\d+)? s\b(?=[.;]| *\()")  # how long a run took
# how long ago that was, in a column before a path
_AGE = re.compile(r"(?<=  )(\d+[hm] \d\d|\d+)[dhms] +(?=\S+/)")
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ|( \d\d:\d\d)?(?= ))")
# of videos: another machine may encode other bytes
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}…")
# which of several came first is chance
_TASK = re.compile(r"\b[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\b")
_COMMIT = re.compile(
    r"\b[0-9a-f]{7,8}\b(?=[+ )]|$)|(?<=commit )[0-9a-f]{40}\b|(?<=>)[0-9a-f]{12}(?=<)", re.MULTILINE
)
_PLAN = re.compile(r"\b[0-9a-f]{32}\b")
_SINCE = re.compile(r"(?<=  )\d+[smhd] +(?=[A-Z])")  # the same in the middle of a row
_PERSON = {"NAME": "Ada Example", "EMAIL": "ada@example.com"}
_VARIES = {
    _SPAN: "N s",
    _AGE: "AGE  ",
    _MOMENT: "MOMENT",
    _TASK: "TASK",
    _DIGEST: "DIGEST",
    _PLAN: "PLAN",
    _SINCE: "AGE  ",
    _COMMIT: "COMMIT",
}


@dataclass(frozen=True)
class Shown:
    """One command of a page, and what the page says it prints."""

    command: str
    output: str
    at: int  # where the output begins in the page


@dataclass(frozen=True)
class Change:
    """A change that the reader is told to make to a file."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class New:
    """A file that the reader is told to write."""

    file: str
    text: str


def actions(page_text: str) -> Iterator[Shown | Change | New]:
    """What the reader of a page does, in order."""
    steps: list[tuple[int, Shown | Change | New]] = [*list_changes(page_text)]
    for fence in fences(page_text):
        if fence.info == RUN:
            steps += [(command.at, command) for command in commands(fence.body, fence.start)]
    yield from (action for _, action in sorted(steps, key=lambda pair: pair[0]))


def is_run(page_text: str) -> bool:
    """Whether a page shows commands that are run, so that its reader needs its files."""
    return any(isinstance(action, Shown) for action in actions(page_text))


def list_changes(page_text: str) -> Iterator[tuple[int, Change | New]]:
    """What the reader of a page writes, each with where the page says it."""
    for match in _EDIT.finditer(page_text):
        yield match.start(), Change(match["file"], match["old"], match["new"])
    for match in _WRITE.finditer(page_text):
        yield match.start(), New(match["file"], match["text"])


def commands(body: str, start: int = 0) -> list[Shown]:
    """The commands of one block that begins at `start`, each with the lines below it."""
    matches = re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, flags=re.MULTILINE)
    return [Shown(match[1].strip(), match[2], start + match.start(2)) for match in matches]


def replay(page_text: str, folder: Path) -> list[tuple[Shown, str]]:
    """Do what a page says, in `folder`. Returns each command with what it really printed."""
    here, code, done = folder, 0, []
    for action in actions(page_text):
        if isinstance(action, New):
            (folder / action.file).write_text(action.text, encoding="utf-8")
            continue
        if isinstance(action, Change):
            path = folder / action.file
            before = path.read_text(encoding="utf-8")
            assert action.old in before, f"{action.file} does not hold {action.old!r}"
            path.write_text(before.replace(action.old, action.new), encoding="utf-8")
            continue
        if action.command.startswith("cd "):
            here, printed = (here / action.command[3:]).resolve(), ""
        elif action.command == "echo $?":
            printed = f"{code}\n"
        else:
            command = ALIASES.get(action.command, action.command)
            run = subprocess.run(
                ["bash", "-c", command],
                cwd=here,
                env=build_environment(folder),
                stdin=subprocess.DEVNULL,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE_S,
                check=False,
            )
            code, printed = run.returncode, run.stdout
        done.append((action, printed))
    return done


def build_environment(folder: Path) -> Mapping[str, str]:
    """What the commands of a page are started with: the real command, and a person with a name."""
    kept = {name: os.environ[name] for name in ("PYTHONPATH", "TMPDIR") if name in os.environ}
    programs = (get_nursery().programs, Path(sys.executable).parent)
    path = os.pathsep.join([*map(str, programs), os.environ.get("PATH", "")])
    person = {"CUTLIST_APPROVER": "ada"}
    git = {
        f"GIT_{who}_{what}": text
        for who in ("AUTHOR", "COMMITTER")
        for what, text in _PERSON.items()
    }
    return {
        **kept,
        **git,
        **person,
        "PATH": path,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }


def matches(shown: str, printed: str) -> bool:
    """Whether a command printed what the page shows."""
    lines = [
        r"(?:.*\n)*" if line.strip() == "…" else re.escape(line) + r"\n"
        for line in _plain(shown).splitlines()
    ]
    return re.fullmatch("".join(lines), _plain(printed)) is not None


def _plain(text: str) -> str:
    """`text` without what differs from run to run."""
    for pattern, word in _VARIES.items():
        text = pattern.sub(word, text)
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(f"{line}\n" for line in lines)

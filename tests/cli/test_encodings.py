"""Terminals and pipes that are not UTF-8, pipes that nobody reads, disks that are full: nothing
that is printed raises, and the exit code is that of the work.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mockserver.threaded import ServerThread
from reconciler.report.page import SYMBOLS, Page
from tests.cli.processes import MAIN, PATIENCE_S, cutlist, environment
from tests.nursery import get_nursery
from tests.terminal import show

ENCODINGS = ("latin-1", "gbk", "ascii")
PROMPT = "\U0001f3ac 把天空变成水彩 äöü"  # an emoji, Chinese, and Latin-1
PROJECT = """\
apiVersion: cutlist/v1
kind: Project
spec:
  endpoint: mock
  prices: {currency: USD, models: {wan2.7-videoedit: {720P: 0.1}}}
"""
EDIT = f"""\
apiVersion: cutlist/v1
kind: Edit
metadata: {{name: rain}}
spec:
  model: wan2.7-videoedit
  input:
    prompt: {PROMPT}
    media: [{{type: video, url: "https://clips.example/a.mp4"}}]
  parameters: {{resolution: 720P, duration: 2}}
"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose edit was rendered and then changed."""
    root = tmp_path_factory.mktemp("film")
    (root / "specs").mkdir()
    (root / "cutlist.yaml").write_text(PROJECT)
    (root / "specs/rain.yaml").write_text(EDIT.replace("把", "请把"), encoding="utf-8")
    made = cutlist("-C", root, "apply")
    assert made.returncode == 0, made.stderr
    (root / "specs/rain.yaml").write_text(EDIT, encoding="utf-8")
    return root


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "command",
    [["plan"], ["cost"], ["explain", "rain"], ["show", "rain"], ["log", "rain"], ["status"]],
)
def test_every_report_in_every_encoding(rendered: Path, encoding: str, command: list[str]) -> None:
    """The same exit code as in UTF-8, every byte is of the encoding, and no symbol is."""
    answer = cutlist("-C", rendered, *command, PYTHONIOENCODING=encoding)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert not set(answer.stdout) & set(SYMBOLS), answer.stdout
    if encoding == "gbk" and command[0] in ("plan", "show"):
        assert "把天空变成水彩" in answer.stdout


def test_json_loses_nothing(rendered: Path) -> None:
    """Where the encoding lacks a character, JSON has its number."""
    answer = cutlist("-C", rendered, "show", "rain", "--json", PYTHONIOENCODING="ascii")
    again = cutlist("-C", rendered, "show", "rain", "--json", PYTHONIOENCODING="utf-8")
    assert json.loads(answer.stdout) == json.loads(again.stdout)
    assert answer.stdout.isascii()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_failed_apply_has_its_own_code(tmp_path: Path, encoding: str) -> None:
    """The service refuses the prompt: exit 4 in every encoding, and the last word is whole."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "cutlist.yaml").write_text(PROJECT)
    (tmp_path / "specs/rain.yaml").write_text(EDIT, encoding="utf-8")
    refused = {"then": "fail", "code": "DataInspectionFailed", "after_s": 0}
    with ServerThread(scenarios=refused) as server:
        answer = cutlist(
            "-C", tmp_path, "apply", "--endpoint", server.url, PYTHONIOENCODING=encoding
        )
    assert answer.returncode == 4, answer.stdout + answer.stderr
    assert "x rain  DataInspectionFailed" in answer.stdout
    assert "Traceback" not in answer.stderr


def _literals() -> Iterator[str]:
    """Every text in the code of client and server."""
    for package in ("reconciler", "mockserver"):
        for path in (Path(__file__).resolve().parents[2] / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_every_symbol_of_ours_has_a_spelling() -> None:
    """No module writes a character that ASCII terminals would get as a question mark."""
    known = set(SYMBOLS) | {"\ufffd"}
    used = {c for text in _literals() for c in text if not c.isascii()}
    rules = set("。，！？；：、）」』》】\x85\u2028\u2029\ud800\udfff")  # read, and never written
    elsewhere = {"\u200b"}  # keeps a chat from calling somebody; no terminal gets it
    assert used - known - rules - elsewhere == set()
    assert all(Page(encoding="ascii").spelt(c).isascii() or c == "\u00a0" for c in known)


@pytest.mark.parametrize("command", ["plan", "explain rain", "plan --json", "--help", "validate"])
def test_a_reader_that_has_seen_enough(rendered: Path, command: str) -> None:
    """`cutlist plan | head -1`: no words on standard error, and the exit code of the work."""
    program = str(get_nursery().programs / "cutlist")
    script = f'"$0" "$@" {command} | true; echo "${{PIPESTATUS[0]}}"'
    answer = subprocess.run(
        ["bash", "-c", script, program, *([] if command == "--help" else ["-C", str(rendered)])],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (answer.stdout, answer.stderr) == ("0\n", "")


def test_an_apply_whose_reader_goes_renders_all_the_same(tmp_path: Path) -> None:
    """The pipe is closed before the first line: the video is there, the exit code is 0."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "cutlist.yaml").write_text(PROJECT)
    (tmp_path / "specs/rain.yaml").write_text(EDIT, encoding="utf-8")
    program = str(get_nursery().programs / "cutlist")
    script = '"$0" "$@" apply | true; echo "${PIPESTATUS[0]}"'
    answer = subprocess.run(
        ["bash", "-c", script, program, "-C", str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (answer.stdout, answer.stderr) == ("0\n", "")
    assert (tmp_path / "renders/rain.mp4").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told(rendered: Path) -> None:
    """What could not be written is no success."""
    with Path("/dev/full").open("w") as full:
        words = ["-C", str(rendered), "plan", "--json"]
        child = get_nursery().start(MAIN, words, env=environment(), stdout=full)
        _, said = child.communicate(PATIENCE_S)
    assert child.returncode == 1
    assert said == ("error: standard output could not be written: No space left on device.\n")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_terminal_of_another_encoding(rendered: Path, encoding: str) -> None:
    """What people see there is words, not marks of what could not be shown."""
    terminal = show("-C", rendered, "plan", encoding=encoding)
    assert terminal.code == 0
    assert "Plan: 1 to render" in terminal.text
    assert "\ufffd" not in terminal.text
    assert not re.search("[…→·]", terminal.text)

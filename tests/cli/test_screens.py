"""What people see, as a real terminal renders it: of three widths, in four encodings, with and
without colour.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mockserver.threaded import ServerThread
from reconciler.report.page import measure_columns
from tests.cli.processes import cutlist
from tests.e2e.bench import SmallFilms
from tests.terminal import Terminal, show

WIDTHS = (40, 80, 200)
# Characters of each; the first and the last have all that a command may write, and next to nothing.
ENCODINGS = {
    "utf-8": ("plan", "status", "log"),
    "latin-1": ("plan",),
    "gbk": ("plan",),
    "ascii": ("plan", "status", "log"),
}
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PROJECT = """\
apiVersion: cutlist/v1
kind: Project
metadata: {name: film}
spec:
  endpoint: mock
  account: studio
  prices: {currency: USD, models: {wan2.7-videoedit: {720P: 0.1}}}
"""
LONG = "a-very-long-name-of-an-edit-that-nobody-would-like-to-type-twice"
WIDE = "renders/水彩画-电影-🎬-片段.mp4"
CLIP = "https://clips.example/a.mp4"
COMMANDS = ("plan", "status", "log", "log first", "show first", "cost", "graph")


def edit(name: str, url: str, output: str = "", prompt: str = "make it rain") -> str:
    where = output or f"renders/{name}.mp4"
    return (
        f"apiVersion: cutlist/v1\nkind: Edit\nmetadata: {{name: {name}}}\n"
        f"spec:\n  model: wan2.7-videoedit\n  input:\n    prompt: {prompt}\n"
        f'    media: [{{type: video, url: "{url}"}}]\n'
        f'  parameters: {{resolution: 720P, duration: 2}}\n  output: "{where}"\n'
    )


def project(root: Path, *documents: str) -> Path:
    (root / "specs").mkdir(parents=True)
    (root / "cutlist.yaml").write_text(PROJECT)
    (root / "specs/film.yaml").write_text("---\n".join(documents), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One edit that was rendered, and then changed; a chain on it; long and wide names."""
    root = project(tmp_path_factory.mktemp("film"), edit("first", CLIP))
    with ServerThread(task_seconds=(0, 0), renderer=SmallFilms()) as server:
        made = cutlist("-C", root, "apply", "--endpoint", server.url)
    assert made.returncode == 0, made.stderr
    (root / "specs/film.yaml").write_text(
        "---\n".join(
            [
                edit("first", CLIP, prompt="make it snow 把天空变成水彩"),
                edit(LONG, "edit://first"),
                edit("after", f"edit://{LONG}", WIDE),
                edit("beside", "edit://first"),
            ]
        ),
        encoding="utf-8",
    )
    return root


@functools.cache
def look(film: Path, command: str, **options: Any) -> Terminal:
    """A command that changes nothing, at a terminal of 80 columns unless `options` say otherwise:
    the same for every test that looks.
    """
    return show("-C", film, *command.split(), **{"rows": 60, **options})


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_width(film: Path, width: int, command: str) -> None:
    """Each line the program ends is one line of the screen: nothing is broken by the terminal but
    a name in a sentence that is longer than what an indent leaves of a line.
    """
    terminal = look(film, command) if width == 80 else look(film, command, columns=width)
    assert terminal.code == 0
    printed = re.sub(r"\x1b\[[0-9;]*m", "", terminal.raw.decode()).splitlines()
    too_wide = [line for line in printed if measure_columns(line) > width]
    assert [line for line in too_wide if max(map(len, line.split())) < width // 2] == []
    if width >= 80:
        assert too_wide == []


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("colour", [True, False])
def test_every_encoding_with_and_without_colour(film: Path, encoding: str, colour: bool) -> None:
    """The same words everywhere; colour where it is wanted, and nothing but colour differs."""
    wish = {} if colour else {"NO_COLOR": "1"}
    for command in ENCODINGS[encoding]:
        terminal = look(film, command, encoding=encoding, **wish)
        assert terminal.code == 0
        assert "\ufffd" not in terminal.text
        assert (terminal.colours != {"default"}) is colour
        bare = look(film, command, encoding=encoding, TERM="dumb")
        assert bare.raw.find(b"\x1b") == -1
        assert bare.text.split() == terminal.text.split()


def test_colours_mean_what_they_say(film: Path) -> None:
    """New is green, what waits is no alarm, what is out of sync is not red."""
    plan = look(film, "plan")
    assert plan.colours_of("+ first") == {"green"}
    assert "red" not in plan.colours
    status = look(film, "status")
    assert status.colours_of("OutOfSync") == {"brown"}  # yellow, as terminals name it
    assert "red" not in status.colours


def test_forced_and_refused_colour(film: Path) -> None:
    """FORCE_COLOR colours a pipe; NO_COLOR wins; an empty one of either says nothing."""
    forced = cutlist("-C", film, "plan", NO_COLOR="", FORCE_COLOR="1")
    assert "\x1b[32m" in forced.stdout
    assert "\x1b" not in cutlist("-C", film, "plan", NO_COLOR="1", FORCE_COLOR="1").stdout
    assert "\x1b" not in cutlist("-C", film, "plan", NO_COLOR="", FORCE_COLOR="").stdout


def test_names_are_whole_in_a_pipe_and_when_asked(film: Path) -> None:
    """Shortened on a narrow terminal, in the middle; whole in a pipe, with --wide, and in JSON."""
    narrow = look(film, "status")
    assert re.search(r"^a-very-\S*…\S*twice +OutOfSync", narrow.text, re.MULTILINE)
    for command in (["status"], ["plan"], ["graph"]):
        assert LONG in cutlist("-C", film, *command).stdout
    assert LONG in look(film, "status --wide", columns=200).text
    assert LONG in cutlist("-C", film, "status", "--json").stdout


def test_a_chain_is_read_in_its_order(film: Path) -> None:
    """Each edit once, under the one it builds on."""
    lines = cutlist("-C", film, "plan").stdout.splitlines()
    steps = [line for line in lines if re.match(r"  [ │├└─]*[+.] \S+ +renders/", line)]
    assert [line.rstrip().rpartition("  ")[0].rstrip() for line in steps] == [
        "  + first",
        f"  ├─ . {LONG}",
        "  │  └─ . after",
        "  └─ . beside",
    ]


def test_golden_screens(film: Path, golden: Callable[[Path, str], None]) -> None:
    """plan, status and log, as they stand on 80 columns."""
    for name in ("plan", "status", "log"):
        text = look(film, name).text
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-01-01 00:00", text)
        golden(GOLDEN / f"screen-{name}.txt", re.sub(r"http://\S+", "URL", text) + "\n")


# ------------------------------------------------------------------ apply


@pytest.fixture
def by_hand() -> Iterator[ServerThread]:
    """A service whose tasks run until they are told to end."""
    with ServerThread(scenarios={"by_hand": True}, renderer=SmallFilms()) as server:
        yield server


def running(server: ServerThread) -> list[str]:
    """The tasks that nobody has ended yet, in the order in which they came."""
    return [each["task_id"] for each in server.bill()["tasks"] if each["status"] == "RUNNING"]


def done(terminal: Terminal) -> list[str]:
    """The edits that have ended, a line each."""
    return re.findall(r"^(?:✔|ok) (\S+)", terminal.all_text, re.MULTILINE)


def names(terminal: Terminal, word: str) -> list[str]:
    """The edits whose row has this word."""
    return [row.split()[0] for row in terminal.rows if f" {word}" in row]


@pytest.mark.parametrize(("encoding", "width"), [("utf-8", 80), ("ascii", 40)])
def test_apply_shows_the_whole(
    tmp_path: Path, by_hand: ServerThread, encoding: str, width: int
) -> None:
    """How many of how many, the money of the plan's, one line an edit, no more rows than the screen
    has, and every edit that has ended as one line; nothing healthy is red.
    """
    edits = [edit(f"e{number:02}", CLIP, prompt=f"rain {number}") for number in range(9)]
    root = project(tmp_path / "film", *edits, edit(LONG, "edit://e00", WIDE))
    arguments = ("-C", root, "apply", "--endpoint", by_hand.url)
    with Terminal(*arguments, columns=width, rows=7, encoding=encoding) as terminal:
        # What is drawn comes in pieces, and the whole stands in its last row.
        whole = re.compile("0 of 10 done . 0.00 of")
        terminal.until(
            lambda seen: (
                len(names(seen, "RUNNING")) >= 2 and bool(whole.match(seen.text.splitlines()[-1]))
            )
        )
        first = terminal.rows
        assert any(re.search(r"and \d+.* wait", row) for row in first)
        assert "red" not in terminal.colours
        ended = 0
        while ended < 10:
            for task_id in running(by_hand):
                by_hand.finish(task_id)
                ended += 1
            terminal.until(lambda seen, ended=ended: len(done(seen)) >= ended)
            if ended < 10:
                terminal.until(lambda seen: bool(running(by_hand)) and bool(names(seen, "RUNNING")))
                assert len([row for row in terminal.rows if "RUNNING" in row]) <= 6
        terminal.until("Apply complete.")
        assert terminal.end() == 0
    for frame in terminal.frames:
        assert all(measure_columns(row) <= width for row in frame.split("\n"))
    assert len(done(terminal)) == 10
    assert "RUNNING" not in terminal.text
    assert "red" not in terminal.colours


def test_a_failure_is_red_and_counted(tmp_path: Path) -> None:
    """One edit fails: its mark is red, the whole says so, the other is done."""
    root = project(tmp_path / "film", edit("bad", CLIP, prompt="snow"), edit("good", CLIP))
    refused = {"when": {"prompt": "snow"}, "then": "fail", "code": "DataInspectionFailed"}
    orders = [{**refused, "after_s": 0}, {"after_s": 1}]
    with ServerThread(scenarios=orders, renderer=SmallFilms()) as server:
        arguments = ("-C", root, "apply", "--endpoint", server.url)
        with Terminal(*arguments, rows=50) as terminal:
            terminal.until("1 failed")
            assert terminal.colours_of("✗ bad")  # it stands there
            assert "red" in terminal.colours
            assert terminal.end() == 4
    assert re.search(r"^✔ good ", terminal.all_text, re.MULTILINE)


@pytest.mark.parametrize("wish", [{"CI": "true"}, {"TERM": "dumb"}])
def test_nothing_moves_where_it_must_not(tmp_path: Path, wish: dict[str, str]) -> None:
    """In CI and on a terminal that cannot, an apply prints lines, as in a pipe."""
    root = project(tmp_path / "film", edit("first", CLIP))
    with ServerThread(task_seconds=(0, 0), renderer=SmallFilms()) as server:
        terminal = show("-C", root, "apply", "--endpoint", server.url, rows=40, **wish)
    assert terminal.code == 0
    assert "first: renders/first.mp4  4.0 s billed, 0.40 USD" in terminal.text
    assert b"\x1b[?25l" not in terminal.raw

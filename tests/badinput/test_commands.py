"""Slips on the command line and files that commands are given. Each has its words in commands/, and
sends nothing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.state.ledger import SqliteLedger
from tests.repository import Repository
from tests.workspace import Said, Workspace

HERE = Path(__file__).parent / "commands"
SLIPS = {
    "target_unknown": ["plan", "--target", "intr"],
    "target_unknown_label": ["plan", "--target", "campaign=sprung"],
    "exclude_unknown": ["apply", "--auto-approve", "--exclude", "nobody"],
    "exclude_everything": ["plan", "--exclude", "*"],
    "target_without_its_upstream": ["apply", "--target", "poster", "--exclude", "intro"],
}
TASK = "0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11"
HISTORY = {
    "revision_unknown": ["plan", "--from", "mian"],
    "revision_empty": ["plan", "--from", ""],
    "revision_like_an_option": ["plan", "--from=--upload-pack=touch x"],
    "revision_that_moves_the_cursor": ["plan", "--from", "ma\x1b[2Jin"],
    "revision_of_a_file": ["plan", "--from", "main:specs/intro.yaml"],
    "revision_of_two_things": ["diff", "v1..main"],
    "revision_and_out": ["plan", "--from", "main", "--out", "night.plan"],
    "diff_unknown": ["diff", "main...topik"],
    "diff_of_four_dots": ["diff", "main....topic"],
    "diff_of_three_ends": ["diff", "main..topic..main"],
}

NO_VIDEO = {"import_no_file": "none.mp4", "import_a_folder": "specs", "import_a_text": "notes.mp4"}
LOOKING_BACK = {
    "cost_since_a_word": ["cost", "--since", "yesterday"],
    "cost_since_no_day": ["cost", "--since", "2026-02-30"],
    "cost_since_a_short_day": ["cost", "--since", "20260101"],
    "cost_since_in_other_digits": ["cost", "--since", "٢٠٢٦-٠١-٠١"],
    "cost_since_that_moves_the_cursor": ["cost", "--since", "\x1b[2J2026-01-01"],
    "cost_by_unknown": ["cost", "--by", "colour"],
    "cost_of_a_name": ["cost", "intro"],
    "log_unknown": ["log", "intr"],
    "log_of_a_cell_that_is_not": ["log", "shots[n=c]"],
    "show_nothing": ["show"],
    "show_unknown": ["show", "intr"],
    "show_a_matrix": ["show", "shots"],
    "explain_unknown": ["explain", "intr"],
    "models_unknown": ["models", "wan2.7-vidoedit"],
    "models_that_moves_the_cursor": ["models", "wan\x1b[2J\u202e" * 100],
    "explain_a_matrix": ["explain", "shots"],
    "graph_of_a_name": ["graph", "intro"],
}
BY_HAND = {
    "import_nothing": ["import", "intro"],
    "import_both": ["import", "intro", "--task", TASK, "--file", "specs/media/ok.mp4"],
    "import_unknown": ["import", "intr", "--file", "specs/media/ok.mp4"],
    "import_a_matrix": ["import", "shots", "--file", "specs/media/ok.mp4"],
    "import_no_task_id": ["import", "intro", "--task", "../tasks/1"],
    "import_what_waits": ["import", "poster", "--file", "specs/media/ok.mp4"],
}


OF_TAKES = {
    "takes_unknown": ["takes", "intr"],
    "takes_of_a_matrix": ["takes", "shots"],
    "pick_nothing_yet": ["pick", "intro", "1"],
    "pick_what_waits": ["pick", "poster", "1"],
    "pick_zero": ["pick", "intro", "0"],
    "pick_a_word": ["pick", "intro", "second"],
    "open_nothing_yet": ["open", "intro"],
    "extract_nothing_yet": ["extract", "intro", "--take", "2", "x.mp4"],
    "sheet_of_nobody": ["sheet", "intr", "--out", "x.png"],
    "sheet_as_a_film": ["sheet", "intro", "--out", "x.mp4"],
    "sheet_over_a_folder": ["sheet", "intro", "--out", "specs/media"],
}


@pytest.fixture
def film(workspace: Workspace, media: Path) -> Workspace:
    """A project with two edits in a chain and a label."""
    workspace.take(media, "ok.mp4")
    path = workspace.edit("intro")
    path.write_text(
        path.read_text().replace(
            'metadata: {name: "intro"}', "metadata: {name: intro, labels: {campaign: spring}}"
        )
    )
    workspace.edit(
        "poster", input={"prompt": "more", "media": [{"type": "video", "url": "edit://intro"}]}
    )
    return workspace


@pytest.fixture
def history(film: Workspace) -> Workspace:
    """The same, committed on main and topic; v1 is a tag and a branch."""
    made = Repository(film.root)
    film.write(".gitignore", ".cutlist/\n")
    made.commit()
    for arguments in (("branch", "topic"), ("branch", "v1"), ("tag", "v1")):
        made.git(*arguments)
    return film


@pytest.mark.parametrize("case", SLIPS)
def test_slip(case: str, film: Workspace, golden: Callable[[Path, str], None]) -> None:
    """It is refused with exit code 64; nothing is written but the cache."""
    refused(case, film, SLIPS[case], golden)


@pytest.mark.parametrize("case", HISTORY)
def test_slip_about_revisions(
    case: str, history: Workspace, golden: Callable[[Path, str], None]
) -> None:
    """The same, of names that no revision has or that mean no commit."""
    refused(case, history, HISTORY[case], golden)


@pytest.fixture
def shots(film: Workspace) -> Workspace:
    """The film with a matrix of two cells."""
    media = [{"type": "video", "url": "./media/ok.mp4"}]
    film.edit(
        "shots", matrix={"n": ["a", "b"]}, input={"prompt": "shot ${{ matrix.n }}", "media": media}
    )
    return film


@pytest.mark.parametrize("case", LOOKING_BACK)
def test_slip_of_looking_back(
    case: str, shots: Workspace, golden: Callable[[Path, str], None]
) -> None:
    """The same, of the commands that show what was."""
    refused(case, shots, LOOKING_BACK[case], golden)


@pytest.mark.parametrize("case", BY_HAND)
def test_slip_about_what_was_made_by_hand(
    case: str, shots: Workspace, golden: Callable[[Path, str], None]
) -> None:
    """It is refused with exit code 64, and no result, no attempt and no output comes of it."""
    said = shots.run(*BY_HAND[case])
    golden(HERE / f"{case}.txt", transcript(shots, said))
    assert said.code == 64
    assert nothing_came_of_it(shots)


@pytest.mark.parametrize("case", OF_TAKES)
def test_slip_about_takes(case: str, shots: Workspace, golden: Callable[[Path, str], None]) -> None:
    """The same, of the commands about takes; no lock file, no copy and no picture comes of it."""
    said = shots.run(*OF_TAKES[case])
    golden(HERE / f"{case}.txt", transcript(shots, said))
    assert said.code == 64
    assert nothing_came_of_it(shots)
    assert not {*shots.files()} & {"x.png", "x.mp4", "cutlist.lock", ".cutlist/mock/cutlist.lock"}


@pytest.mark.parametrize("case", NO_VIDEO)
def test_import_of_what_is_no_video(
    case: str, film: Workspace, golden: Callable[[Path, str], None]
) -> None:
    """A file that is not valid is refused like any other, with exit code 3."""
    film.write("notes.mp4", "no video")
    said = film.run("import", "intro", "--file", NO_VIDEO[case])
    golden(HERE / f"{case}.txt", transcript(film, said))
    assert said.code == 3
    assert nothing_came_of_it(film)


def test_import_of_a_second_result(film: Workspace, golden: Callable[[Path, str], None]) -> None:
    """An edit has one result for what it asks for; the first one stays."""
    assert film.run("import", "intro", "--file", "specs/media/ok.mp4").code == 0
    before = {
        name: content
        for name, content in film.files().items()
        if not name.endswith(("/lock", "-shm", "-wal"))
    }
    said = film.run("import", "intro", "--file", "specs/media/ok.mp4")
    golden(HERE / "import_a_second_result.txt", transcript(film, said))
    assert said.code == 64
    # the lock says who held it last, and since when
    assert {name: film.files()[name] for name in before} == before


def nothing_came_of_it(film: Workspace) -> bool:
    """No result, no attempt, no output."""
    places = (".cutlist/mock/results/", ".cutlist/mock/blobs/", "renders/")
    made = [name for name in film.files() if name.startswith(places)]
    return not made and film.run("log").out == "Nothing was rendered yet.\n"


def transcript(film: Workspace, said: Said) -> str:
    """What stands on the screen, and the exit code; the project's folder has no name."""
    words = f"{said.err}{said.out}".replace(f"{film.root}/", "").replace(str(film.root), "FOLDER")
    # of a video: another machine may encode other bytes
    words = re.sub(r"\b[0-9a-f]{12}…", "DIGEST…", words)
    assert "Traceback" not in words
    return f"{words}exit {said.code}\n"


@pytest.mark.parametrize(
    "command", ["graph", "cost", "log", "explain intro", "import intro --task x"]
)
def test_outside_a_project(
    command: str, film: Workspace, golden: Callable[[Path, str], None]
) -> None:
    """There is nothing to look at: one error, the same for all."""
    (film.root / "cutlist.yaml").unlink()
    said = film.run(*command.split())
    golden(HERE / "outside_a_project.txt", transcript(film, said))
    assert said.code == 1


@pytest.mark.parametrize("command", ["cost", "log", "plan", "apply --auto-approve"])
def test_books_that_are_damaged(
    command: str, film: Workspace, golden: Callable[[Path, str], None]
) -> None:
    """What nobody can count with is told in one error, and nothing is sent."""
    path = film.root / ".cutlist/mock/ledger.db"
    SqliteLedger.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(
            "insert into attempts (id, key, lane, edit, state, endpoint, created_at,"
            " request_sha256, job, billable_s) values ('a', 'k', 'l', 'intro', 'NOT_SENT', 'mock',"
            " 1e15, '', '[]', 9e999)"
        )
    said = film.run(*command.split())
    golden(HERE / "books_damaged.txt", transcript(film, said))
    assert said.code == 1


def refused(
    case: str, film: Workspace, command: list[str], golden: Callable[[Path, str], None]
) -> None:
    before = film.files()
    said = film.run(*command)
    golden(HERE / f"{case}.txt", transcript(film, said))
    assert said.code == 64
    written = {name for name, content in film.files().items() if before.get(name) != content}
    assert all(name.startswith(".cutlist/cache/") for name in written)

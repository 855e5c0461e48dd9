"""Slips on the command line and files that commands are given. Each has its words in commands/, and sends nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.repository import Repository
from tests.workspace import Workspace

HERE = Path(__file__).parent / "commands"
SLIPS = {
    "target_unknown": ["plan", "--target", "intr"],
    "target_unknown_label": ["plan", "--target", "campaign=sprung"],
    "exclude_unknown": ["apply", "--auto-approve", "--exclude", "nobody"],
    "exclude_everything": ["plan", "--exclude", "*"],
    "target_without_its_upstream": ["apply", "--target", "poster", "--exclude", "intro"],
}
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


@pytest.fixture
def film(workspace: Workspace, media: Path) -> Workspace:
    """A project with two edits in a chain and a label."""
    workspace.take(media, "ok.mp4")
    path = workspace.edit("intro")
    path.write_text(
        path.read_text().replace('metadata: {name: "intro"}', "metadata: {name: intro, labels: {campaign: spring}}")
    )
    workspace.edit("poster", input={"prompt": "more", "media": [{"type": "video", "url": "edit://intro"}]})
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
def test_slip_about_revisions(case: str, history: Workspace, golden: Callable[[Path, str], None]) -> None:
    """The same, of names that no revision has or that mean no commit."""
    refused(case, history, HISTORY[case], golden)


def refused(case: str, film: Workspace, command: list[str], golden: Callable[[Path, str], None]) -> None:
    before = film.files()
    said = film.run(*command)
    golden(HERE / f"{case}.txt", f"{said.err}{said.out}exit {said.code}\n")
    assert said.code == 64
    written = {name for name, content in film.files().items() if before.get(name) != content}
    assert all(name.startswith(".cutlist/cache/") for name in written)

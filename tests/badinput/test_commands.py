"""Slips on the command line and files that commands are given. Each has its words in commands/, and sends nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workspace import Workspace

HERE = Path(__file__).parent / "commands"
SLIPS = {
    "target_unknown": ["plan", "--target", "intr"],
    "target_unknown_label": ["plan", "--target", "campaign=sprung"],
    "exclude_unknown": ["apply", "--auto-approve", "--exclude", "nobody"],
    "exclude_everything": ["plan", "--exclude", "*"],
    "target_without_its_upstream": ["apply", "--target", "poster", "--exclude", "intro"],
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


@pytest.mark.parametrize("case", SLIPS)
def test_slip(case: str, film: Workspace, golden: Callable[[Path, str], None]) -> None:
    """It is refused with exit code 64; nothing is written but the cache."""
    before = film.files()
    said = film.run(*SLIPS[case])
    golden(HERE / f"{case}.txt", f"{said.err}{said.out}exit {said.code}\n")
    assert said.code == 64
    written = {name for name, content in film.files().items() if before.get(name) != content}
    assert all(name.startswith(".cutlist/cache/") for name in written)

"""A project with results, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config import Variables
from reconciler.project import Project
from tests.media import make_clip
from tests.web.stage import copy_project
from tests.workspace import PROJECT, manifest


def ask_for(prompt: str, url: str = "./media/ok.mp4", **fields: object) -> dict[str, object]:
    """The `spec` of an edit."""
    media = [{"type": "video", "url": url}]
    return {
        "model": "wan2.7-videoedit",
        "input": {"prompt": prompt, "media": media},
        "parameters": {"resolution": "720P"},
        **fields,
    }


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory, _state_home: Path) -> Path:
    """A project of two edits, the second on top of the first, both rendered."""
    root = tmp_path_factory.mktemp("rendered")
    (root / "specs" / "media").mkdir(parents=True)
    make_clip(root / "specs" / "media" / "ok.mp4")
    (root / "cutlist.yaml").write_text(PROJECT)
    (root / "specs" / "rain.yaml").write_text(manifest("rain", ask_for("Let it rain")))
    night = manifest("night", ask_for("Make it night", "edit://rain"))
    (root / "specs" / "night.yaml").write_text(night)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(_state_home))
        report = Project.open(root, variables=Variables.read({})).apply()
    assert report.exit_code == 0
    return root


@pytest.fixture
def project(rendered: Path, tmp_path: Path) -> Path:
    """The same, of one's own."""
    return copy_project(rendered, tmp_path / "film")

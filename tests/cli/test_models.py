"""`cutlist models` in a project and outside of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.report.models import write_manifest
from tests.making import MODELS
from tests.workspace import Workspace


def test_models_where_there_is_no_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that are shipped, without prices; nothing is written."""
    assert run(["-C", str(tmp_path), "models", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["models"]
    names = sorted(name for model in told for name in model["names"])
    assert names == sorted(MODELS.by_name)
    assert [model["prices"] for model in told] == [{} for _ in told]
    assert list(tmp_path.iterdir()) == []


def test_an_example_is_planned(workspace: Workspace, media: Path) -> None:
    """What is shown is pasted, its medium is put there, and a plan renders it."""
    workspace.take(media, "ok.mp4")
    (workspace.root / "specs/media/ok.mp4").rename(workspace.root / "specs/media/video.mp4")
    model = MODELS.by_name["wan2.7-videoedit"]
    shown = workspace.run("models", model.model).out
    text = write_manifest(model, model.variants[0])
    assert text in shown
    workspace.write("specs/pasted.yaml", text)
    assert "1 to render" in workspace.run("plan").out

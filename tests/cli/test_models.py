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


TWIN = """\
model: twin-edit
title: Like Wan 2.7, of two to four seconds
extends: wan2.7-videoedit
names: {twin-edit: {singapore: allowed}}
media:
  video: {duration_s: [2, 4]}
variants:
  - parameters:
      properties:
        strength: {type: number, minimum: 0, maximum: 1, default: 0.5, x-warn-absent: say how much}
"""


@pytest.fixture
def twin(workspace: Workspace) -> Workspace:
    """A project with a model of its own, of less than forty lines, and its price."""
    text = (workspace.root / "cutlist.yaml").read_text()
    text = text.replace("wan2.1-vace-plus: 0.10", "twin-edit: 0.30")
    workspace.write("cutlist.yaml", f"{text}  models: [models/*.yaml]\n")
    workspace.write("models/twin.yaml", TWIN)
    assert len(TWIN.splitlines()) <= 40
    return workspace


def test_a_model_of_ones_own_is_shown(twin: Workspace) -> None:
    """With its file, its price, its limits, and what it has from the model that it extends."""
    listed = twin.run("models").out
    assert "models/twin.yaml: Like Wan 2.7" in listed
    shown = twin.run("models", "twin-edit").out
    assert "file     models/twin.yaml" in shown
    assert "twin-edit: 0.3 USD a second" in shown
    assert "2 to 4 s" in shown and "parameters.strength" in shown and "parameters.seed" in shown
    told = json.loads(twin.run("models", "--json").out)["models"]
    assert {model["model"]: model["file"] for model in told} == {
        **{model.model: None for model in MODELS.by_name.values()},
        "twin-edit": "models/twin.yaml",
    }
    assert "Did you mean twin-edit?" in twin.run("models", "twin-edti").err


def test_an_example_of_ones_own_is_rendered(twin: Workspace, media: Path) -> None:
    """Pasted as it is shown, by the bundled server, which reads the same file."""
    twin.take(media, "ok.mp4")
    (twin.root / "specs/media/ok.mp4").rename(twin.root / "specs/media/video.mp4")
    shown = twin.run("models", "twin-edit").out
    example = shown.partition("example:\n")[2].partition("\nsources:")[0]
    twin.write("specs/pasted.yaml", example)
    said = twin.run("apply", "--auto-approve")
    assert said.code == 0, said.err
    [made] = (twin.root / "renders").glob("**/*.mp4")
    assert made.read_bytes()[4:8] == b"ftyp"

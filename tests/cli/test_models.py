"""`cutlist models` in a project and outside of one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import pytest

from reconciler.cli.main import run
from reconciler.report.models import write_manifest
from tests.cli.processes import cutlist
from tests.docs.pages import ROOT
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


NEWER = """\
model: wan9.9-videoedit
title: A model that appeared tomorrow, like Wan 2.7
extends: wan2.7-videoedit
names: {wan9.9-videoedit: {singapore: allowed}}
media:
  video: {duration_s: [2, 20]}
variants:
  - parameters:
      properties:
        resolution: {enum: [480P], default: 480P}
    output:
      fps: 24
      sizes: {480P: {"16:9": 832*480, "4:3": 640*480}, 720P: null, 1080P: null}
"""


def test_a_file_beside_the_shipped_ones_is_all_that_a_new_model_takes(
    tmp_path: Path, workspace: Workspace, media: Path
) -> None:
    """In a copy of the program whose folder of models got one file more, its edit is priced and
    rendered, by the size and the rate that the file says.
    """
    assert len(NEWER.splitlines()) <= 40
    program = tmp_path / "program"
    for name in ("reconciler", "mockserver", "schemas"):
        shutil.copytree(ROOT / name, program / name, ignore=shutil.ignore_patterns("*.pyc"))
    (program / "schemas/models/wan9.9-videoedit.yaml").write_text(NEWER)
    workspace.take(media, "ok.mp4")
    workspace.edit("rain", model="wan9.9-videoedit", parameters={})
    text = (workspace.root / "cutlist.yaml").read_text()
    workspace.write("cutlist.yaml", text.replace("wan2.1-vace-plus:", "wan9.9-videoedit:"))
    here = ("-C", workspace.root)
    assert "4.0 billable seconds, 0.40 USD" in cutlist(*here, "plan", program=program).stdout
    done = cutlist(*here, "apply", "--auto-approve", program=program)
    assert done.returncode == 0, done.stderr
    with av.open(str(workspace.root / "renders/rain.mp4")) as film:
        video = film.streams.video[0]
        assert (video.width, video.height, video.average_rate) == (640, 480, 24)
    shipped = cutlist(*here, "validate")
    assert "wan9.9-videoedit" in shipped.stderr and shipped.returncode == 3


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

"""The page as a folder: whole, a review of two revisions, and what is in its way."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Variables
from reconciler.project import Project
from reconciler.system.files import hash_file
from reconciler.web.export import ExportRequest, export_page
from tests.web.conftest import ask_for
from tests.web.stage import copy_project
from tests.workspace import PROJECT, Workspace, manifest

MEDIUM = re.compile(r'"((?:media|inputs)/[^"]+)"')


@pytest.fixture(scope="session")
def exported(
    rendered: Path, tmp_path_factory: pytest.TempPathFactory, _state_home: Path
) -> tuple[Path, Path]:
    """The rendered project, and its export; what is small is made by now."""
    root = copy_project(rendered, tmp_path_factory.mktemp("exported") / "film")
    folder = root.parent / "page"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(_state_home))
        project = Project.open(root, variables=Variables.read({}))
        assert export_page(project, ExportRequest(folder), print).edits == 2
    return root, folder


@pytest.fixture
def film(
    exported: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Workspace:
    """The same project, of one's own, with the command line."""
    space = Workspace.__new__(Workspace)
    space.root = copy_project(exported[0], tmp_path / "film")
    space._capfd = capfd
    return space


def read_data(folder: Path) -> dict[str, Any]:
    """What the front end reads in the place of the API."""
    text = (folder / "data.js").read_text()
    data: dict[str, Any] = json.loads(text.removeprefix("window.cutlistData = ").rstrip(";\n"))
    return data


def git(root: Path, *words: str) -> None:
    person = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *person, *words], cwd=root, check=True, capture_output=True)


def test_folder_has_all_that_the_page_needs(exported: tuple[Path, Path]) -> None:
    """Every answer, every medium that one of them names, and nothing by the network."""
    folder = exported[1]
    data = read_data(folder)
    paths = ("project", "board", "plan", "cost", "status", "log", "edits/rain", "edits/night")
    assert set(data) == {f"/api/v1/{path}" for path in paths}
    assert not any(data["/api/v1/project"]["may"].values())
    named = set(MEDIUM.findall((folder / "data.js").read_text()))
    assert named and all((folder / path).is_file() for path in named)
    assert {path.suffix for path in (folder / "media").rglob("*.*")} == {".webp", ".mp4"}
    assert not list(folder.rglob("video.mp4"))
    page = (folder / "index.html").read_text()
    assert "//" not in page.replace("<!--", "") and "{base}" not in page
    for name in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (folder / name).is_file(), name


def test_every_environment_comes_along(film: Workspace, tmp_path: Path) -> None:
    """Each with its board and edits; one that is broken is left out and told; `--env` takes one."""
    project = film.root / "cutlist.yaml"
    wide = "draft: {parameters: {resolution: 1080P}}"
    project.write_text(f"{PROJECT}  environments: {{{wide}, bad: {{parameters: {{seed: -9}}}}}}\n")
    folder = tmp_path / "page"
    said = film.run("ui", "--export", str(folder))
    assert (
        said.code == 0 and "4 edits in " in said.out and "environment bad is left out" in said.err
    )
    data = read_data(folder)
    assert data["/api/v1/project"]["environments"] == ["default", "draft"]
    boards = [data["/api/v1/board"], data["/api/v1/board?environment=draft"]]
    assert [board["environment"] for board in boards] == ["default", "draft"]
    assert [board["cards"][1]["action"] for board in boards] == ["keep", "render"]
    rain = data["/api/v1/edits/rain?environment=draft"]
    assert rain["output"] == "renders/draft/rain.mp4"
    assert film.run("ui", "--env", "draft", "--export", str(folder)).code == 0
    data = read_data(folder)
    assert data["/api/v1/project"]["environments"] == ["draft"]
    assert data["/api/v1/board"]["environment"] == "draft"


def test_videos_come_along_when_asked_for(film: Workspace, tmp_path: Path) -> None:
    """Byte for byte."""
    folder = tmp_path / "page"
    said = film.run("ui", "--export", str(folder), "--videos")
    assert said.code == 0 and "2 edits in " in said.out and str(folder) in said.out
    edit = read_data(folder)["/api/v1/edits/rain"]
    assert hash_file(folder / edit["current"]["video"]) == edit["digest"]
    assert (folder / edit["before"][0]["video"]).is_file()


def test_export_is_written_anew_and_over_nothing_else(film: Workspace, tmp_path: Path) -> None:
    """An earlier export is replaced whole; anything else is left alone."""
    folder = tmp_path / "page"
    folder.mkdir()
    assert film.run("ui", "--export", str(folder)).code == 0
    (folder / "left over").write_text("of before")
    assert film.run("ui", "--export", str(folder)).code == 0
    assert not (folder / "left over").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "film.txt").write_text("mine")
    said = film.run("ui", "--export", str(tmp_path / "mine"))
    assert said.code == 64 and "no export" in said.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["film.txt"]
    assert film.run("ui", "--videos").code == 64
    assert film.run("ui", "--diff", "HEAD").code == 64


def test_missing_video_is_left_out_and_told(film: Workspace, tmp_path: Path) -> None:
    """The page still opens: there is no address of what is not there, and its poster was kept."""
    digest = Project.open(film.root).show("rain").results[0].digest
    store = Project.open(film.root).store
    blob: Path = store.blob_path(digest)  # type: ignore[attr-defined]
    size_bytes = blob.stat().st_size
    blob.chmod(0o644)
    blob.write_bytes(bytes(size_bytes))
    said = film.run("ui", "--export", str(tmp_path / "page"), "--videos")
    assert said.code == 0 and "left out" in said.out and digest[:12] in said.err
    assert read_data(tmp_path / "page")["/api/v1/edits/rain"]["current"]["video"] is None


def test_review_has_only_what_changed(film: Workspace, tmp_path: Path) -> None:
    """Before and after of a pull request, from the commits and the store alone."""
    git(film.root, "init", "-q", "-b", "main")
    git(film.root, "add", "cutlist.yaml", "specs")
    git(film.root, "commit", "-q", "-m", "films: rain and night")
    before = Project.open(film.root).show("night").results[0].digest
    night = manifest("night", ask_for("Make it a blue night", "edit://rain"))
    (film.root / "specs" / "night.yaml").write_text(night)
    git(film.root, "commit", "-q", "-am", "films: a blue night")
    assert film.run("apply", "--auto-approve").code == 0
    after = Project.open(film.root).show("night").results[0].digest
    folder = tmp_path / "review"
    said = film.run("ui", "--export", str(folder), "--diff", "HEAD~1..HEAD", "--videos")
    assert said.code == 0 and said.out.startswith("1 edit in ")
    data = read_data(folder)
    assert [card["name"] for card in data["/api/v1/board"]["cards"]] == ["night"]
    assert [change["kind"] for change in data["/api/v1/diff"]["changes"]] == ["changed"]
    edit = data["/api/v1/edits/night"]
    assert edit["digest"] == after != before
    assert edit["before"][0]["digest"] == before
    assert (folder / edit["before"][0]["video"]).is_file()
    for colour in ("grey", "green"):  # neither is rendered: no picture stands for what it is not of
        asked = ask_for(f"Make it a {colour} night", "edit://rain")
        (film.root / "specs" / "night.yaml").write_text(manifest("night", asked))
        git(film.root, "commit", "-q", "-am", f"films: a {colour} night")
    assert film.run("ui", "--export", str(folder), "--diff", "HEAD~1..HEAD").code == 0
    unseen = read_data(folder)["/api/v1/edits/night"]
    assert [medium["kind"] for medium in unseen["before"]] == ["edit"]
    assert film.run("ui", "--export", str(folder), "--diff", "nowhere..HEAD").code == 64
    assert (folder / "index.html").is_file()  # a slip takes nothing away


def test_review_has_the_inputs_of_its_commit(film: Workspace, tmp_path: Path) -> None:
    """No page has kept a picture of the clip, and the work tree has another one: it is drawn from
    the commit.
    """
    git(film.root, "init", "-q", "-b", "main")
    git(film.root, "add", "cutlist.yaml", "specs")
    git(film.root, "commit", "-q", "-m", "films: rain and night")
    (film.root / "specs" / "rain.yaml").write_text(manifest("rain", ask_for("Let it pour")))
    git(film.root, "commit", "-q", "-am", "films: let it pour")
    clip = film.root / "specs" / "media" / "ok.mp4"
    digest = hash_file(clip)
    clip.write_bytes((film.root / "renders" / "rain.mp4").read_bytes())
    shutil.rmtree(Project.open(film.root).config.cache_dir / "stills" / "inputs")
    folder = tmp_path / "review"
    said = film.run("ui", "--export", str(folder), "--diff", "HEAD~1..HEAD", "--videos")
    assert said.code == 0 and "left out" not in said.out + said.err
    (medium,) = [
        one for one in read_data(folder)["/api/v1/edits/rain"]["before"] if one["kind"] == "file"
    ]
    assert medium["digest"] == hash_file(folder / medium["video"]) == digest
    assert all((folder / medium[still]).is_file() for still in ("poster", "preview", "filmstrip"))


def test_review_needs_no_whole_work_tree(film: Workspace, tmp_path: Path) -> None:
    """Two commits are shown, costs and all, whatever the work tree's manifests have come to."""
    git(film.root, "init", "-q", "-b", "main")
    git(film.root, "add", "cutlist.yaml", "specs")
    git(film.root, "commit", "-q", "-m", "films: rain and night")
    (film.root / "specs" / "rain.yaml").write_text(manifest("rain", ask_for("Let it pour")))
    git(film.root, "commit", "-q", "-am", "films: let it pour")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert film.run("ui", "--export", str(whole), "--diff", "HEAD~1...HEAD").code == 0
    (film.root / "specs" / "rain.yaml").write_text("no manifest")
    said = film.run("ui", "--export", str(broken), "--diff", "HEAD~1...HEAD")
    assert said.code == 0 and said.err == ""
    first, second = read_data(whole), read_data(broken)
    assert second.keys() == first.keys()
    assert second["/api/v1/cost"] == first["/api/v1/cost"]
    assert second["/api/v1/board"] == first["/api/v1/board"]
    assert film.run("ui", "--export", str(broken), "--diff", "HEAD").code == 3  # to the work tree

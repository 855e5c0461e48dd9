"""`cutlist validate FILE …`: the projects that files belong to, each once, named from here."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.errors import EXIT_INVALID, EXIT_OK
from tests.workspace import PROJECT

EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: rain}
spec:
  model: wan2.7-videoedit
  input:
    prompt: Let it rain
    media: [{type: video, url: "https://example.com/clip.mp4"}]
  parameters: {resolution: 720P}
"""
WRONG = EDIT.replace("720P", "721P")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two projects in one repository, and a file that belongs to neither."""
    for name in ("spring", "autumn"):
        (tmp_path / name / "specs").mkdir(parents=True)
        (tmp_path / name / "cutlist.yaml").write_text(PROJECT)
        (tmp_path / name / "specs" / "rain.yaml").write_text(EDIT)
    (tmp_path / "mkdocs.yml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_only_projects_of_the_files_are_checked(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong elsewhere is not asked for."""
    (repository / "autumn/specs/rain.yaml").write_text(WRONG)
    assert run(["validate", "spring/specs/rain.yaml", "spring/cutlist.yaml", "mkdocs.yml"]) == 0
    assert capsys.readouterr().out == "1 edit in 1 manifest: all valid.\n"


def test_files_of_no_project_are_passed_over(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hook is given whatever was changed, in folders that may be gone as well."""
    assert run(["validate", "mkdocs.yml", "gone/away.yaml"]) == EXIT_OK
    assert capsys.readouterr().out == "0 edits in 0 manifests: all valid.\n"


def test_faults_of_all_projects_are_told_from_here(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run shows all of them, under names that lead to the files."""
    for name in ("spring", "autumn"):
        (repository / name / "specs/rain.yaml").write_text(WRONG)
    assert run(["validate", "spring/specs/rain.yaml", "autumn/specs/rain.yaml"]) == EXIT_INVALID
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith("autumn/specs/rain.yaml:9:28: error: parameters.resolution is")
    assert second.startswith("spring/specs/rain.yaml:9:28: error: parameters.resolution is")
    assert last == "2 errors in 2 of 2 manifests. Nothing was sent."


def test_a_project_that_is_broken_hides_no_other(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A project file that cannot be read is a fault as any, and with -C names begin there."""
    (repository / "spring/cutlist.yaml").write_text("kind: Project\nspec: []\n")
    (repository / "autumn/specs/rain.yaml").write_text(WRONG)
    files = ["../spring/specs/rain.yaml", "specs/rain.yaml"]
    assert run(["-C", "autumn", "validate", *files]) == EXIT_INVALID
    told = capsys.readouterr().err
    assert "\nspecs/rain.yaml:9:28: error: " in told
    assert told.startswith("../spring/cutlist.yaml:")


def test_without_files_it_is_the_project_one_is_in(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own names for its files, wherever in it one stands."""
    (repository / "spring/specs/rain.yaml").write_text(WRONG)
    assert run(["-C", "spring/specs", "validate"]) == EXIT_INVALID
    assert capsys.readouterr().err.startswith("specs/rain.yaml:9:28: error: ")

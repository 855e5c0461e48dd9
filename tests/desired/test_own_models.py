"""Models of a project's own: what they change, and what is refused in words with a place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.config import CommittedFolder
from reconciler.desired.source.own_models import add_own_models
from reconciler.errors import InvalidInput
from reconciler.project import Project
from reconciler.system.clock import SystemClock
from reconciler.watch.sight import Eyes
from tests.repository import Repository
from tests.workspace import Workspace

HOUSE = """\
model: house-edit
title: Like Wan 2.7, for short clips
extends: wan2.7-videoedit
names: {house-edit: {singapore: allowed}}
media:
  video: {duration_s: [2, 6]}
variants:
  - parameters:
      properties:
        strength: {type: number, minimum: 0, maximum: 1, description: How much.}
"""
PRICES = "prices: {currency: USD, models: {house-edit: {720P: 0.2, 1080P: 0.3}}}"
PROJECT = f"""\
apiVersion: cutlist/v1
kind: Project
metadata: {{name: film}}
spec:
  models: [models/*.yaml]
  {PRICES}
"""


@pytest.fixture
def project(workspace: Workspace, media: Path) -> Workspace:
    """A project with a model of its own and an edit by it."""
    workspace.take(media, "ok.mp4")
    workspace.write("cutlist.yaml", PROJECT)
    workspace.write("models/house.yaml", HOUSE)
    workspace.edit("snow", model="house-edit", parameters={"strength": 0.5})
    return workspace


def _find_fault(project: Workspace, name: str, text: str) -> str:
    """The one thing wrong with a project with this model file."""
    project.write(f"models/{name}", text)
    with pytest.raises(InvalidInput) as refused:
        Project.open(project.root)
    (fault,) = refused.value.faults
    return str(fault)


def test_edit_of_an_own_model_has_its_fields_and_its_price(project: Workspace) -> None:
    """What the file says differs, and the rest is as in the model that it extends."""
    (step,) = Project.open(project.root).plan().steps
    assert step.action == "render"
    assert step.cost.price == pytest.approx(step.cost.billable_s * 0.3)
    project.edit("snow", model="house-edit", parameters={"strength": 2})
    said = project.run("validate")
    assert "specs/snow.yaml" in said.err and "strength" in said.err
    said = project.run("schema", "manifest")
    assert '"house-edit"' in said.out and '"strength"' in said.out


def test_key_goes_by_the_request_alone(project: Workspace) -> None:
    """A model file that changes nothing in the request moves no key; what was read by another one
    is read anew.
    """
    (before,) = Project.open(project.root).plan().steps
    project.write("models/house.yaml", HOUSE.replace("[2, 6]", "[2, 7]"))
    (after,) = Project.open(project.root).plan().steps
    assert after.key == before.key
    project.write("models/house.yaml", HOUSE.replace("maximum: 1", "maximum: 0.4"))
    with pytest.raises(InvalidInput, match=r"snow.yaml"):
        Project.open(project.root).plan()


def test_no_commit_changes_how_its_money_is_counted(project: Workspace) -> None:
    """A file may take the place of a shipped model that it extends; where a controller renders
    what somebody has committed it may not.
    """
    project.write("models/house.yaml", HOUSE.replace("{house-edit:", "{wan2.7-videoedit:"))
    project.write("cutlist.yaml", PROJECT.replace("house-edit", "wan2.7-videoedit"))
    project.edit("snow", parameters={"strength": 0.5})
    config = Project.open(project.root).config
    assert config.models.find("wan2.7-videoedit").file == "models/house.yaml"
    commit = Repository(project.root).commit()
    committed = replace(config, committed=CommittedFolder(project.root, commit))
    with pytest.raises(
        InvalidInput, match=r"what is rendered for a commit goes by the shipped one"
    ):
        add_own_models(committed, SystemClock())


def test_files_of_models_are_no_manifests(project: Workspace) -> None:
    """Also where `manifests:` names the folder in which they lie."""
    project.write("cutlist.yaml", PROJECT.replace("spec:", "spec:\n  manifests: [.]"))
    assert len(Project.open(project.root).plan().steps) == 1


def test_committed_models_are_read_from_the_commit(project: Workspace) -> None:
    """As its manifests are; what the work tree has meanwhile is another matter."""
    repository = Repository(project.root)
    repository.commit()
    project.write("models/house.yaml", HOUSE.replace("maximum: 1", "maximum: 0.4"))
    assert "strength" in project.run("validate").err
    said = project.run("plan", "--from", "HEAD", "--json")
    assert json.loads(said.out)["summary"]["render"] == 1, said.err


_AGAIN = "the model file is larger than the 256 KiB that are read"


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        (
            "house.yaml",
            "wan2.7-videoedit",
            "wan2.7-videodit",
            '3:10: error: there is no model "wan2.7-videodit" to extend; legal are'
            " happyhorse-1.0-i2v, happyhorse-1.0-t2v, happyhorse-1.0-video-edit,"
            " wan2.1-vace-plus, wan2.7-i2v, wan2.7-r2v, wan2.7-t2v,"
            " wan2.7-videoedit. Did you mean wan2.7-videoedit?",
        ),
        (
            "house.yaml",
            "{house-edit: {singapore: allowed}}",
            "{house-edit: {singapore: allowed}, wan2.1-vace-plus: {beijing: allowed}}",
            "4:43: error: wan2.1-vace-plus is a model that is known: a file that takes its place"
            " says `extends: wan2.1-vace-plus`; else choose another name",
        ),
        (
            "house.yaml",
            "[2, 6]",
            "[7, 6]",
            "6:23: error: duration_s: the least (7) is above the most (6)",
        ),
        (
            "house.yaml",
            "[2, 6]",
            "5",
            "6:23: error: media.video.duration_s is 5; it must be a list.",
        ),
        (
            "house.yaml",
            "media:",
            "billing: {seconds: [outputs]}\nmedia:",
            '5:21: error: billing.seconds[0] is "outputs"; legal are input, output. Did you mean'
            " output?",
        ),
        (
            "house.yaml",
            "media:",
            "billing: {seconds: [input]}\nmedia:",
            "5:20: error: seconds must name output: what is made is what is paid for",
        ),
        (
            "house.yaml",
            "type: number",
            "type: number, pattern: (a+)+$",
            '10:34: error: unknown field "pattern" in variants[0].parameters.properties.strength;'
            " legal are additionalProperties, anyOf, …",
        ),
        (
            "house.yaml",
            "type: number",
            "type: number, default: 7",
            "10:43: error: default: 7 is not what the field itself takes",
        ),
        (
            "house.yaml",
            "singapore",
            "singapur",
            "4:32: error: there is no region singapur; the service has singapore, beijing. Did you"
            " mean singapore?",
        ),
        (
            "house.yaml",
            "[2, 6]",
            "&a [2, 6]",
            "6:23: error: the anchor &a is not allowed; write the value out where it is used",
        ),
        ("house.yaml", "model: house-edit", f"#{'x' * (256 << 10)}", f"1:1: error: {_AGAIN}"),
        (
            "house.yaml",
            "model:",
            "kind:",
            "1:1: error: a model file is one document that says `model: NAME` (docs/models.md)",
        ),
        (
            "other.yaml",
            "model: house-edit",
            "model: other",
            "4:9: error: house-edit is a name of models/house.yaml already",
        ),
    ],
)
def test_model_file_is_refused_in_words(
    project: Workspace, name: str, old: str, new: str, fault: str
) -> None:
    """Where, what was given, and what is legal; nothing is read against it."""
    said = _find_fault(project, name, HOUSE.replace(old, new))
    words = fault.partition("…")[0]
    assert said.startswith(f"models/{name}:{words}") and (
        said == f"models/{name}:{fault}" or "…" in fault
    ), said


def _extend(name: str, base: str) -> str:
    return HOUSE.replace("house-edit", name).replace("wan2.7-videoedit", base)


def _find_words(project: Workspace) -> set[str]:
    with pytest.raises(InvalidInput) as refused:
        Project.open(project.root)
    return {str(fault).partition("error: ")[2] for fault in refused.value.faults}


def test_files_that_extend_each_other_without_end(project: Workspace) -> None:
    """In a circle, or in a row that is too long."""
    project.write("models/a.yaml", _extend("a", "b"))
    project.write("models/b.yaml", _extend("b", "a"))
    assert _find_words(project) == {
        "it extends itself: a → b → a",
        "it extends itself: b → a → b",
    }
    project.write("models/b.yaml", _extend("b", "wan2.7-videoedit"))
    for number in range(10):
        base = f"m{number + 1}" if number < 9 else "wan2.7-videoedit"
        project.write(f"models/m{number}.yaml", _extend(f"m{number}", base))
    assert _find_words(project) == {"more than 8 files extend each other"}


def test_link_that_leaves_the_project_is_refused(project: Workspace, tmp_path: Path) -> None:
    """As for manifests."""
    (tmp_path / "outside.yaml").write_text(_extend("c", "wan2.7-videoedit"))
    (project.root / "models" / "c.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(InvalidInput) as refused:
        Project.open(project.root)
    assert [str(fault) for fault in refused.value.faults] == [
        "models/c.yaml:1:1: error: the model file is a symbolic link that leaves the project"
    ]


def test_saved_model_is_seen(project: Workspace) -> None:
    """A watch looks at the files of models as at manifests, and reads manifests by them."""
    clock = SystemClock()
    eyes = Eyes(Project.open(project.root).config, lambda: Project.open(project.root).config, clock)
    before = eyes.look()
    assert before.named.concerns("models/another.yaml")
    project.write("models/house.yaml", HOUSE.replace("maximum: 1", "maximum: 0.4"))
    after = eyes.look()
    assert after.asked["models/house.yaml"] != before.asked["models/house.yaml"]
    assert "specs/snow.yaml" in after.named.broken


def test_models_named_in_vain_are_told(project: Workspace) -> None:
    """A pattern that finds nothing is a slip."""
    project.write("cutlist.yaml", PROJECT.replace("models/*.yaml", "modls/*.yaml"))
    said = project.run("plan")
    assert 'cutlist.yaml:5:12: error: models names "modls/*.yaml", where no file is' in said.err


def test_model_of_forty_lines_is_rendered(project: Workspace) -> None:
    """A model like a known one is a file and no code: the bundled server knows it as well."""
    assert len(HOUSE.splitlines()) <= 40
    said = project.run("apply", "--auto-approve")
    assert said.code == 0, said.err
    assert (project.root / "renders" / "snow.mp4").stat().st_size > 1000
    assert project.run("plan").out.startswith("No changes.")

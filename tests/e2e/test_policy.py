"""Rules of cutlist.yaml in the commands: all that breaks them is told, and nothing is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler import Project, read_plan
from reconciler.errors import InvalidInput
from tests.e2e.bench import Bench
from tests.workspace import Workspace

POLICY = """\
  policy:
    models: [wan2.7-videoedit]
    labels: [owner]
    prompt_deny: [snow, "rival brand"]
    watermark: true
    waive:
      - {edits: [old, "legacy-*"], rules: [labels, prompt_deny, watermark], reason: agreed with legal}
"""


@pytest.fixture
def film(workspace: Workspace, media: Path) -> Workspace:
    """A project with rules, an edit that breaks two of them, and one that is waived."""
    workspace.take(media, "ok.mp4")
    workspace.write("cutlist.yaml", (workspace.root / "cutlist.yaml").read_text() + POLICY)
    workspace.edit("old")
    path = workspace.edit("snow")
    path.write_text(path.read_text().replace('{name: "snow"}', "{name: snow, labels: {owner: me}}"))
    return workspace


@pytest.mark.parametrize(
    "command", [["validate"], ["plan"], ["apply", "--auto-approve"]], ids=" ".join
)
def test_all_that_breaks_a_rule_is_told(film: Workspace, command: list[str]) -> None:
    """Each fault stands at its field, with what is legal and the line of the rule; exit 3, nothing
    is rendered.
    """
    said = film.run(*command)
    assert (said.code, said.out) == (3, "")
    assert said.err.splitlines() == [
        (
            'specs/snow.yaml:7:15: error: input.prompt has "snow"; legal is a prompt without it'
            " (policy.prompt_deny, cutlist.yaml:10:19)."
        ),
        (
            "specs/snow.yaml:15:3: error: parameters.watermark is not set, and by default it is"
            " false; legal is true (policy.watermark, cutlist.yaml:11:16)."
        ),
        "2 errors in 1 of 2 manifests. Nothing was sent.",
    ]
    assert not (film.root / "renders").exists()


def test_rules_are_told_beside_other_faults(film: Workspace) -> None:
    """One run shows them all; where a value is no value at all, only that is told."""
    film.edit("new", parameters={"resolution": "4K", "watermark": "maybe"})
    said = film.run("validate")
    assert [
        line.partition(": error: ")[2].partition("; ")[0] for line in said.err.splitlines()[:-1]
    ] == [
        'metadata.labels lacks "owner"',
        'parameters.resolution is "4K"',
        'parameters.watermark is "maybe"',
        'input.prompt has "snow"',
        "parameters.watermark is not set, and by default it is false",
    ]


def test_an_environment_has_rules_of_its_own(film: Workspace) -> None:
    """What it says of a rule counts instead; its overlay is checked as what it makes of
    the edit.
    """
    film.write(
        "cutlist.yaml",
        (film.root / "cutlist.yaml").read_text()
        + "  environments:\n"
        + "    draft: {policy: {watermark: false, prompt_deny: []}}\n"
        + "    final: {parameters: {watermark: true}, policy: {prompt_deny: [], resolution:"
        " [1080P]}}\n",
    )
    assert film.run("validate", "--env", "draft").code == 0
    said = film.run("validate", "--env", "final")
    assert said.code == 3
    assert said.err.count("legal is 1080P (policy.resolution, cutlist.yaml:16:82)") == 2


def test_a_rule_that_is_new_is_seen_at_once(film: Workspace) -> None:
    """Manifests that were read before are not remembered as good; nor is a rule remembered that is
    gone.
    """
    text = (film.root / "cutlist.yaml").read_text()
    film.write("cutlist.yaml", text.replace(POLICY, ""))
    assert film.run("validate").code == film.run("validate").code == 0
    film.write("cutlist.yaml", text)
    assert film.run("validate").code == 3
    film.write(
        "cutlist.yaml",
        text.replace(", snow", "").replace("[snow, ", "[").replace("watermark: true", ""),
    )
    assert film.run("validate").code == 0


def test_ten_thousand_edits_break_a_rule_in_one_line(film: Workspace) -> None:
    """The cells of a matrix are wrong where their document is, once."""
    (film.root / "specs" / "snow.yaml").unlink()
    film.edit(
        "many",
        matrix={"a": list(range(100)), "b": list(range(100))},
        input={
            "prompt": "${{ matrix.a }} of ${{ matrix.b }}",
            "media": [{"type": "video", "url": "./media/ok.mp4"}],
        },
        parameters={"resolution": "720P", "watermark": True},
    )
    said = film.run("validate")
    assert (said.code, len(said.err.splitlines())) == (3, 2)


async def test_a_plan_that_was_saved_before_the_rule_is_refused(bench: Bench) -> None:
    """It is carried out by the rules of the day, and nothing is sent."""
    bench.edit("a")
    path = bench.root / "night.plan"
    bench.project().save(path)
    spec = json.loads((bench.root / "cutlist.yaml").read_text())["spec"]
    bench.write_project(**spec, policy={"watermark": True})
    with pytest.raises(InvalidInput, match="legal is true"):
        await bench.apply(saved=read_plan(path))
    assert bench.network.requests == []
    bench.write_project(**spec)
    assert (await bench.apply(saved=read_plan(path))).exit_code == 0


def test_waivers_of_a_valid_project_are_quiet(film: Workspace) -> None:
    """A waiver that covers somebody says nothing; one for nobody is a warning that stops
    nothing.
    """
    film.edit("legacy-one")
    (film.root / "specs" / "snow.yaml").unlink()
    assert list(Project.open(film.root).load().warnings) == []
    (film.root / "specs" / "legacy-one.yaml").unlink()
    said = film.run("validate")
    assert (said.code, said.err) == (
        0,
        'cutlist.yaml:13:23: warning: the waiver is for "legacy-*", and no edit has that name\n',
    )

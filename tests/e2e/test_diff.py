"""`cutlist diff`: two revisions of a real repository, compared and priced without a checkout."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from reconciler.system import shipped
from tests.e2e.bench import Bench
from tests.e2e.test_revisions import untouched
from tests.repository import Repository
from tests.workspace import PROJECT, Workspace


def rain(film: Workspace, prompt: str) -> None:
    film.edit(
        "rain", input={"prompt": prompt, "media": [{"type": "video", "url": "./media/ok.mp4"}]}
    )


@pytest.fixture
def repository(workspace: Workspace, media: Path) -> Repository:
    """main and topic have parted: main added hail, topic changed rain, on which poster builds, and
    added a clip.
    """
    workspace.take(media, "ok.mp4", "ok.mov")
    workspace.write(".gitignore", ".cutlist/\nrenders/\n")
    rain(workspace, "Let it rain")
    workspace.edit(
        "poster",
        input={"prompt": "As a poster", "media": [{"type": "video", "url": "edit://rain"}]},
    )
    made = Repository(workspace.root)
    made.commit("base")
    made.git("branch", "topic")
    workspace.edit("hail")
    made.commit("main goes on")
    made.git("checkout", "--quiet", "topic")
    rain(workspace, "Let it pour")
    workspace.edit(
        "snow", input={"prompt": "Snow", "media": [{"type": "video", "url": "./media/ok.mov"}]}
    )
    made.commit("a pull request")
    made.git("checkout", "--quiet", "main")
    return made


def kinds(workspace: Workspace, *arguments: str) -> dict[str, str]:
    """The kind of each change, by edit."""
    said = workspace.run("diff", *arguments, "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    jsonschema.validate(document, shipped.read_schema("diff"))
    return {each["name"]: each["kind"] for each in document["changes"]}


def test_what_a_pull_request_brings(workspace: Workspace, repository: Repository) -> None:
    """Three dots: from where the two parted, so that what main has since is no part of it. Nothing
    is touched.
    """
    before = untouched(workspace)
    said = workspace.run("diff", "main...topic")
    assert (said.code, said.err) == (0, "")
    text = " ".join(said.out.split())
    assert "(merge base of main and topic) to " in text
    assert (
        "~ rain renders/rain.mp4 prompt changed Let it [rain→pour] 4.0 s billable, 0.40 USD" in text
    )
    assert (
        "^ poster renders/poster.mp4 builds on rain, which changed at most 4.0 s billable, 0.40 USD"
        in text
    )
    assert "Diff: 1 added, 0 removed, 1 changed, 1 forced, 0 renamed; 0 unchanged." in text
    assert "Cost: 8.0 billable seconds, 0.80 USD now, at most 1.20 USD with what waits." in text
    assert "hail" not in text
    assert workspace.run("diff", "main...topic") == said
    assert untouched(workspace) == before


def test_the_ends(workspace: Workspace, repository: Repository) -> None:
    """Two dots compare the revisions themselves; one revision is compared with the work tree; HEAD
    may be left out.
    """
    pulled = {"rain": "changed", "poster": "forced", "snow": "added"}
    assert kinds(workspace, "main..topic") == {**pulled, "hail": "removed"}
    assert kinds(workspace, "topic..main") == {
        "rain": "changed",
        "poster": "forced",
        "snow": "removed",
        "hail": "added",
    }
    assert (
        kinds(workspace, "..topic")
        == kinds(workspace, "HEAD..topic")
        == kinds(workspace, "main..topic")
    )
    assert kinds(workspace, "topic...") == {"hail": "added"}
    assert kinds(workspace, "HEAD") == {}
    workspace.edit("fog")
    assert kinds(workspace, "HEAD") == {"fog": "added"}
    said = workspace.run("diff", "HEAD")
    assert (
        f"From {repository.git('rev-parse', 'HEAD')[:7]} (HEAD) to the work tree, realm mock"
        in said.out
    )


def test_no_difference(workspace: Workspace, repository: Repository) -> None:
    """A commit that changes no request is none; exit code 2 is only for differences, and only when
    asked for.
    """
    path = workspace.root / "specs/rain.yaml"
    path.write_text(f"# a comment\n{path.read_text()}")
    repository.commit("words")
    said = workspace.run("diff", "main~1..main", "--detailed-exitcode")
    assert said.code == 0
    assert said.out.endswith("No difference. 3 edits are asked for alike.\n")
    assert workspace.run("diff", "main...topic", "--detailed-exitcode").code == 2
    assert workspace.run("diff", "main...topic").code == 0


def test_forms(workspace: Workspace, repository: Repository) -> None:
    """Markdown for pull requests; one form at a time."""
    said = workspace.run("diff", "main...topic", "--markdown", "--detailed-exitcode")
    assert said.code == 2
    assert said.out.startswith(
        "**Diff: 1 added, 0 removed, 1 changed, 1 forced, 0 renamed; 0 unchanged.**\n"
    )
    both = workspace.run("diff", "main...topic", "--markdown", "--json")
    assert (both.code, both.out) == (64, "")
    assert json.loads(workspace.run("schema", "diff").out) == shipped.read_schema("diff")


def test_an_environment(workspace: Workspace, repository: Repository) -> None:
    """Overlays are those of each revision: changing one is a change of every edit under it."""
    draft = "  environments: {draft: {parameters: {seed: 1}}}\n"
    workspace.write("cutlist.yaml", PROJECT + draft)
    repository.commit("draft")
    workspace.write("cutlist.yaml", PROJECT + draft.replace("seed: 1", "seed: 2"))
    repository.commit("draft looks otherwise")
    assert kinds(workspace, "HEAD~1..HEAD") == {}
    said = workspace.run("diff", "HEAD~1..HEAD", "--env", "draft")
    assert "parameters.seed changed" in said.out
    assert "parameters.seed: 1 → 2" in said.out
    assert workspace.run("diff", "HEAD~2..HEAD", "--env", "draft").code == 64


def test_a_manifest_that_is_wrong_in_one_of_them(
    workspace: Workspace, repository: Repository
) -> None:
    """Its faults are told with the revision they are in, and nothing is compared."""
    workspace.write("specs/bad.yaml", "kind: Edit")
    commit = repository.commit("bad")
    for ends in ("main..topic", "topic..main"):
        said = workspace.run("diff", ends)
        assert (said.code, said.out) == (3, "")
        assert f" at {commit[:7]} (main). Nothing was sent." in said.err


def test_a_shallow_clone_lacks_the_merge_base(
    workspace: Workspace, repository: Repository, tmp_path: Path
) -> None:
    """As CI makes them by default: the way to the whole history is told."""
    clone = tmp_path / "clone"
    url = f"file://{workspace.root}"
    repository.git("clone", "--quiet", "--depth=1", "--no-single-branch", url, str(clone))
    said = Workspace(clone, workspace._capfd).run("diff", "origin/main...origin/topic")
    assert (said.code, said.out) == (1, "")
    assert "which is shallow" in said.err
    assert "`git fetch --unshallow`, or fetch-depth: 0 in CI" in " ".join(said.err.split())
    repository.git("-C", str(clone), "fetch", "--quiet", "--unshallow")
    assert kinds(Workspace(clone, workspace._capfd), "origin/main...origin/topic") == kinds(
        workspace, "main...topic"
    )


def test_revisions_without_a_commit_in_common(workspace: Workspace, repository: Repository) -> None:
    """Three dots have no meaning there; two have."""
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.commit("of its own")
    said = workspace.run("diff", "main...other")
    assert (said.code, said.out) == (1, "")
    assert "have no commit in common" in said.err
    assert kinds(workspace, "main..other") == {}


async def test_what_is_in_the_store_is_free(bench: Bench) -> None:
    """Rendered on the branch, merged for nothing; going back is free too."""
    repository = Repository(bench.root)
    bench.live_project()
    bench.edit("rain")
    await bench.apply(bench.live_project())
    repository.commit("one", "cutlist.yaml", "specs", "cutlist.lock")
    bench.edit("rain", "make it snow")
    repository.commit("two", "cutlist.yaml", "specs", "cutlist.lock")
    (change,) = bench.live_project().diff("HEAD~1..HEAD").changes
    assert (change.action.value, change.cost.billable_s > 0) == ("render", True)
    await bench.apply(bench.live_project())
    repository.commit("three", "cutlist.lock")
    for ends in ("HEAD~2..HEAD", "HEAD..HEAD~2"):
        (change,) = bench.live_project().diff(ends).changes
        assert (change.reason, change.paid, change.cost.billable_s) == (
            "prompt changed",
            "in the store: free",
            0,
        )
    assert bench.live_project().diff("HEAD").changes == ()

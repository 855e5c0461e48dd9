"""Which files are manifests, what is remembered of them, and what a start-up loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.project import Project
from tests.workspace import Workspace

ROOT = Path(__file__).parents[2]
EDIT = (
    "apiVersion: cutlist/v1\nkind: Edit\nmetadata: {{name: {name}}}\nspec: {{model:"
    " wan2.7-videoedit, input: {{media: [{{type: video, url:"
    " 'https://example.com/{name}.mp4'}}]}}}}\n"
)


def names(workspace: Workspace) -> list[str]:
    """The edits of a project."""
    return sorted(Project.open(workspace.root).load().edits)


def test_which_files(workspace: Workspace) -> None:
    """Every .yaml and .yml below the folders; not hidden ones, not other projects, not other
    endings.
    """
    for path, name in [
        ("specs/a.yaml", "a"), ("specs/b.yml", "b"), ("specs/deep/er/c.yaml", "c"), ("specs/.hidden.yaml", "d"),
        ("specs/.git/e.yaml", "e"), ("specs/other/cutlist.yaml", "f"), ("specs/other/g.yaml", "g"),
        ("specs/h.txt", "h"), ("elsewhere/i.yaml", "i"),
    ]:  # fmt: skip
        workspace.write(path, EDIT.format(name=name))
    assert names(workspace) == ["a", "b", "c"]


def test_a_project_that_is_its_own_folder(workspace: Workspace) -> None:
    """`manifests: ["."]` takes what lies beside cutlist.yaml, and not cutlist.yaml; a file may be
    named alone.
    """
    workspace.write("a.yaml", EDIT.format(name="a"))
    workspace.write("below/b.yaml", EDIT.format(name="b"))
    text = (workspace.root / "cutlist.yaml").read_text()
    workspace.write("cutlist.yaml", f'{text}  manifests: ["."]\n')
    assert names(workspace) == ["a", "b"]
    workspace.write("cutlist.yaml", f"{text}  manifests: [a.yaml, ./below/, below/b.yaml]\n")
    assert names(workspace) == ["a", "b"]


def test_order_is_upstream_first(workspace: Workspace) -> None:
    """The graph is in an order in which every edit comes after what it builds on, otherwise by
    name.
    """
    for name, upstream in [("a", "z"), ("b", None), ("z", "m"), ("m", None)]:
        url = f"edit://{upstream}" if upstream else f"https://example.com/{name}.mp4"
        workspace.write(
            f"specs/{name}.yaml",
            EDIT.format(name=name).replace(f"https://example.com/{name}.mp4", url),
        )
    assert list(Project.open(workspace.root).load().edits) == ["b", "m", "z", "a"]


# ------------------------------------------------------------------ what is remembered


def python(code: str, workspace: Workspace, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the project's folder as argument."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
    return subprocess.run(
        [sys.executable, "-c", code, str(workspace.root)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@pytest.fixture
def probed(workspace: Workspace, media: Path) -> Workspace:
    """A project whose manifests were read and whose clips were looked at before."""
    workspace.take(media, "ok.mp4", "ok.png")
    for name in ("one", "two"):
        workspace.edit(name)
    workspace.write(
        "specs/three.yaml",
        EDIT.format(name="three").replace("https://example.com/three.mp4", "edit://one"),
    )
    assert workspace.run("plan").code == 0
    return workspace


POISONED = """
import sys
from reconciler import document
real = document.parse
def parse(raw, file):
    if file != "cutlist.yaml":
        raise SystemExit(f"parsed {file} again")
    return real(raw, file)
document.parse = parse
from reconciler.cli.main import run
sys.exit(run(["-C", sys.argv[1], "plan"]))
"""


def test_a_second_plan_parses_no_manifest(probed: Workspace) -> None:
    """A manifest that was read before is known by its bytes; only cutlist.yaml is parsed, and the
    plan is the same.
    """
    first = probed.run("plan")
    second = python(POISONED, probed)
    assert (second.returncode, second.stdout, second.stderr) == (0, first.out, "")
    probed.edit("two", take=2)
    assert python(POISONED, probed).stderr == "parsed specs/two.yaml again\n"


def test_a_moved_manifest_is_read_again(probed: Workspace) -> None:
    """The same bytes in another folder are other paths and places."""
    probed.take(probed.root / "specs" / "media", "ok.mp4", into="specs/below/media")
    (probed.root / "specs" / "two.yaml").rename(probed.root / "specs" / "below" / "two.yaml")
    wanted = Project.open(probed.root).load().edits["two"]
    assert str(wanted.edit.place("/take")).startswith("specs/below/two.yaml:")
    assert wanted.inputs[0].path == probed.root / "specs" / "below" / "media" / "ok.mp4"


def test_what_is_remembered_depends_on_the_rules(probed: Workspace) -> None:
    """Other defaults or another region make a manifest be read anew; a damaged cache is no matter."""
    text = (probed.root / "cutlist.yaml").read_text()
    probed.write("cutlist.yaml", f"{text}  defaults: {{parameters: {{seed: 5}}}}\n")
    assert Project.open(probed.root).load().edits["two"].edit.parameters == {
        "resolution": "720P",
        "seed": 5,
    }
    for path in (probed.root / ".cutlist" / "cache").iterdir():
        path.write_text("{ no json")
    assert Project.open(probed.root).load().edits["two"].edit.parameters == {
        "resolution": "720P",
        "seed": 5,
    }


def test_warnings_are_told_every_time(workspace: Workspace, media: Path) -> None:
    """A warning is not lost by being remembered."""
    workspace.take(media, "ok.mp4")
    workspace.edit(
        "long", input={"prompt": "x" * 5001, "media": [{"type": "video", "url": "./media/ok.mp4"}]}
    )
    first, second = workspace.run("validate"), workspace.run("validate")
    assert "5001 characters" in first.err
    assert (first.code, second) == (0, first)


HEAVY = """
import sys
from reconciler.cli.main import run
code = run(sys.argv[2:] if sys.argv[2] == "--version" else ["-C", sys.argv[1], *sys.argv[2:]])
heavy = {"httpx", "aiohttp", "av", "PIL", "mockserver"}
if sys.argv[2] == "--version":
    heavy |= {"yaml", "jsonschema", "rich", "rfc8785", "watchfiles", "sqlite3"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "command", [["validate"], ["plan"], ["plan", "--json"], ["status"], ["--version"]], ids=" ".join
)
def test_start_up_loads_little(probed: Workspace, command: list[str]) -> None:
    """A question that sends nothing loads no HTTP client, no server and no codecs; `--version` not
    even YAML.
    """
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, str(probed.root), *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_the_plan_does_not_depend_on_hashing(probed: Workspace) -> None:
    """The same manifests and the same store give the same plan, byte for byte, in every process."""
    code = (
        "import sys; from reconciler.cli.main import run; sys.exit(run(['-C', sys.argv[1], 'plan',"
        " '--json']))"
    )
    texts = {python(code, probed, PYTHONHASHSEED=seed).stdout for seed in ("1", "2", "3")}
    assert len(texts) == 1
    assert '"render": 2' in texts.pop()


@pytest.mark.parametrize("folder", ["specs", "specs/demo"])
def test_the_samples_are_valid(folder: str) -> None:
    """Every sample of this repository validates, without a fault and without a warning."""
    desired = Project.open(ROOT / folder).load()
    assert len(desired.edits) >= 8
    assert list(desired.warnings) == []

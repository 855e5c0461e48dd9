"""Which files are manifests, what is remembered of them, and what a start-up loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from reconciler.project import Project
from tests.repository import Repository
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
        ("specs/a.yaml", "a"),
        ("specs/b.yml", "b"),
        ("specs/deep/er/c.yaml", "c"),
        ("specs/.hidden.yaml", "d"),
        ("specs/.git/e.yaml", "e"),
        ("specs/other/cutlist.yaml", "f"),
        ("specs/other/g.yaml", "g"),
        ("specs/h.txt", "h"),
        ("elsewhere/i.yaml", "i"),
    ]:
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


PLAN = """
import sys
from reconciler.cli.main import run
sys.exit(run(["-C", sys.argv[1], "plan"]))
"""
POISONED = f"""
from reconciler.formats import parsing
real = parsing.parse_documents
def parse_documents(raw, file):
    raise SystemExit(f"parsed {{file}} again")
parsing.parse_documents = parse_documents
import yaml
yaml.load = None
{PLAN}
"""


def test_a_second_plan_parses_no_manifest(probed: Workspace) -> None:
    """What was read before is known by its bytes, the project file too, and the plan is the
    same.
    """
    first = probed.run("plan")
    assert python(PLAN, probed).returncode == 0
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
    """Other defaults or another region make a manifest be read anew; a damaged cache is no
    matter.
    """
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
heavy = {"httpx", "aiohttp", "av", "PIL", "mockserver", "reconciler.system.probe.client"}
heavy |= {"asyncio", "ssl", "socket", "email", "concurrent.futures", "multiprocessing"}
heavy |= {"jsonschema", "jsonschema_rs", "watchfiles", "psycopg", "tempfile", "random"}
heavy |= {"reconciler.watch", "reconciler.controller", "reconciler.apply.session"}
heavy |= {"reconciler.operations.gc", "reconciler.operations.retake", "reconciler.report.markdown"}
if sys.argv[2] not in ("show", "explain", "log"):
    heavy |= {"reconciler.history", "reconciler.plan.explain", "reconciler.plan.show"}
heavy |= {"subprocess", "reconciler.system.git.run", "reconciler.desired.source.revision"}
if sys.argv[2] == "--version":
    heavy |= {"yaml", "rich", "rfc8785", "sqlite3"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "command",
    [
        ["validate"],
        ["plan"],
        ["plan", "--json"],
        ["status"],
        ["show", "one"],
        ["explain", "one"],
        ["log"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_start_up_loads_little(probed: Workspace, command: list[str]) -> None:
    """A question that sends nothing loads no HTTP client, no server, no codecs and no event loop,
    runs neither git nor a process to open media that it knows, and loads what other commands need
    as little; `--version` loads not even YAML.
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


# ------------------------------------------------------------------ names and masks

VACE = """
apiVersion: cutlist/v1
kind: Edit
metadata: {{name: {name}}}
spec:
  model: wan2.1-vace-plus
  input:
    function: video_edit
    prompt: Snow
    video_url: ./media/ok.mp4
    mask_image_url: ./media/{mask}
"""


@pytest.mark.parametrize(
    ("there", "written", "said"),
    [
        ("Ball.MP4", "ball.mp4", "specs/media/Ball.MP4 does, in other case"),
        ("cafe\u0301.mp4", "caf\u00e9.mp4", "in another Unicode form of the same letters"),
        ("clay-ball.mp4", "clay-bal.mp4", ". Did you mean specs/media/clay-ball.mp4?"),
        ("ball.mov", "ball.mp4", ". Did you mean specs/media/ball.mov?"),
        ("other.mp4", "ball.mp4", "does not exist\n"),
    ],
)
def test_a_file_under_almost_its_name(
    workspace: Workspace, media: Path, there: str, written: str, said: str
) -> None:
    """A name that another file system would have taken is told, in the work tree and in a
    commit.
    """
    workspace.write(f"specs/media/{there}", (media / "ok.mp4").read_bytes())
    if (workspace.root / "specs/media" / written).exists():
        pytest.skip("this file system takes both names for one")
    url = f"./media/{written}"
    workspace.edit("one", input={"prompt": "x", "media": [{"type": "video", "url": url}]})
    told = workspace.run("validate")
    assert (told.code, "does not exist" in told.err) == (3, True)
    assert said in told.err
    Repository(workspace.root).commit()
    told = workspace.run("plan", "--from", "HEAD")
    assert (told.code, "does not exist in this revision" in told.err) == (3, True)
    assert said.strip("\n") in told.err


def test_a_doubtful_mask_is_told_once(workspace: Workspace, media: Path) -> None:
    """A mask that edits nothing, everything or something else is warned about, once per file."""
    workspace.take(media, "ok.mp4")
    for name, (size, colour) in {
        "black": ((320, 240), "black"),
        "white": ((320, 240), "white"),
        "red": ((320, 240), "red"),
        "small": ((160, 120), None),
        "good": ((320, 240), None),
    }.items():
        mask = Image.new("L" if colour is None else "RGB", size, colour or 0)
        if colour is None:
            mask.paste(255, (0, 0, 50, 50))
        (workspace.root / "specs/media").mkdir(exist_ok=True)
        mask.save(workspace.root / f"specs/media/{name}.png")
        for number in (1, 2):
            edit = VACE.format(name=f"{name}-{number}", mask=f"{name}.png")
            workspace.write(f"specs/{name}-{number}.yaml", edit)
    told = workspace.run("validate")
    warnings = [line for line in told.err.splitlines() if "the mask" in line]
    assert told.code == 0
    assert [line.partition(": ")[0].partition(":")[0] for line in warnings] == [
        f"specs/{name}-1.yaml" for name in ("black", "red", "small", "white")
    ]
    assert "black all over, so that nothing is edited" in warnings[0]
    assert "has colours" in warnings[1]
    assert "is 160x120, and the clip specs/media/ok.mp4 is 320x240" in warnings[2]
    assert "white all over, so that everything is edited" in warnings[3]
    assert workspace.run("validate").err == told.err

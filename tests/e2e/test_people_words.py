"""What people are told: near names and no others, who holds a lock, what becomes of an import, and
what is not in the store.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from reconciler import Project
from reconciler.cli.main import cutlist
from reconciler.config import Variables
from reconciler.errors import UsageError
from reconciler.formats.names import find_similar, suggest_name
from reconciler.formats.secret import Secret
from tests.e2e.bench import Bench, write_video
from tests.workspace import PROJECT, Workspace

ENVIRONMENTS = "  environments:\n    draft: {parameters: {resolution: 720P}}\n    final: {}\n"
MATRIX = {
    "matrix": {"look": ["snow", "rain"], "tier": ["720P", "1080P"]},
    "input": {
        "prompt": "Make it ${{ matrix.look }}",
        "media": [{"type": "video", "url": "./media/ok.mp4"}],
    },
    "parameters": {"resolution": "${{ matrix.tier }}"},
}


@pytest.fixture
def film(workspace: Workspace, media: Path) -> Workspace:
    """A project with two edits and two environments."""
    workspace.take(media, "ok.mp4")
    workspace.write("cutlist.yaml", PROJECT + ENVIRONMENTS)
    workspace.edit("rain")
    workspace.edit("snow")
    return workspace


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "--env", "drft"), "names draft, final. Did you mean draft?"),
        (("plan", "--env", "nowhere"), "names draft, final.\n"),
        (("plan", "--endpoint", "singapor"), "Did you mean singapore?"),
        (("plan", "--endpoint", "mok"), "Did you mean mock?"),
        (("plan", "--target", "rian"), "Did you mean rain?"),
        (("plan", "--target", "RAIN"), "Did you mean rain?"),
        (("explain", "snwo"), "Did you mean snow?"),
        (("show", "nothere"), "`cutlist status` lists the 2 edits."),
        (("log", "rian"), "Did you mean rain?"),
        (("retake", "rian"), "Did you mean rain?"),
        (("import", "rian", "--file", "x.mp4"), "Did you mean rain?"),
    ],
)
def test_names_on_the_command_line(film: Workspace, words: tuple[str, ...], said: str) -> None:
    """What is spelled like one of a closed list is suggested, and nothing else is."""
    told = film.run(*words)
    assert told.code == 64
    assert said in told.err
    assert told.err.count("Did you mean") <= 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  defaults: {model: wan2.7-videoedi}\n", "Did you mean wan2.7-videoedit?"),
        ("  defaults: {parameters: {resoluton: 720P}}\n", "Did you mean resolution?"),
        ("  policy: {models: [wan2.7-vidoedit]}\n", "Did you mean wan2.7-videoedit?"),
        ("  policy: {resolution: [720p]}\n", "Did you mean 720P?"),
        ("  enviroments: {}\n", "Did you mean environments?"),
    ],
)
def test_names_in_the_project_file(film: Workspace, line: str, said: str) -> None:
    """The same of fields, models, parameters and rules of the project file."""
    film.write("cutlist.yaml", PROJECT + line)
    told = film.run("validate")
    assert (told.code, told.err.count(said)) == (3, 1)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "wan2.7-videoedot"}, "Did you mean wan2.7-videoedit?"),
        ({"parameters": {"resolution": "720p"}}, "Did you mean 720P?"),
        ({"paramters": {}}, "Did you mean parameters?"),
        (
            {
                "model": "wan2.1-vace-plus",
                "input": {"function": "video_edt", "prompt": "x", "video_url": "./media/ok.mp4"},
            },
            "Did you mean video_edit?",
        ),
        (
            {**MATRIX, "parameters": {"resolution": "${{ matrix.teir }}"}},
            "Did you mean tier?",
        ),
    ],
)
def test_names_in_a_manifest(film: Workspace, fields: dict[str, object], said: str) -> None:
    """Models, functions, fields, values and lists of a matrix."""
    film.edit("rain", **fields)
    told = film.run("validate")
    assert (told.code, said in told.err) == (3, True)


def test_near() -> None:
    """Case is no distance; a very long word is no long wait; what is far is nothing."""
    assert find_similar("DRAFT", ["draft", "final"]) == ["draft"]
    assert find_similar("x" * 1_000_000, ["draft", "x" * 200]) == ["x" * 200]
    assert suggest_name("nothere", ["rain", "snow"]) == ""
    assert suggest_name(720, ["720P"]) == ""


# ------------------------------------------------------------------ the lock


@pytest.mark.parametrize(
    "command", [("import", "rain", "--file", "x.mp4"), ("resolve", "rain", "--retry")]
)
def test_the_lock_names_the_command(film: Workspace, command: tuple[str, ...]) -> None:
    """Whoever finds the store locked reads which command holds it."""
    film.run(*command)
    holder = json.loads((film.root / ".cutlist/mock/lock").read_bytes())
    assert holder["command"] == f"cutlist {command[0]}"


async def test_the_lock_names_a_program(bench: Bench) -> None:
    """A program that uses the Python API says what it likes."""
    bench.edit("rain")
    await bench.apply()
    (lock,) = bench.root.glob(".cutlist/*/lock")
    assert json.loads(lock.read_bytes())["command"] == "a Python program"


# ------------------------------------------------------------------ a matrix and an environment


def test_a_cell_is_named_for_what_it_is(film: Workspace) -> None:
    """No name says 1080P of a 720P video: cells that only differ in what the environment sets are
    one; without an environment nothing changes.
    """
    film.edit("shot", **MATRIX)
    film.edit("onto", input={"prompt": "more", "media": [
        {"type": "video", "url": "edit://shot[look=snow,tier=1080P]"},
    ]})  # fmt: skip

    def names(*options: str) -> list[str]:
        steps = json.loads(film.run("plan", "--json", *options).out)["steps"]
        return [step["name"] for step in steps if step["name"].startswith("shot")]

    both = [
        f"shot[look={look},tier={tier}]" for look in ("rain", "snow") for tier in ("1080P", "720P")
    ]
    assert names() == both
    assert names("--env", "final") == both
    assert names("--env", "draft") == ["shot[look=rain,tier=720P]", "shot[look=snow,tier=720P]"]
    assert names("--env", "draft", "--target", "onto") == ["shot[look=snow,tier=720P]"]
    assert names("--env", "draft", "--target", both[0]) == ["shot[look=rain,tier=720P]"]
    assert names("--env", "draft") == ["shot[look=rain,tier=720P]", "shot[look=snow,tier=720P]"]


def test_a_value_that_says_more_stays(film: Workspace) -> None:
    """A list that the prompt reads, too, keeps its values: they still make another video."""
    prompt = {**MATRIX["input"], "prompt": "${{ matrix.look }} in ${{ matrix.tier }}"}
    film.edit("shot", **{**MATRIX, "input": prompt})
    steps = json.loads(film.run("plan", "--json", "--env", "draft").out)["steps"]
    assert len([step for step in steps if "tier=1080P" in step["name"]]) == 2


# ------------------------------------------------------------------ imports


def test_an_import_says_what_becomes_of_it(film: Workspace) -> None:
    """Its output is written free; or is in the way; or the edit is left alone."""
    film.edit("fog", suspend=True)
    film.write("renders/snow.mp4", b"somebody's")
    video = ("--file", str(film.root / "specs/media/ok.mp4"))
    assert "`cutlist apply` writes its output, free." in film.run("import", "rain", *video).out
    taken = film.run("import", "snow", *video).out
    assert "Its output is not written yet: renders/snow.mp4 is a file that cutlist did not" in taken
    assert "fog is suspended: its output is not written." in film.run("import", "fog", *video).out


def test_an_import_stands_in_the_log(film: Workspace) -> None:
    """With the file's name and who said so; in the log of all, of the edit, and for programs."""
    film.run("import", "rain", "--file", "specs/media/ok.mp4")
    record = json.loads(film.run("log", "--json").out)["records"][0]
    assert (record["edit"], record["what"], record["billed_s"]) == ("rain", "imported", 0.0)
    assert record["details"] == ["from the file ok.mp4"]
    assert record["approved_by"].endswith(", imported a file")
    assert "imported" in film.run("log").out
    assert "from the file ok.mp4" in film.run("log", "rain").out


async def pinned(bench: Bench, tmp_path: Path) -> tuple[Bench, Project]:
    """A clone of a live project, whose store was left behind."""
    bench.edit("rain")
    bench.edit("snow", "make it snow")
    await bench.apply(bench.live_project())
    clone = tmp_path / "clone"
    shutil.copytree(bench.root, clone, ignore=shutil.ignore_patterns(".cutlist", "renders"))
    variables = Variables(Secret("sk-mock"))
    return bench, Project.open(
        clone, variables=variables, clock=bench.clock, transport=bench.network
    )


async def test_a_file_that_no_plan_would_use(bench: Bench, tmp_path: Path) -> None:
    """Where the lock file pins another result, it is refused; the pinned bytes are welcome."""
    bench, clone = await pinned(bench, tmp_path)
    other = write_video(bench.root / "other.mp4", 2)
    with pytest.raises(UsageError, match=r"would not be used: cutlist[.]lock pins another result"):
        clone.import_file("rain", other)
    assert clone.run_pass().observed.results == {}
    clone.import_file("rain", bench.output("rain"))
    assert clone.describe_fate("rain") == "`cutlist apply` writes its output, free."


async def test_verify_misses_what_is_pinned(bench: Bench, tmp_path: Path) -> None:
    """All of it in a clone without the store, a part of it after an import, nothing at home."""
    bench, clone = await pinned(bench, tmp_path)
    assert bench.live_project().verify() == []
    ((path, words),) = clone.verify()
    assert path is None
    assert words.startswith(
        "cutlist.lock pins 2 results, and none is in this store: rain, snow. Copy"
    )
    clone.import_file("rain", bench.output("rain"))
    ((_, words),) = clone.verify()
    assert "pins 2 results, and 1 of them is not in this store: snow." in words


# ------------------------------------------------------------------ completion


async def test_task_ids_are_completed(bench: Bench) -> None:
    """Those of the ledger, the newest first."""
    bench.edit("rain")
    await bench.apply()
    bench.edit("snow", "make it snow")
    await bench.apply()
    ids = [record.task_id for record in bench.project().log()]
    words = ["-C", str(bench.root), "resolve", "rain", "--endpoint", bench.server.url, "--adopt"]
    offered = ShellComplete(cutlist, {}, "cutlist", "_CUTLIST_COMPLETE").get_completions(words, "")
    assert len(ids) == 2
    assert [item.value for item in offered] == ids

"""`cutlist retake`: the same request once more is a change of the manifest, and going back
is free.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import InvalidInput, UsageError
from reconciler.plan.step import Action
from tests.e2e.bench import Bench
from tests.workspace import Workspace

MATRIX = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {name: pixel}
spec:
  matrix: {look: [snow, rain, fog]}
  model: wan2.7-videoedit
  input:
    prompt: Make it ${{ matrix.look }}
    media: [{type: video, url: ./media/ok.mp4}]
  parameters: {resolution: 720P}    # for now
"""
POSTER = """\
---
apiVersion: cutlist/v1
kind: Edit
metadata: {name: poster}
spec:
  take: 3   # the third is fine
  model: wan2.7-videoedit
  input:
    prompt: More of it
    media: [{type: video, url: "edit://pixel[look=fog]"}]
"""
FREE = [
    "The mock spends nothing: this is what it would cost.",
    "Nothing was sent. Taking it back (git checkout, git revert) is free: the old",
    "results stay stored.",
]


@pytest.fixture
def film(workspace: Workspace, media: Path) -> Workspace:
    """A file of two documents, the second of which builds on the first; and an edit of its own."""
    workspace.take(media, "ok.mp4")
    workspace.edit("intro")
    workspace.write("specs/pixel.yaml", MATRIX + POSTER)
    return workspace


def test_all_edits_of_a_matrix(film: Workspace) -> None:
    """One line comes in; the place, both numbers and the price are told, also of what
    builds on it.
    """
    said = film.run("retake", "pixel")
    assert (said.code, said.err, said.out.splitlines()) == (
        0, "",
        [
            "specs/pixel.yaml:11:9: take of pixel was 1, and is 2 now",
            "    with the next apply: 3 edits, 12.0 s billable, 1.20 USD; what builds on it",
            "    (poster) at most 4.0 s billable, 0.60 USD more",
            *FREE,
        ],
    )  # fmt: skip
    assert (film.root / "specs/pixel.yaml").read_text() == f"{MATRIX}  take: 2\n{POSTER}"


def test_several_at_once(film: Workspace) -> None:
    """Each is raised once, also where they share a file; places are those of the file as it is
    then.
    """
    said = film.run("retake", "poster", "intro", "pixel", "poster")
    assert [line for line in said.out.splitlines() if line.startswith("specs/")] == [
        "specs/pixel.yaml:17:9: take of poster was 3, and is 4 now",
        "specs/intro.yaml:15:11: take of intro was 1, and is 2 now",
        "specs/pixel.yaml:11:9: take of pixel was 1, and is 2 now",
    ]
    raised = POSTER.replace("take: 3   #", "take: 4   #")
    assert (film.root / "specs/pixel.yaml").read_text() == f"{MATRIX}  take: 2\n{raised}"
    assert '\n  "take": 2,\n' in (film.root / "specs/intro.yaml").read_text()
    assert film.run("validate").code == 0


REFUSED: dict[str, tuple[list[str], int, list[str]]] = {
    "a cell": (
        ["intro", "pixel[look=snow]"],
        64,
        [
            'error: "pixel[look=snow]" shares its take with all 3 edits of its matrix.',
            "`cutlist retake pixel` raises it for all of them (3 edits, 12.0 s billable,",
            "1.20 USD; what builds on it (poster) at most 4.0 s billable, 0.60 USD more).",
            "For this one alone give the matrix a list `take: [1]`, write `take: ${{",
            "matrix.take }}`, and include this one with `take: 2` (specs/pixel.yaml:1:1).",
            "Nothing was written.",
        ],
    ),
    "an unknown name": (
        ["pixel", "itnro"],
        64,
        ['error: no edit is named "itnro".', "Did you mean intro? Nothing was written."],
    ),
    "no name": (
        [],
        64,
        [
            "Usage: cutlist retake [OPTIONS] NAME...",
            "Try 'cutlist retake --help' for help.",
            "",
            "Error: Missing argument 'NAME...'.",
        ],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(film: Workspace, case: str) -> None:
    """One name that cannot be meant, and no file is written."""
    names, code, words = REFUSED[case]
    before = film.files()
    said = film.run("retake", *names)
    assert (said.code, said.out, [line.strip() for line in said.err.splitlines()]) == (
        code,
        "",
        words,
    )
    assert all(film.files()[name] == content for name, content in before.items())


def test_a_take_of_the_matrix(film: Workspace) -> None:
    """Where a list says which takes there are, the list is the place to ask for another."""
    listed = MATRIX.replace("fog]", "fog], take: [1, 2]").replace(
        "  model", "  take: ${{ matrix.take }}\n  model"
    )
    film.write("specs/pixel.yaml", listed)
    for name in ("pixel", "pixel[look=snow,take=1]"):
        said = film.run("retake", "intro", name)
        assert said.code == 64
        assert said.err.startswith(
            "error: specs/pixel.yaml:6:9: take is ${{ matrix.take }}, and no number"
        )
    assert (film.root / "specs/pixel.yaml").read_text() == listed
    assert "take" not in (film.root / "specs/intro.yaml").read_text()


def test_an_invalid_project_is_left_alone(film: Workspace) -> None:
    """Its faults are told instead."""
    film.edit("broken", parameters={"resolution": "4K"})
    before = (film.root / "specs/pixel.yaml").read_bytes()
    said = film.run("retake", "pixel")
    assert (said.code, said.out) == (3, "")
    assert "specs/broken.yaml:16:19" in said.err
    assert (film.root / "specs/pixel.yaml").read_bytes() == before


def test_links_and_permissions_stay(film: Workspace) -> None:
    """A manifest that is a link into the project is changed where it lies; who may read it stays as
    it was.
    """
    film.write(
        "shared/linked.yaml",
        MATRIX.replace("name: pixel", "name: linked").replace("./media", "../specs/media"),
    )
    text = (film.root / "shared/linked.yaml").read_text().replace("../specs/media", "./media")
    film.write("shared/linked.yaml", text)
    (film.root / "shared/linked.yaml").chmod(0o600)
    (film.root / "specs/linked.yaml").symlink_to("../shared/linked.yaml")
    assert film.run("retake", "linked").code == 0
    assert (film.root / "specs/linked.yaml").is_symlink()
    assert (film.root / "shared/linked.yaml").read_text() == f"{text}  take: 2\n"
    assert (film.root / "shared/linked.yaml").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (film.root / "shared").iterdir()) == ["linked.yaml"]


def test_a_suspended_edit_costs_nothing(film: Workspace) -> None:
    """Its take is raised, and it is said why that is free for now."""
    film.edit("intro", suspend=True)
    assert (
        "with the next apply: nothing to pay: suspended: left alone"
        in film.run("retake", "intro").out
    )


async def test_it_is_paid_once_and_going_back_is_free(bench: Bench) -> None:
    """The next apply renders it again; the manifest of before finds its result."""
    bench.edit("rain")
    bench.edit("after", "make it night", url="edit://rain")
    await bench.apply()
    path = bench.root / "specs" / "rain.yaml"
    before, first = path.read_bytes(), bench.output("rain").read_bytes()
    (raised,) = bench.project().retake("rain")
    assert (raised.before, raised.after, str(raised.place).partition(":")[0]) == (
        1,
        2,
        "specs/rain.yaml",
    )
    assert bench.network.requests != []
    plan = bench.project().plan()
    assert plan.summary["render"] == plan.summary["wait"] == 1
    report = await bench.apply()
    assert (report.done(Action.RENDER), bench.creates()) == (2, 4)
    assert bench.output("rain").read_bytes() != first
    path.write_bytes(before)
    report = await bench.apply()
    assert (report.done(Action.WRITE), bench.creates()) == (1, 4)
    assert bench.output("rain").read_bytes() == first
    (raised,) = bench.project().retake("rain")
    assert raised.cost.startswith("nothing to pay: ")  # its result is in the store since


async def test_it_asks_nobody(bench: Bench) -> None:
    """Nothing is sent, not even a question; a slip or a fault leaves every manifest as it was."""
    bench.edit("rain")
    bench.edit("snow")
    bench.project().retake("rain")
    with pytest.raises(UsageError):
        bench.project().retake("snow", "nobody")
    bench.edit("hail", take=0)
    with pytest.raises(InvalidInput):
        bench.project().retake("snow")
    assert "take" not in (bench.root / "specs" / "snow.yaml").read_text()
    assert bench.network.requests == []

"""Saved plans that must not be carried out. Each has its words in plans/; nothing is sent and
nothing rendered.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.formats.digest import digest_json
from reconciler.state import plans
from tests.workspace import Workspace

HERE = Path(__file__).parent / "plans"
PLAN = "night.plan"
Spoil = Callable[[Workspace], None]


def _document(film: Workspace) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((film.root / PLAN).read_bytes())
    return made


def _sealed(film: Workspace, document: dict[str, Any]) -> None:
    """Write a plan whose digest is right, as somebody who knows how could."""
    rest = {name: value for name, value in document.items() if name != "digest"}
    film.write(PLAN, json.dumps({**rest, "digest": digest_json(rest)}))


def edit_changed(film: Workspace) -> None:
    """The prompt of an edit is another one."""
    film.edit(
        "rain",
        input={"prompt": "Make it hail", "media": [{"type": "video", "url": "./media/ok.mp4"}]},
    )


def edit_gone_and_new(film: Workspace) -> None:
    """One edit was taken out, another came."""
    (film.root / "specs/rain.yaml").unlink()
    film.edit("hail")


def clip_changed(film: Workspace) -> None:
    """The bytes of a local clip are others."""
    clip = film.root / "specs/media/ok.mp4"
    content = clip.read_bytes()
    clip.unlink()
    clip.write_bytes(content + b"\0\0\0\x08free")


def file_appeared(film: Workspace) -> None:
    """A file of somebody else's is where an output should go."""
    film.write("renders/rain.mp4", "a holiday")


def rewrite(film: Workspace, old: str, new: str) -> None:
    """Replace text of the project file."""
    text = (film.root / "cutlist.yaml").read_text()
    assert old in text
    film.write("cutlist.yaml", text.replace(old, new))


def price_changed(film: Workspace) -> None:
    """The project file names another price."""
    rewrite(film, "720P: 0.10", "720P: 0.15")


def currency_changed(film: Workspace) -> None:
    """The project file names another currency."""
    rewrite(film, "USD", "EUR")


def applied_already(film: Workspace) -> None:
    """The plan was applied before, whatever came of it."""
    plans.use(film.root / ".cutlist/mock", _document(film)["id"], tmp_name="test")


def other_project(film: Workspace) -> None:
    """The plan is of a project with another name."""
    rewrite(film, "{name: film}", "{name: opera}")


def other_account(film: Workspace) -> None:
    """The project is another account's now."""
    rewrite(film, "  endpoint: mock", "  endpoint: mock\n  account: studio")


def other_realm(film: Workspace) -> None:
    """The plan was made for the mock, and the project renders live now."""
    rewrite(film, "endpoint: mock", "endpoint: singapore")


def changed_by_hand(film: Workspace) -> None:
    """A price in the file is another one."""
    film.write(PLAN, (film.root / PLAN).read_text().replace('"price": 0.4', '"price": 0.1'))


def cut_short(film: Workspace) -> None:
    """Half of the file is missing."""
    film.write(PLAN, (film.root / PLAN).read_bytes()[:500])


def other_version(film: Workspace) -> None:
    """A later version of this program wrote it."""
    _sealed(film, {**_document(film), "version": 3})


def another_step(film: Workspace) -> None:
    """Somebody sealed a plan that claims another action."""
    document = _document(film)
    document["plan"]["steps"][0]["action"] = "keep"
    _sealed(film, document)


def fewer_steps(film: Workspace) -> None:
    """Somebody sealed a plan that shows less than it does."""
    document = _document(film)
    document["plan"]["steps"].pop()
    _sealed(film, document)


def lower_price(film: Workspace) -> None:
    """Somebody sealed a plan that shows a lower price."""
    document = _document(film)
    document["plan"]["cost"]["at_most_price"] = 0.01
    _sealed(film, document)


def unknown_option(film: Workspace) -> None:
    """Somebody sealed a plan with an option that nobody knows."""
    document = _document(film)
    document["options"]["yolo"] = True
    _sealed(film, document)


def wrong_option(film: Workspace) -> None:
    """Somebody sealed a plan with an option of another kind."""
    document = _document(film)
    document["options"]["target"] = True
    _sealed(film, document)


def no_place(film: Workspace) -> None:
    """Somebody sealed a plan whose steps stand nowhere."""
    document = _document(film)
    document["plan"]["steps"][0]["place"] = f"a:{'9' * 5000}:1"
    _sealed(film, document)


def hidden_name(film: Workspace) -> None:
    """Somebody sealed a plan with a name that would write on the terminal."""
    document = _document(film)
    document["desired"]["\x1b[2J\u202e"] = "0" * 64
    document["project"]["account"] = "\x1b]0;hello\x07"
    _sealed(film, document)


def not_json(film: Workspace) -> None:
    """A manifest instead of a plan."""
    film.write(PLAN, (film.root / "specs/rain.yaml").read_bytes())


def other_json(film: Workspace) -> None:
    """What `plan --json` prints instead of a plan."""
    film.write(PLAN, json.dumps(_document(film)["plan"]))


def too_deep(film: Workspace) -> None:
    """So many levels that a careless reader would end with a stack overflow."""
    film.write(PLAN, "[" * 200_000)


def missing(film: Workspace) -> None:
    """No file."""
    (film.root / PLAN).unlink()


def a_folder(film: Workspace) -> None:
    """A folder."""
    (film.root / PLAN).unlink()
    (film.root / PLAN).mkdir()


def a_pipe(film: Workspace) -> None:
    """A pipe that nobody writes into: reading it would never end."""
    (film.root / PLAN).unlink()
    os.mkfifo(film.root / PLAN)


CASES: dict[Spoil, int] = {
    edit_changed: 1,
    edit_gone_and_new: 1,
    clip_changed: 1,
    file_appeared: 1,
    price_changed: 1,
    currency_changed: 1,
    applied_already: 1,
    other_project: 1,
    other_account: 1,
    other_realm: 1,
    another_step: 1,
    fewer_steps: 1,
    lower_price: 1,
    changed_by_hand: 3,
    cut_short: 3,
    other_version: 3,
    unknown_option: 3,
    wrong_option: 3,
    no_place: 3,
    not_json: 3,
    hidden_name: 3,
    other_json: 3,
    too_deep: 3,
    missing: 3,
    a_folder: 3,
    a_pipe: 3,
}


@pytest.fixture
def film(workspace: Workspace, media: Path) -> Workspace:
    """A project with two edits and a saved plan."""
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    workspace.edit("snow")
    assert workspace.run("plan", "--out", PLAN).code == 0
    return workspace


@pytest.mark.parametrize("spoil", CASES, ids=lambda spoil: spoil.__name__)
def test_refused(spoil: Spoil, film: Workspace, golden: Callable[[Path, str], None]) -> None:
    """The words of its .txt, 1 for a plan that no longer fits and 3 for a file that is none; no
    file is touched.
    """
    spoil(film)
    before = film.files() if spoil is not a_pipe else {}
    said = film.run("apply", PLAN, "--auto-approve")
    golden(
        HERE / f"{spoil.__name__}.txt",
        f"{said.err}{said.out}exit {said.code}\n".replace(str(film.root), "ROOT"),
    )
    assert said.code == CASES[spoil]
    assert "Traceback" not in said.err
    if before:
        written = {name for name, content in film.files().items() if before.get(name) != content}
        assert all(
            name.startswith((".cutlist/cache/", ".cutlist/mock/", ".cutlist/live/"))
            for name in written
        )
    assert not (film.root / ".cutlist/mock/server").exists()
    if CASES[spoil] == 3:
        shown = film.run("show", PLAN)
        nowhere = (
            f'error: there is no file "{PLAN}", and no edit is named "{PLAN}".\n  `cutlist'
            " status` lists the 2 edits.\n"
        )
        assert (shown.code, shown.err) == ((64, nowhere) if spoil is missing else (3, said.err))
    assert list((film.root / "renders").glob("*")) == (
        [film.root / "renders/rain.mp4"] if spoil is file_appeared else []
    )


@pytest.mark.parametrize("path", ["cutlist.yaml", "specs/rain.yaml", "renders"])
def test_a_plan_is_never_saved_over_something_else(path: str, film: Workspace) -> None:
    """What --out would destroy is left as it is."""
    film.write("renders/x", "y")
    before = film.files()
    said = film.run("plan", "--out", path)
    assert said.code == 64
    assert "no saved plan" in said.err
    assert {name: film.files()[name] for name in before} == before


def test_options_are_those_of_the_plan(film: Workspace) -> None:
    """Options that would make another plan are refused together with a file."""
    said = film.run("apply", PLAN, "--target", "rain", "--force")
    assert said.code == 64
    assert "--target, --force" in said.err or "--force, --target" in said.err


def test_show_writes_nothing_on_the_terminal_that_moves_it(film: Workspace) -> None:
    """A plan of a stranger's, sealed by somebody who knows how, is shown without its control
    characters.
    """
    document = _document(film)
    document["plan"]["steps"][0]["reason"] = "\x1b[2J\u202egone"
    _sealed(film, document)
    said = film.run("show", PLAN)
    assert said.code == 0
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out

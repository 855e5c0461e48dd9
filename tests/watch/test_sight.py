"""A look at what was heard of sees what a look at everything sees."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from random import Random

import pytest

from reconciler import Project
from reconciler.watch import sight
from reconciler.watch.sight import Eyes
from tests.clock import FakeClock
from tests.watch.watched import Watched, write_edit

EDITS = 12
STEPS = 30


def open_eyes(root: Path) -> Eyes:
    """Eyes that have looked at a project once, at a time at which none of its files is young."""
    config = Project.open(root).config
    eyes = Eyes(config, lambda: config, FakeClock(4e9))
    eyes.look()
    return eyes


def name_file(number: int) -> str:
    return f"specs/film-{number:02}.yaml"


def save_something(chance: Random, path: Path) -> None:
    """Another prompt, a clip of the project, another output, something broken, or nothing new."""
    text = write_edit(path.stem, f"rain {chance.random()}")
    document = json.loads(text)
    match chance.randrange(5):
        case 0:
            document["spec"]["input"]["media"][0]["url"] = f"../media/{chance.randrange(3)}.mp4"
        case 1:
            document["spec"]["output"] = f"renders/other/{chance.randrange(3)}.mp4"
        case 2:
            path.write_text("apiVersion: [")
            return
        case 3:
            path.touch()
            return
    path.write_text(json.dumps(document))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of some edits."""
    root = tmp_path / "project"
    for number in range(EDITS):
        path = root / name_file(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(write_edit(path.stem))
    project_file = {"apiVersion": "cutlist/v1", "kind": "Project", "spec": {"manifests": ["specs"]}}
    (root / "cutlist.yaml").write_text(json.dumps(project_file))
    return root


@pytest.mark.parametrize("seed", range(3))
def test_a_look_at_what_was_heard_of_sees_everything(project: Path, seed: int) -> None:
    """Whatever is saved in manifests, and also where one of them is gone."""
    chance, whole, part = Random(seed), open_eyes(project), open_eyes(project)
    for _ in range(STEPS):
        paths = [name_file(number) for number in chance.sample(range(EDITS), 2)]
        for path in paths:
            if (project / path).exists() and chance.random() < 0.9:
                save_something(chance, project / path)
            else:
                (project / path).unlink(missing_ok=True)
        assert part.look_at(paths) == whole.look()
    assert part.look() == whole.look()


def test_what_was_not_heard_of_is_seen_later(project: Path) -> None:
    """A look at one manifest takes the stamp of no other; a look at everything sees those too."""
    eyes = open_eyes(project)
    before = eyes.look()
    for number in (1, 2):
        (project / name_file(number)).write_text("changed")
    assert eyes.look_at([name_file(1)]).list_changes(before) == [name_file(1)]
    assert eyes.look().list_changes(before) == [name_file(1), name_file(2)]


async def test_a_save_is_looked_at_by_itself(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many manifests a save leads to one stamp, and its pass begins with that."""
    for number in range(EDITS):
        watched.edit(f"film-{number:02}")
    stamps: list[str] = []
    looks: list[list[str]] = []  # stamps of each look at what was heard of
    whole = [0]  # how often everything was looked at
    take, look, look_at = sight.take_stamp, Eyes.look, Eyes._look_at

    def note_stamp(path: str, *, now_ns: int = 0) -> sight.Stamp:
        stamps.append(Path(path).relative_to(watched.root).as_posix())
        return take(path, now_ns=now_ns)

    def note_look(eyes: Eyes, paths: list[str]) -> sight.Sight | None:  # one look at a time
        stamps.clear()
        seen = look_at(eyes, paths)
        looks.append([*stamps])
        return seen

    def count_look(eyes: Eyes) -> sight.Sight:
        whole[0] += 1
        return look(eyes)

    monkeypatch.setattr(sight, "take_stamp", note_stamp)
    monkeypatch.setattr(Eyes, "look", count_look)
    monkeypatch.setattr(Eyes, "_look_at", note_look)
    prompts = iter(("snow", "fog", "ice"))
    async with watched.watching():
        while not looks:  # what the pass before has written may be heard of together with the save
            begun = whole[0]
            await watched.until(lambda: whole[0] >= begun + 1)  # noqa: B023  (done before the next)
            edit = partial(watched.edit, "film-07", next(prompts))
            assert await watched.change(edit) == (name_file(7),)
    assert all(each == [name_file(7)] for each in looks)

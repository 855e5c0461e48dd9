"""What people and their tools do to files, and that the watch sees it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.apply.events import Event, Phase
from reconciler.apply.request import ApplyHooks
from tests.repository import Repository
from tests.watch.watched import Watched, write_edit


def save_in_place(path: Path, text: str) -> None:
    """nano's way, and VS Code's."""
    path.write_text(text)


def save_by_rename(path: Path, text: str) -> None:
    """The way of programs that write a temporary file and rename it over the old one."""
    new = path.with_name(f".{path.name}.x7Qk2")
    new.write_text(text)
    new.replace(path)


def save_with_backup(path: Path, text: str) -> None:
    """The way of vim: a probe, the old file moved aside, a new one written, the backup gone."""
    probe = path.with_name("4913")
    probe.touch()
    probe.unlink()
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


def save_with_sed(path: Path, text: str) -> None:
    subprocess.run(["sed", "-i", "s/rain/snow/", str(path)], check=True)


def save_as_sync_client(path: Path, text: str) -> None:
    """A file of another name that grows, then takes the place of the old one, with an old time."""
    new = path.with_name(f"{path.name}.part")
    with new.open("w") as file:
        for character in text:
            file.write(character)
            file.flush()
    os.utime(new, (1_700_000_000, 1_700_000_000))
    path.unlink()
    new.rename(path)


@pytest.mark.parametrize(
    "save",
    [save_in_place, save_by_rename, save_with_backup, save_with_sed, save_as_sync_client],
    ids=lambda save: save.__name__,
)
async def test_a_saved_manifest(watched: Watched, save: Callable[[Path, str], None]) -> None:
    """However it is saved: one pass, which renders what it asks for now."""
    path = watched.edit("film", "rain")
    async with watched.watching():
        changed = await watched.change(lambda: save(path, write_edit("film", "snow")))
    assert changed == ("specs/film.yaml",)
    assert watched.list_prompts() == ["rain", "snow"]
    assert len(watched.passes) == 2


@pytest.mark.skipif(shutil.which("vim") is None, reason="there is no vim here")
async def test_vim(watched: Watched) -> None:
    """The editor itself, with its swap file."""
    path = watched.edit("film", "rain")
    command = ["vim", "-u", "NONE", "-es", "-c", "%s/rain/snow/", "-c", "wq", str(path)]
    async with watched.watching():
        changed = await watched.change(lambda: subprocess.run(command, check=True))
    assert changed == ("specs/film.yaml",)
    assert watched.list_prompts() == ["rain", "snow"]


async def test_folders_of_manifests(watched: Watched, tmp_path: Path) -> None:
    """Moved in, copied in, renamed, moved out: the passes that follow see what is there then."""
    for name in ("moved", "copied"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / f"{name}.yaml").write_text(write_edit(name, name))
    specs = watched.root / "specs"
    specs.mkdir()
    async with watched.watching():
        moved = await watched.change(lambda: shutil.move(tmp_path / "moved", specs / "moved"))
        assert moved == ("specs/moved/deep/moved.yaml",)
        await watched.change_seen(
            lambda: subprocess.run(["cp", "-r", tmp_path / "copied", specs], check=True),
            "specs/copied/deep/copied.yaml",
        )
        await watched.change_seen(
            lambda: (specs / "moved").rename(specs / "new"),
            "specs/moved/deep/moved.yaml",
            "specs/new/deep/moved.yaml",
        )
        await watched.change_seen(
            lambda: shutil.move(specs / "copied", tmp_path / "out"),
            "specs/copied/deep/copied.yaml",
        )
        await watched.change_seen(
            lambda: (specs / "new/deep/moved.yaml").write_text(write_edit("moved", "again")),
            "specs/new/deep/moved.yaml",
        )
    assert watched.list_prompts() == ["moved", "copied", "again"]


async def test_git(watched: Watched) -> None:
    """`git switch` and `git stash` change what is there; what comes back is not paid for again."""
    path = watched.edit("film", "rain")
    watched.write(".gitignore", ".cutlist\nrenders\n")
    repository = Repository(watched.root)
    repository.commit("film: rain")
    repository.git("switch", "--quiet", "--create", "winter")
    path.write_text(write_edit("film", "snow"))
    repository.commit("film: snow")
    async with watched.watching():
        for command, prompts in (
            (["switch", "--quiet", "main"], ["snow", "rain"]),
            (["switch", "--quiet", "winter"], ["snow", "rain"]),
        ):
            changed = await watched.change(lambda command=command: repository.git(*command))
            assert changed[0] == "specs/film.yaml"
            assert watched.list_prompts() == prompts
        await watched.change(lambda: path.write_text(write_edit("film", "hail")))
        await watched.change(lambda: repository.git("stash", "--quiet"))
    assert watched.list_prompts() == ["snow", "rain", "hail"]
    assert watched.reports[-1].left.summary["keep"] == 1


def put(source: Path, target: Path) -> None:
    """Put a clip at a path, whole from its first instant."""
    part = target.with_name(f".{target.name}.part")
    shutil.copy(source, part)
    part.replace(target)


async def test_media(watched: Watched, media: Path, tmp_path: Path) -> None:
    """A clip that was missing when its manifest was read, a clip that is saved, and the target of
    a link, in a folder that no manifest names.
    """
    watched.edit("film", "rain", "./media/clip.mp4")
    watched.edit("linked", "rain", "./media/link.mp4")
    target = watched.write("assets/target.mp4", (media / "ok.mp4").read_bytes())
    folder = watched.root / "specs/media"
    folder.mkdir()
    (folder / "link.mp4").symlink_to("../../assets/target.mp4")
    async with watched.watching():
        assert "does not exist" in str(watched.errors[0])
        clip = folder / "clip.mp4"
        assert await watched.change(lambda: put(media / "ok.mp4", clip)) == (
            "specs/media/clip.mp4",
        )
        assert len(watched.list_prompts()) == 1  # both ask for the same
        assert await watched.change(lambda: put(media / "four-seconds.mp4", clip)) == (
            "specs/media/clip.mp4",
        )
        assert await watched.change(lambda: put(media / "six-seconds.mp4", target)) == (
            "specs/media/link.mp4",
        )
        out = await watched.change(lambda: shutil.move(folder, tmp_path / "away"))
        assert out == ("specs/media/clip.mp4", "specs/media/link.mp4")
        assert "does not exist" in str(watched.errors[-1])
        await watched.change(lambda: shutil.move(tmp_path / "away", folder))
    assert len(watched.list_prompts()) == 3
    assert watched.reports[-1].left.summary["keep"] == 2


async def test_a_manifest_of_any_name(watched: Watched) -> None:
    """`manifests:` may name a file that does not end in .yaml, and one that is not there yet."""
    watched.write_project(manifests=["films.txt", "later"])
    path = watched.write("films.txt", write_edit("film", "rain"))
    async with watched.watching():
        assert "does not exist" in str(watched.errors[0])
        assert await watched.change(lambda: watched.write("later", write_edit("late", "fog"))) == (
            "later",
        )
        await watched.change(lambda: path.write_text(write_edit("film", "snow")))
    assert sorted(watched.list_prompts()[:2]) == ["fog", "rain"]  # in one pass
    assert watched.list_prompts()[2:] == ["snow"]


async def test_outputs(watched: Watched) -> None:
    """An output that is deleted is there again, unpaid; what a pass writes starts no other pass."""
    watched.edit("film", "rain")
    async with watched.watching():
        assert await watched.change(watched.output("film").unlink) == ("renders/film.mp4",)
        assert watched.output("film").exists()
        await watched.change(lambda: shutil.rmtree(watched.root / "renders"))
        assert watched.output("film").exists()
        watched.write_project(limits={"running_tasks": 3})
        await watched.until_passes(4)
    assert watched.passes[3] == ("cutlist.yaml",)
    assert len(watched.passes) == 4
    assert watched.list_prompts() == ["rain"]


async def test_an_output_that_is_deleted_at_once(watched: Watched) -> None:
    """Gone before the pass that wrote it has ended: it is missed all the same."""
    watched.edit("film", "rain")
    deleted = 0

    def delete_once(event: Event) -> None:
        nonlocal deleted
        if event.phase is Phase.WRITTEN and event.name == "film" and not deleted:
            deleted += 1
            asyncio.get_running_loop().call_soon(watched.output("film").unlink)

    watched.hooks = ApplyHooks(observe=delete_once)
    async with watched.watching():
        await watched.until(lambda: deleted and watched.output("film").exists())
    assert watched.list_prompts() == ["rain"]

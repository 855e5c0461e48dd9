"""What the watch does where the system tells it nothing, or too late."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from watchfiles import _rust_notify

from reconciler.watch.ears import Ears
from reconciler.watch.lookout import Lookout
from tests.watch.watched import Watched, write_edit

LIMIT = 'OS file watch limit reached. about ["/films"] (Error { kind: MaxFilesWatch })'


class Refusing:
    """A system that watches no folder more, from the start or from the first batch on."""

    def __init__(self, *_: object) -> None:
        raise OSError(LIMIT)


class Failing:
    """One that reaches the limit by a folder that is made later."""

    def __init__(self, *_: object) -> None:
        pass

    def watch(self, *_: object) -> set[tuple[int, str]]:
        raise _rust_notify.WatchfilesRustInternalError(f"error in underlying watcher: {LIMIT}")


@pytest.mark.parametrize("notify", [Refusing, Failing])
async def test_a_limit_of_the_system(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, notify: type
) -> None:
    """One sentence names the setting, and the project is looked at instead of listened to."""
    monkeypatch.setattr(_rust_notify, "RustNotify", notify)
    path = watched.edit("film", "rain")
    async with watched.watching():
        await watched.change(lambda: path.write_text(write_edit("film", "snow")))
        await watched.change(watched.output("film").unlink)
    assert len(watched.said) == 1 and "fs.inotify.max_user_watches" in watched.said[0]
    assert watched.list_prompts() == ["rain", "snow"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (os.strerror(errno.EMFILE), "fs.inotify.max_user_instances"),
        ("No path was found", "No path was found"),
    ],
)
async def test_other_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, told: str
) -> None:
    """Whatever else the system says is in the sentence; then nothing is heard, and time goes by."""

    def refuse(*_: object) -> None:
        raise RuntimeError(f"Error creating recommended watcher: {words} (os error 24)")

    monkeypatch.setattr(_rust_notify, "RustNotify", refuse)
    ears = Ears(tmp_path)
    assert told in await ears.open()
    assert ears.is_deaf and await ears.hear(0.001) == ((), "")
    await ears.close()


def test_the_true_limit(tmp_path: Path) -> None:
    """The kernel's own refusal is understood: in a namespace that may watch four folders."""
    for name in "abcdefgh":
        (tmp_path / name).mkdir()
    code = (
        "import asyncio, pathlib, sys\n"
        "from reconciler.watch.ears import Ears\n"
        "async def main():\n"
        "    ears = Ears(pathlib.Path(sys.argv[1]))\n"
        "    print(await ears.open())\n"
        "    await ears.close()\n"
        "asyncio.run(main())\n"
    )
    limited = 'echo 4 > /proc/sys/user/max_inotify_watches || exit 77; exec "$@"'
    command = ["unshare", "-Ur", "sh", "-c", limited, "sh", sys.executable, "-c", code, tmp_path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if done.returncode:
        pytest.skip("no namespace of our own is allowed here")
    assert "fs.inotify.max_user_watches" in done.stdout


async def test_nothing_is_lost_when_a_wait_is_cancelled(tmp_path: Path) -> None:
    """What came while somebody waited who was cancelled is heard by the next one."""
    ears = Ears(tmp_path)
    assert await ears.open() == ""
    waiting = asyncio.ensure_future(ears.hear(60))
    await asyncio.sleep(0)
    waiting.cancel()
    (tmp_path / "film.yaml").touch()
    heard, _ = await ears.hear(20)
    assert set(heard) == {str(tmp_path / "film.yaml")}
    await ears.close()


async def test_waking_is_a_reason(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a jump of the clock there is a pass, though nothing was saved."""
    monkeypatch.setattr("reconciler.watch.lookout._MOST_DOZE_S", 0.01)
    watched.edit("film", "rain")
    async with watched.watching():
        now = watched.clock.now
        watched.clock.now = lambda: now() + 3600  # type: ignore[method-assign]
        await watched.until_passes(2)
    assert watched.causes == ["start", "woke"] and watched.passes[1] == ()
    assert watched.list_prompts() == ["rain"]


async def test_what_others_write_is_nothing(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that nobody names, of other programs, editors and git, start no pass."""
    looked = 0
    note_look = Lookout._note

    def count(lookout: Lookout, path: str) -> None:
        nonlocal looked
        looked += 1
        note_look(lookout, path)

    monkeypatch.setattr(Lookout, "_note", count)
    path = watched.edit("film", "rain")
    async with watched.watching():
        for name in (".git/index", "specs/.film.yaml.swp", "specs/film.yaml~", "specs/4913.tmp"):
            watched.write(name, "x")
        await watched.until(lambda: looked)
        await watched.change(lambda: path.write_text(write_edit("film", "snow")))
    assert watched.passes == [(), ("specs/film.yaml",)]

"""Killed at each fsync of what writes, then done again, then a power cut: what was said to be safe
is there.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.state.observed import Result
from reconciler.state.spill import Spill
from reconciler.state.store import FolderStore
from reconciler.system.cache import open_cache
from reconciler.system.files import make_dirs, write_atomic
from tests.clock import FakeClock
from tests.simulation.disk import Disk
from tests.simulation.loop import Killed

FILM = b"the bytes of a film"
CLOCK = FakeClock()


class Worst(random.Random):
    """Whatever can be lost is lost."""

    def random(self) -> float:
        return 0.0

    def choice(self, options: Sequence[Any]) -> Any:
        return options[0]


@contextmanager
def durable_by(fsync: Callable[[int], None]) -> Iterator[None]:
    """`fsync` in the place of os.fsync."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield


def killed(disk: Disk, action: Callable[[Path], None], fsyncs: int, target: Path) -> Disk | None:
    """The disk at `target` after `action` was killed before the fsync that follows so many; None:
    it was not.
    """
    left: list[Disk] = []
    done: list[int] = []

    def fsync(handle: int) -> None:
        if left or len(done) == fsyncs:
            left.append(left[0] if left else disk.after_kill(target))
            raise Killed
        done.append(handle)
        disk.fsync(handle)

    with durable_by(fsync):
        try:
            action(disk.root)
        except Killed:
            return left[0]
    return None


def always_there(
    folder: Path, action: Callable[[Path], None], there: Callable[[Path], bool]
) -> None:
    """However early `action` is killed: once it has been done again, a power cut takes nothing of
    it.
    """
    for fsyncs in range(100):
        first = Disk(folder / f"{fsyncs}-first")
        first.root.mkdir(parents=True)
        first.settle()
        second = killed(first, action, fsyncs, folder / f"{fsyncs}-second")
        first.close()
        if second is None:
            assert fsyncs > 0
            return
        assert killed(second, action, 100, folder) is None
        last = second.after_power_cut(folder / f"{fsyncs}-last", Worst())
        second.close()
        last.close()
        assert there(last.root), f"killed before fsync {fsyncs + 1}"


def store_of(root: Path) -> FolderStore:
    """The store as a project has it."""
    return FolderStore(root / ".cutlist/live", CLOCK)


def put(root: Path) -> None:
    """A film into the store, with its record."""
    store = store_of(root)
    with store.new_blob() as blob:
        blob.write(FILM)
        digest = blob.commit()
    store.put_result(
        Result(
            "ab" * 32,
            digest,
            len(FILM),
            5.0,
            16,
            16,
            "",
            "edit",
            {},
            {"task_id": "task"},
            {},
            "endpoint",
            "me",
        )
    )


def test_a_power_cut_takes_what_nobody_made_durable(tmp_path: Path) -> None:
    """The disk of these tests forgets unsynced bytes and names, and nothing else."""
    disk = Disk(tmp_path / "first")
    disk.root.mkdir()
    (disk.root / "old").write_bytes(b"old")
    disk.settle()
    with durable_by(disk.fsync):
        write_atomic(disk.root / "safe", b"safe", tmp_name=CLOCK.new_id())
    (disk.root / "name").write_bytes(b"no fsync")
    (disk.root / "tmp").write_bytes(b"new")
    (disk.root / "tmp").rename(disk.root / "old")
    after = disk.after_kill(tmp_path / "second").after_power_cut(tmp_path / "third", Worst())
    assert {path.name: path.read_bytes() for path in after.root.iterdir()} == {
        "old": b"old",
        "safe": b"safe",
    }
    assert after.lost == {"names": 2}


def test_folders(tmp_path: Path) -> None:
    """A folder whose maker was killed before its name was durable is made durable by whoever finds
    it.
    """

    def write(root: Path) -> None:
        make_dirs(root / "a/b")
        write_atomic(root / "a/b/c/file", b"bytes", tmp_name=CLOCK.new_id())

    always_there(tmp_path, write, lambda root: (root / "a/b/c/file").exists())


def test_beside_the_cache(tmp_path: Path) -> None:
    """The cache, which may be the first to need a folder, makes it as durable as those that build
    on it.
    """

    def write(root: Path) -> None:
        cache = open_cache(root / ".cutlist/cache")
        cache.put("table", "key", 1)
        cache.save()
        write_atomic(root / ".cutlist/live/file", b"bytes", tmp_name=CLOCK.new_id())

    always_there(tmp_path, write, lambda root: (root / ".cutlist/live/file").exists())


def test_blobs_and_results(tmp_path: Path) -> None:
    """What is there already is made durable too, before anybody builds on it."""
    always_there(tmp_path, put, lambda root: len(store_of(root).read_all_results()[0]) == 1)


def test_catching_up(tmp_path: Path) -> None:
    """A record that a killed run left is durable before the ledger says SUCCEEDED of it."""

    def found(root: Path) -> None:
        if not store_of(root).read_all_results()[0]:
            put(root)
        for results in store_of(root).read_all_results()[0].values():
            store_of(root).confirm(results[0])

    always_there(tmp_path, found, lambda root: len(store_of(root).read_all_results()[0]) == 1)


def test_the_spill_file(tmp_path: Path) -> None:
    """The room that was set aside is there, whoever set it aside."""

    def note(root: Path) -> None:
        spill = Spill(root / "live/spill")
        spill.set_room_aside()
        assert spill.note("attempt", "task", "request", at=0.0)

    always_there(tmp_path, note, lambda root: bool(Spill(root / "live/spill").read()))

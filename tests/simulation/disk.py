"""A disk that forgets at a power cut what nobody has made durable.

What is durable is what `os.fsync` was called for: the bytes of a file, the names in a folder. All
else is as chance has it: names are there or not, replaced files are the old or the new one, bytes
are there, cut short, or zeros. The ledger stays: SQLite says that a commit is durable (WAL,
synchronous=FULL), and syncs the folder of its log.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import stat
from collections import Counter
from pathlib import Path

LEDGER = "ledger.db"


class Disk:
    """One project folder, and what of it a power cut leaves."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lost: Counter[str] = Counter()  # what the power cut took that made this disk
        self._bytes: dict[int, bytes] = {}  # by inode, as last made durable
        # by inode of the folder: inodes by name, as last made durable
        self._names: dict[int, dict[str, int]] = {}
        # a descriptor by inode: while it is open no other file gets that number
        self._held: dict[int, int] = {}

    def fsync(self, handle: int) -> None:
        """Make an open file or folder durable."""
        info = os.fstat(handle)
        if info.st_ino not in self._held:
            self._held[info.st_ino] = os.dup(handle)
        if stat.S_ISDIR(info.st_mode):
            self._names[info.st_ino] = _names(handle)
        else:
            self._bytes[info.st_ino] = Path(f"/proc/self/fd/{handle}").read_bytes()

    def settle(self) -> None:
        """Make everything durable."""
        self._hold()
        for handle in list(self._held.values()):
            self.fsync(handle)

    def after_kill(self, target: Path) -> Disk:
        """The same at `target`, where the dead, who keep their handles, cannot reach it."""
        after = Disk(target)
        shutil.copytree(self.root, target, symlinks=True)
        moved = {
            path.stat().st_ino: (target / path.relative_to(self.root)).stat().st_ino
            for path in _all(self.root)
        }
        gone = itertools.count(-1, -1)  # replaced or removed, and not durably so
        for inode in [
            *self._bytes,
            *self._names,
            *(each for names in self._names.values() for each in names.values()),
        ]:
            if inode not in moved:
                moved[inode] = next(gone)
        after._bytes = {moved[inode]: data for inode, data in self._bytes.items()}
        after._names = {
            moved[folder]: {name: moved[inode] for name, inode in names.items()}
            for folder, names in self._names.items()
        }
        after._hold()
        return after

    def after_power_cut(self, target: Path, rng: random.Random) -> Disk:
        """At `target`, what is durable, and of the rest what chance leaves."""
        after = Disk(target)
        self._leave(self.root, after, target, rng)
        after.settle()
        return after

    def close(self) -> None:
        """Nothing is asked of it any more."""
        while self._held:
            os.close(self._held.popitem()[1])

    # -------------------------------------------------------------- what is left

    def _leave(self, source: Path, after: Disk, target: Path, rng: random.Random) -> None:
        target.mkdir()
        durable, now = self._names.get(source.stat().st_ino, {}), _names(source)
        for name in sorted(durable.keys() | now.keys()):
            if name == f"{LEDGER}-shm":
                continue
            inode = now.get(name)
            if inode != durable.get(name) and not name.startswith(LEDGER) and rng.random() < 0.7:
                inode = durable.get(name)
                after.lost["names"] += 1
            if inode is None:
                continue
            path = source / name
            if path.is_dir():
                self._leave(path, after, target / name, rng)
            elif name.startswith(LEDGER):
                shutil.copy2(path, target / name)
            else:
                (target / name).write_bytes(
                    self._left_of(inode, path if inode == now.get(name) else None, after, rng)
                )

    def _left_of(self, inode: int, path: Path | None, after: Disk, rng: random.Random) -> bytes:
        durable = self._bytes.get(inode, b"")
        written = durable if path is None else path.read_bytes()
        if written == durable:
            return durable
        after.lost["bytes"] += 1
        return rng.choice((durable, written[: len(written) // 2], bytes(len(written)), written))

    def _hold(self) -> None:
        for path in _all(self.root):
            inode = path.stat().st_ino
            if inode not in self._held:
                self._held[inode] = os.open(path, os.O_RDONLY)


def _all(root: Path) -> list[Path]:
    return [root, *sorted(root.rglob("*"))]


def _names(folder: Path | int) -> dict[str, int]:
    with os.scandir(folder) as entries:
        return {entry.name: entry.inode() for entry in entries}

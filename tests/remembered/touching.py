"""What anybody can do to a file, with as little to be seen of it as can be."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

from tests.remembered.stage import remove


def write_over(path: Path, content: bytes, chance: Random) -> None:
    """Other bytes in the same file or in its place, often with the times that were there."""
    info = path.stat()
    if chance.random() < 0.3:
        other = path.with_name(".other")
        other.write_bytes(content)
        other.chmod(info.st_mode & 0o777)
        other.rename(path)
    else:
        path.chmod(info.st_mode | 0o200)
        path.write_bytes(content)
        path.chmod(info.st_mode & 0o777)
    if chance.random() < 0.7:
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def bend(path: Path, chance: Random) -> None:
    """One byte is another one; the size stays."""
    raw = bytearray(path.read_bytes())
    if raw:
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(7)
        write_over(path, bytes(raw), chance)


def bend_in_place(path: Path, chance: Random) -> None:
    """The same in the same file."""
    raw = bytearray(path.read_bytes())
    if raw:
        raw[chance.randrange(len(raw))] ^= 1
        path.chmod(path.stat().st_mode | 0o200)
        path.write_bytes(raw)


def cut(path: Path, chance: Random) -> None:
    """Its end is gone, or all of it."""
    raw = path.read_bytes()
    write_over(path, raw[: chance.choice((0, len(raw) // 2))], chance)


def touch(path: Path, chance: Random) -> None:
    """Its times are others, and nothing else."""
    os.utime(path)


def copy_again(path: Path, chance: Random) -> None:
    """The same bytes and times in another file of that name."""
    other = path.with_name(".copy")
    shutil.copy2(path, other)
    other.rename(path)


def lose(path: Path, chance: Random) -> None:
    """It is gone."""
    remove(path)


def make_link(path: Path, chance: Random) -> None:
    """A link to the file, which lies elsewhere now."""
    elsewhere = path.with_name(f"{path.name}.real")
    path.rename(elsewhere)
    path.symlink_to(elsewhere.name)


def make_folder(path: Path, chance: Random) -> None:
    """A folder in its place."""
    remove(path)
    path.mkdir()


def exchange(one: Path, other: Path) -> None:
    """Each of two files has the other's name."""
    aside = one.with_name(".aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


TOUCHES = (bend, bend, bend, bend, cut, touch, copy_again, lose, make_link, make_folder)

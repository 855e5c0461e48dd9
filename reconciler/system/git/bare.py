"""The folder of a mirror: a bare repository that only this program writes, made anew where it is
not whole.

Everything in it can be fetched again, so what is broken is thrown away and never repaired: a
folder that was cut short by a kill, that is of another URL, or that git finds damaged. What git
would be told by the folder itself (configuration, attributes, hooks, alternates) is put back to
what we wrote before git is run in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from reconciler.errors import UsageError
from reconciler.system.files import fsync_dir, make_dirs, write_atomic

ObjectFormat = Literal["sha1", "sha256"]

_MARK = "cutlist-mirror"  # says that the folder is ours, and of which URL
_HEAD = b"ref: refs/heads/main\n"
_CONFIG = """\
[core]
\trepositoryformatversion = {version}
\tfilemode = true
\tbare = true
{extensions}"""
_SHA256 = "[extensions]\n\tobjectformat = sha256\n"
# What may make git run or read something, and what git leaves behind when it is killed.
_FOREIGN = ("config.worktree", "info", "hooks", "objects/info/alternates", "worktrees", "modules")
_PARTS = ("objects/pack", "objects/info", "refs/heads", "refs/tags")


class BareFolder:
    """Where a mirror lies. One process uses it at a time, and in it one thread."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self._url = url
        self._fresh = path.with_name(f".{path.name}.new")
        self._old = path.with_name(f".{path.name}.old")

    def prepare(self) -> None:
        """Make the folder what it has to be. Raises UsageError where it is somebody else's, and
        DiskFull.
        """
        object_format = self._read_mark()
        whole = all((self.path / part).is_dir() for part in ("objects", "refs"))
        if object_format is None or not whole:
            self.remake()
            return
        self._remove_siblings()
        self._put_back(object_format)
        self.clear_traces()

    def remake(self, object_format: ObjectFormat | None = None) -> None:
        """An empty repository in the place of what is there: made beside it, then renamed.

        It names objects as before, unless it is said how. Raises UsageError where something is
        there that we did not make, and DiskFull.
        """
        self._check_ours()
        object_format = object_format or self._read_mark() or "sha1"
        self._remove_siblings()
        for part in _PARTS:
            make_dirs(self._fresh / part)
        BareFolder(self._fresh, self._url)._put_back(object_format)
        mark = f"{object_format} {self._url}\n".encode()
        write_atomic(self._fresh / _MARK, mark, tmp_name="new")
        if self.path.exists():
            self.path.rename(self._old)
        self._fresh.rename(self.path)
        fsync_dir(self.path.parent)
        self._remove_siblings()

    def clear_traces(self) -> None:
        """Remove what a git that was killed has left: lock files and packs without an end."""
        for path in self._list_traces():
            with suppress(OSError):
                path.unlink()

    def count_packs(self) -> int:
        """How many packs there are: each fetch adds one."""
        return sum(1 for _ in (self.path / "objects/pack").glob("*.pack"))

    def _remove_siblings(self) -> None:
        """Remove what a kill in the middle of `remake` has left."""
        for folder in (self._fresh, self._old):
            shutil.rmtree(folder, ignore_errors=True)

    def _list_traces(self) -> Iterator[Path]:
        yield from self.path.glob("*.lock")
        yield from (self.path / "refs").rglob("*.lock")
        yield from (self.path / "objects").glob("**/tmp_*")
        yield from (self.path / "objects/pack").glob(".tmp-*")

    def _put_back(self, object_format: ObjectFormat) -> None:
        """Configuration and HEAD as we write them, and nothing of what else git would read."""
        sha256 = object_format == "sha256"
        config = _CONFIG.format(version=int(sha256), extensions=_SHA256 if sha256 else "")
        for name, text in (("config", config.encode()), ("HEAD", _HEAD)):
            path = self.path / name
            if path.is_symlink() or not path.is_file() or path.read_bytes() != text:
                _remove(path)
                write_atomic(path, text, tmp_name="new")
        for name in _FOREIGN:
            _remove(self.path / name)

    def _read_mark(self) -> ObjectFormat | None:
        """How the folder names its objects; None where it is not a whole one of this URL."""
        try:
            text = (self.path / _MARK).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        for object_format in ("sha1", "sha256"):
            if text == f"{object_format} {self._url}\n":
                return object_format
        return None

    def _check_ours(self) -> None:
        path = self.path
        if not path.exists() and not path.is_symlink():
            return
        if path.is_dir() and not path.is_symlink():
            names = {entry.name for entry in path.iterdir()}
            if not names or _MARK in names:
                return
        raise UsageError(
            f"{path} is in the place of a mirror, and was not made by this program.",
            hint="Name another folder for the state, or move that one away. Nothing was changed.",
        )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

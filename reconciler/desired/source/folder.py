"""Reads manifests and media of the work tree."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import IO

from reconciler.config import PROJECT_FILE, STATE_DIR
from reconciler.desired.tree import File, Missing, Unusable, is_manifest, suggest_spelling
from reconciler.formats.names import fold_path
from reconciler.formats.values import value
from reconciler.system.cache import Digests
from reconciler.system.files import read_start, resolve_inside, resolve_links


class FolderTree:
    """The files below `root` as they lie there."""

    def __init__(self, root: Path, digests: Digests) -> None:
        self._root = root
        self._digests = digests
        self._folders: dict[str, str] = {}  # by path: where a folder really lies

    def manifests(self, name: str) -> Collection[str] | None:
        start = (
            self._root
            if name.strip("./") == "" and ".." not in name
            else resolve_inside(self._root, name)
        )
        if start.is_file():
            return [start.relative_to(self._root).as_posix()]
        if not start.is_dir():
            return None
        prefix = "" if start == self._root else f"{start.relative_to(self._root).as_posix()}/"
        return list(_walk_manifests(str(start), prefix))

    def read(self, path: str, most: int) -> bytes:
        try:
            return read_start(self._find(path), most)
        except OSError as error:
            with _raise_unusable():
                if error.errno != errno.ELOOP:
                    raise
                return read_start(str(self._resolve(path)), most)

    def stamp(self, path: str) -> Hashable | None:
        try:
            return self._digests.read_stamp(self._find(path))
        except OSError:  # who reads it says so
            return None

    def _find(self, path: str) -> str:
        """Where a file lies, links of its folders followed; each folder is looked at once."""
        folder, _, name = path.rpartition("/")
        real = self._folders.get(folder)
        if real is None:
            top = resolve_links(self._root / folder)
            if top != self._root and self._root not in top.parents:
                raise Unusable("is a symbolic link that leaves the project")
            real = self._folders[folder] = str(top)
        return f"{real}/{name}"

    def file(self, path: str) -> File:
        try:
            with _raise_unusable():
                return DiskFile(self._resolve(path), self._digests)
        except Missing:
            hint = suggest_spelling(path, self._find_same_file(path), self._list_beside(path))
            raise Missing(f"does not exist{hint}") from None

    def _resolve(self, path: str) -> Path:
        real = resolve_links(self._root / path)
        if self._root not in real.parents:
            raise Unusable("is a symbolic link that leaves the project")
        return real

    def _find_same_file(self, path: str) -> str | None:
        """The file that a file system which ignores case and Unicode form would take for `path`."""
        here = self._root
        for part in path.split("/"):
            if (here / part).exists():
                here /= part
                continue
            try:
                names = sorted(os.listdir(here))  # noqa: PTH208  (names only)
            except OSError:
                return None
            near = next((name for name in names if fold_path(name) == fold_path(part)), None)
            if near is None:
                return None
            here /= near
        inside_root = self._root in here.resolve().parents
        return here.relative_to(self._root).as_posix() if inside_root else None

    def _list_beside(self, path: str) -> list[str]:
        """The names of the files that lie where `path` would, inside the project."""
        folder = (self._root / path).parent.resolve()
        if folder != self._root and self._root not in folder.parents:
            return []
        try:
            with os.scandir(folder) as entries:
                return [entry.name for entry in entries if entry.is_file()]
        except OSError:
            return []


@value(frozen=True, slots=True)
class DiskFile:
    """A file that lies where it says."""

    path: Path
    digests: Digests

    @property
    def size_bytes(self) -> int:
        with _raise_unusable():
            return self.path.stat().st_size

    def digest(self) -> str:
        with _raise_unusable():
            digest = self.digests.of(self.path)
            if digest is None:
                raise Unusable(
                    "is a folder, not a file" if self.path.is_dir() else "is no regular file"
                )
            return digest

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with _raise_unusable():
            file = self.path.open("rb")
        with file:
            yield file


@contextmanager
def _raise_unusable() -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise Missing("does not exist") from None
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror or error}") from error


def _walk_manifests(top: str, prefix: str) -> Iterator[str]:
    """All manifests below the folder `top`, each with `prefix` before its path, without hidden
    folders, other projects and our state. Raises Unusable for a folder that cannot be read.
    """
    try:
        with os.scandir(top) as entries:
            found = sorted(entries, key=attrgetter("name"))
    except OSError as error:
        raise Unusable(f"the folder {prefix} cannot be read: {error.strerror}") from error
    for entry in found:
        name = entry.name
        if _is_folder(entry):
            ours = name.startswith(".") or name == STATE_DIR or entry.is_symlink()
            if not ours and not os.path.lexists(f"{entry.path}/{PROJECT_FILE}"):
                yield from _walk_manifests(entry.path, f"{prefix}{name}/")
        elif is_manifest(name, PROJECT_FILE):
            yield prefix + name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle: who reads it tells
        return False

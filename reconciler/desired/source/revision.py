"""Reads manifests and media of a git revision from the repository, without a checkout."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from reconciler.config import PROJECT_FILE, STATE_DIR, CommittedFolder
from reconciler.desired.source.folder import DiskFile
from reconciler.desired.tree import File, Unusable, is_manifest, suggest_spelling
from reconciler.errors import GitError
from reconciler.formats.names import fold_path
from reconciler.system.cache import Cache, Digests
from reconciler.system.files import EscapesRoot, split_inside
from reconciler.system.git.committed import (
    MOST_OF_A_POINTER,
    CommitEntry,
    find_lfs_file,
    list_entries,
    parse_lfs_digest,
)
from reconciler.system.git.run import Objects

_MOST_LINKS = 40
_MOST_OF_A_LINK = 4096


class RevisionTree:
    """The files of a commit below the project's folder in it. `objects` is open as long as it is
    used.
    """

    def __init__(
        self, folder: CommittedFolder, objects: Objects, cache: Cache, digests: Digests
    ) -> None:
        self._repository = folder.repository
        self._objects = objects
        self._cache = cache
        self._digests = digests  # of what Git LFS has on disk
        self._entries = list_entries(folder.repository, folder.commit, folder.path)
        self._folders = {folder for path in self._entries for folder in _list_folders_above(path)}

    def has(self, path: str) -> bool:
        """Whether there is anything of that name."""
        return path in self._entries

    def manifests(self, name: str) -> Collection[str] | None:
        parts = [] if name.strip("./") == "" and ".." not in name else split_inside(name)
        for depth in range(1, len(parts) + 1):
            entry = self._entries.get("/".join(parts[:depth]))
            if entry is not None and entry.kind != "file":
                what = "symbolic link" if entry.kind == "link" else "submodule"
                raise EscapesRoot(f"{name!r} passes through the {what} {'/'.join(parts[:depth])}")
        top = "/".join(parts)
        if top in self._entries:
            return [top]
        return list(self._find_manifests_below(top)) if top in self._folders else None

    def _find_manifests_below(self, top: str) -> Iterator[str]:
        """All manifests below a folder; hidden folders, other projects and our own state are left
        out.
        """
        start = f"{top}/" if top else ""
        below = [path for path in self._entries if path.startswith(start)]
        others = {
            posixpath.dirname(path) for path in below if posixpath.basename(path) == PROJECT_FILE
        } - {top}
        for path in below:
            folder, _, name = path[len(start) :].rpartition("/")
            if not is_manifest(name, PROJECT_FILE) or self._leads_to_folder(path):
                continue
            hidden = any(part.startswith(".") or part == STATE_DIR for part in folder.split("/"))
            if not hidden and others.isdisjoint(_list_folders_above(path)):
                yield path

    def _leads_to_folder(self, path: str) -> bool:
        if self._entries[path].kind != "link":
            return False
        try:
            return self._find_target(path) in self._folders
        except Unusable:
            return False

    def read(self, path: str, most: int) -> bytes:
        raw = b""
        for chunk in self._read_chunks(self._find_entry(path)):
            raw += chunk
            if len(raw) >= most:
                break
        return raw[:most]

    def stamp(self, _path: str) -> Hashable | None:
        return None

    def file(self, path: str) -> File:
        entry = self._find_entry(path)
        pointed = self._find_lfs_digest(entry)
        return _Blob(self, entry) if pointed is None else self._open_lfs_file(pointed)

    # -------------------------------------------------------------- entries

    def _find_entry(self, path: str) -> CommitEntry:
        """The entry of a file, symbolic links followed as far as they stay inside the project."""
        target = self._find_target(path)
        if target is None:
            raise Unusable("is a symbolic link that leaves the project")
        if target in self._folders:
            raise Unusable("is a folder, not a file")
        if any(
            self._entries[path].kind == "submodule"
            for path in (*_list_folders_above(target), target)
            if path in self._entries
        ):
            raise Unusable("lies in a submodule, whose files are in another repository")
        if target not in self._entries:
            same = next(
                (name for name in self._entries if fold_path(name) == fold_path(target)), None
            )
            folder = posixpath.dirname(target)
            beside = [
                posixpath.basename(name)
                for name in self._entries
                if posixpath.dirname(name) == folder
            ]
            raise Unusable(
                f"does not exist in this revision{suggest_spelling(target, same, beside)}"
            )
        return self._entries[target]

    def _find_target(self, path: str) -> str | None:
        """Where a path leads when symbolic links are followed; None outside the project."""
        left, here, links = path.split("/"), "", 0
        while left:
            part = left.pop(0)
            if part == "..":
                if not here:
                    return None
                here = posixpath.dirname(here)
            elif part not in ("", "."):
                here = posixpath.join(here, part)
            entry = self._entries.get(here)
            if entry is None or entry.kind != "link":
                continue
            links += 1
            if links > _MOST_LINKS or entry.size_bytes > _MOST_OF_A_LINK:
                raise Unusable("cannot be read: Too many levels of symbolic links")
            to = b"".join(self._read_chunks(entry)).decode(errors="surrogateescape")
            if to.startswith("/"):
                return None
            left, here = [*to.split("/"), *left], posixpath.dirname(here)
        return here

    def _read_chunks(self, entry: CommitEntry) -> Iterator[bytes]:
        try:
            yield from self._objects.read_chunks(entry.id)
        except GitError as error:
            raise Unusable(f"cannot be read: {error}") from error

    # -------------------------------------------------------------- Git LFS

    def _find_lfs_digest(self, entry: CommitEntry) -> str | None:
        """The SHA-256 that a Git LFS pointer names; None for a file that is itself."""
        if entry.size_bytes > MOST_OF_A_POINTER:
            return None
        return parse_lfs_digest(b"".join(self._read_chunks(entry)))

    def _open_lfs_file(self, digest: str) -> File:
        file = DiskFile(find_lfs_file(self._repository, digest), self._digests)
        try:
            same = file.digest() == digest
        except Unusable as error:
            words = (
                "is a Git LFS pointer, and this clone does not have its bytes; run `git lfs fetch`"
                " for this revision"
            )
            raise Unusable(words) from error
        if not same:
            raise Unusable(
                "is a Git LFS pointer, and its bytes here are damaged; run `git lfs fsck`"
            )
        return file

    # -------------------------------------------------------------- bytes

    def digest(self, entry: CommitEntry) -> str:
        """The SHA-256 of a blob, remembered by the name that git gives it."""
        known = self._cache.get("blobs", entry.id)
        if known is None:
            hasher = hashlib.sha256()
            for chunk in self._read_chunks(entry):
                hasher.update(chunk)
            known = hasher.hexdigest()
            self._cache.put("blobs", entry.id, known)
        return str(known)

    @contextmanager
    def open(self, entry: CommitEntry) -> Iterator[IO[bytes]]:
        """The bytes of a blob in a file without a name."""
        with TemporaryFile() as file:
            for chunk in self._read_chunks(entry):
                file.write(chunk)
            file.seek(0)
            yield file


@dataclass(frozen=True, slots=True)
class _Blob:
    """A file of a commit."""

    tree: RevisionTree
    entry: CommitEntry
    path: None = None  # it does not lie on disk

    @property
    def size_bytes(self) -> int:
        return self.entry.size_bytes

    def digest(self) -> str:
        return self.tree.digest(self.entry)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with self.tree.open(self.entry) as file:
            yield file


def _list_folders_above(path: str) -> Iterator[str]:
    """The folders that a path lies in, from the project's own (empty) down."""
    yield ""
    parts = path.split("/")
    yield from ("/".join(parts[:depth]) for depth in range(1, len(parts)))

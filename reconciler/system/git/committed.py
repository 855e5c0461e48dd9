"""Reads what a commit holds, and whether the work tree still has the same bytes.

Files of the work tree are read and compared here, byte by byte: git would run the filters and
monitors that the repository names.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from reconciler.errors import GitError
from reconciler.system.git.revisions import check_repository, resolve_object
from reconciler.system.git.run import ask_git

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\nsize"
    rb" (\d{1,15})\n\Z"
)
MOST_OF_A_POINTER = 1024  # bytes; a Git LFS pointer is shorter
# What `cat-file --follow-symlinks` says of a path that leads to no object: one word, and the length
# of a text that follows in the next line.
_NOWHERE = re.compile(rb"(?:symlink|dangling|loop|notdir) (\d+)\Z")


@dataclass(frozen=True, slots=True)
class Commit:
    """What the work tree was checked out from, and whether what was asked about is still as it is
    there.
    """

    id: str  # whole
    author: str  # as written in the commit; may hold anything
    changed: bool  # whether one of the paths asked about is not as it was committed


def is_in_repository(folder: Path) -> bool:
    """Whether a folder from here upwards holds `.git`. Asks nobody."""
    folder = folder.resolve()
    return any((above / ".git").exists() for above in (folder, *folder.parents))


def find_prefix(root: Path) -> str:
    """Where `root` lies in its repository: empty, or a path that ends with `/`. Raises GitError."""
    return os.fsdecode(ask_git(root, "rev-parse", "--show-prefix").removesuffix(b"\n"))


def read_head(root: Path, paths: Collection[str] = ()) -> Commit | None:
    """The commit that is checked out at `root`; `paths` are relative to it.

    None outside a repository, before the first commit, and where git cannot tell (not installed,
    not trusted).
    """
    if not is_in_repository(root):
        return None
    try:
        commit = _read_commit(root, "HEAD")
        changed = bool(paths) and _is_any_changed(root, commit.id, list(paths))
    except GitError:
        return None
    return replace(commit, changed=changed)


def read_commit(repository: Path, commit: str) -> Commit | None:
    """A commit by its whole id; None where the repository does not have it."""
    try:
        return _read_commit(repository, commit)
    except GitError:
        return None


def _read_commit(root: Path, name: str) -> Commit:
    output = ask_git(root, "rev-list", "-1", "--format=%an", name, "--")
    first, _, author = output.rstrip(b"\n").partition(b"\n")
    return Commit(first.removeprefix(b"commit ").decode(), author.decode(errors="replace"), False)


def _is_any_changed(root: Path, commit: str, paths: Collection[str]) -> bool:
    """Whether one of `paths` holds other bytes than the commit has there, symbolic links followed
    on both sides.
    """
    if any("\n" in path for path in paths):  # no line of a question can name it
        return True
    blobs = _find_blobs(root, commit, paths)
    return any(_is_changed(root, commit, path, blobs[path]) for path in paths)


def _is_changed(root: Path, commit: str, path: str, blob: str) -> bool:
    try:
        raw = (root / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return bool(blob)
    except OSError:
        return True
    if not blob:
        return _is_changed_in_submodule(root, commit, path)
    if blob == _compute_blob_id(raw, blob) or blob == _compute_blob_id(
        raw.replace(b"\r\n", b"\n"), blob
    ):
        return False
    digest = parse_lfs_digest(ask_git(root, "cat-file", "blob", blob))
    return digest is None or digest != hashlib.sha256(raw).hexdigest()


def _find_blobs(root: Path, commit: str, paths: Collection[str]) -> dict[str, str]:
    """The id of what each path leads to in the commit; empty where that is nothing."""
    start = find_prefix(root)
    names = b"".join(os.fsencode(f"{commit}:{start}{path}\n") for path in paths)
    form = "--batch-check=%(objectname) %(objecttype)"
    output = ask_git(root, "cat-file", form, "--follow-symlinks", given=names)
    blobs = {}
    for path in paths:
        line, _, output = output.partition(b"\n")
        nowhere = _NOWHERE.match(line)
        if nowhere:
            output = output[int(nowhere[1]) + 1 :]
        name, _, kind = line.rpartition(b" ")
        blobs[path] = name.decode() if kind == b"blob" else ""
    return blobs


def _compute_blob_id(raw: bytes, like: str) -> str:
    """The name that git gives to these bytes, made as the name `like` is (SHA-1 or SHA-256)."""
    algorithm = "sha256" if len(like) == 64 else "sha1"
    return hashlib.new(
        algorithm, b"blob %d\0%b" % (len(raw), raw), usedforsecurity=False
    ).hexdigest()


def _is_changed_in_submodule(root: Path, commit: str, path: str) -> bool:
    """The same question of a path that the commit itself does not have: it may be of a submodule,
    whose commit the outer one names.
    """
    parts = path.split("/")
    for depth in range(1, len(parts)):
        folder, inner = "/".join(parts[:depth]), "/".join(parts[depth:])
        if not (root / folder / ".git").exists():
            continue
        mode, _, rest = ask_git(root, "ls-tree", "-z", commit, "--", folder).partition(b" ")
        if mode != b"160000":
            return True
        pinned = rest.split(b"\t")[0].split()[1].decode()
        try:
            return _is_any_changed(root / folder, pinned, [inner])
        except GitError:  # its repository is not here, or not trusted
            return True
    return True


@dataclass(frozen=True, slots=True, order=True)
class LfsPointer:
    """What a file of a commit says of its bytes, which are elsewhere."""

    digest: str
    size_bytes: int


def parse_lfs_pointer(raw: bytes) -> LfsPointer | None:
    """The pointer of Git LFS that a file is; None for a file that is itself."""
    pointer = _POINTER.match(raw) if len(raw) <= MOST_OF_A_POINTER else None
    return LfsPointer(pointer[1].decode(), int(pointer[2])) if pointer else None


def parse_lfs_digest(raw: bytes) -> str | None:
    """The SHA-256 that a Git LFS pointer names; None for a file that is itself."""
    pointer = parse_lfs_pointer(raw)
    return pointer.digest if pointer else None


def read_versions(root: Path, path: str, *, commits: int) -> Iterator[bytes]:
    """The bytes of a file in the last commits that changed it, and at the tip of every branch,
    each once.

    None outside a repository, or before the first commit. Raises GitError.
    """
    if not is_in_repository(root):
        return
    check_repository(root)
    if resolve_object(root, "HEAD")[0] != "commit":
        return
    own = ask_git(root, "rev-list", f"-n{commits}", "HEAD", "--", path).decode().split()
    tips = (
        ask_git(root, "for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes")
        .decode()
        .split()
    )
    seen = set()
    for commit in dict.fromkeys([*own, *tips]):
        entry = ask_git(root, "ls-tree", "-z", commit, "--", path).partition(b"\t")[0]
        # a commit without the file is the one that removed it, or of before it
        if entry and entry not in seen:
            seen.add(entry)
            yield ask_git(root, "cat-file", "blob", f"{commit}:./{path}")


@dataclass(frozen=True, slots=True)
class CommitEntry:
    """A file, symbolic link or submodule of a commit."""

    kind: Literal["file", "link", "submodule"]
    id: str
    size_bytes: int = 0


_KINDS: Mapping[bytes, Literal["file", "link", "submodule"]] = {
    b"120000": "link",
    b"160000": "submodule",
}


def list_entries(root: Path, commit: str, path: str = "") -> Mapping[str, CommitEntry]:
    """Everything in a folder of a commit, by path relative to that folder: the folder `root`, or
    what lies at `path` where `root` is a bare repository. Raises GitError.

    The size of what a partial clone lacks is 0.
    """
    tree, blobs = commit if path in ("", ".") else f"{commit}:{path}", {}
    for line in ask_git(root, "ls-tree", "-r", "-z", "-l", tree).split(b"\0")[:-1]:
        head, _, name_there = line.partition(b"\t")
        mode, _, name, size = head.split()
        blobs[os.fsdecode(name_there)] = CommitEntry(
            _KINDS.get(mode, "file"), name.decode(), int(size) if size.isdigit() else 0
        )
    return blobs


def find_lfs_file(root: Path, digest: str) -> Path:
    """Where Git LFS keeps the bytes of this SHA-256, if this clone has them. Raises GitError."""
    common = root / os.fsdecode(ask_git(root, "rev-parse", "--git-common-dir").rstrip(b"\n"))
    return common / "lfs" / "objects" / digest[:2] / digest[2:4] / digest

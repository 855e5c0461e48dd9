"""Makes a commit that changes one file, in a mirror, without a checkout, an index or a hook.

Only objects are written: a blob, the trees above it and the commit. Nothing names them before they
are pushed, so what a kill leaves of them is of no harm.
"""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass

from reconciler.errors import GitError, UsageError
from reconciler.formats.names import is_plain, make_plain
from reconciler.system.files import split_inside
from reconciler.system.git.remote import Mirror

_AUTHOR = re.compile(r"(?P<name>[^<>\n]*[^<>\s])\s*<(?P<address>[^<>\s]+)>")
_TREE, _FILES = b"040000", (b"100644", b"100755")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of a folder of a commit."""

    mode: bytes
    kind: bytes
    id: bytes

    def write(self, name: bytes) -> bytes:
        return b"%b %b %b\t%b\0" % (self.mode, self.kind, self.id, name)


def write_file_commit(
    mirror: Mirror, base: str, path: str, content: bytes, author: str, message: str, when_s: float
) -> str:
    """Make a commit on `base` in which the file at `path` (from the top of the repository) has
    these bytes, and nothing else is changed; its id.

    `author` is written `NAME <ADDRESS>`, `when_s` in seconds since 1970. Raises UsageError where
    one of them cannot be meant, and GitError where a link, a folder or a submodule is in the way.
    """
    written = mirror.ask_here("hash-object", "-w", "--no-filters", "--stdin", given=content)
    parts = [os.fsencode(part) for part in split_inside(path)]
    tree = _write_trees(mirror, base, parts, written.strip())
    return _write_commit(mirror, base, tree, author, message, when_s)


def list_changed_paths(mirror: Mirror, old: str, new: str) -> frozenset[str]:
    """The paths at which two commits differ, from the top. Raises GitError where one is not
    here.
    """
    lines = [
        set(mirror.ask_here("ls-tree", "-r", "-z", commit).split(b"\0")) for commit in (old, new)
    ]
    return frozenset(os.fsdecode(line.partition(b"\t")[2]) for line in lines[0] ^ lines[1])


def read_parents(mirror: Mirror, commit: str) -> tuple[str, ...]:
    """The ids of the commits that a commit of the mirror stands on, whether they are here or not.

    Raises GitError.
    """
    head = mirror.ask_here("cat-file", "commit", commit).partition(b"\n\n")[0]
    lines = [line.partition(b" ") for line in head.split(b"\n")]
    return tuple(rest.decode() for name, _, rest in lines if name == b"parent")


def _write_trees(mirror: Mirror, base: str, parts: list[bytes], blob: bytes) -> bytes:
    """The id of the top folder with the blob at its place; folders on the way are made."""
    folders = [b"/".join(parts[:depth]) for depth in range(len(parts))]
    listings = _list_folders(mirror, base, folders)
    entry = _Entry(_FILES[0], b"blob", blob)
    for folder, name, entries in zip(
        reversed(folders), reversed(parts), reversed(listings), strict=True
    ):
        there = entries.get(name)
        if there is not None:
            _check_kind(there, entry, posixpath.join(os.fsdecode(folder), os.fsdecode(name)))
            if entry.kind == b"blob":
                entry = _Entry(there.mode, b"blob", entry.id)
        lines = b"".join(one.write(key) for key, one in {**entries, name: entry}.items())
        tree = mirror.ask_here("mktree", "-z", "--missing", given=lines).strip()
        entry = _Entry(_TREE, b"tree", tree)
    return entry.id


def _list_folders(mirror: Mirror, base: str, folders: list[bytes]) -> list[dict[bytes, _Entry]]:
    """What each of the folders holds, from the top down; nothing for one that is not there."""
    listings: list[dict[bytes, _Entry]] = []
    for depth, folder in enumerate(folders):
        name = folder.rpartition(b"/")[2]
        if depth and listings[-1].get(name, _Entry(b"", b"", b"")).kind != b"tree":
            listings.append({})
            continue
        listing = mirror.ask_here("ls-tree", "-z", f"{base}:{os.fsdecode(folder)}")
        listings.append(dict(_parse_entry(line) for line in listing.split(b"\0")[:-1]))
    return listings


def _parse_entry(line: bytes) -> tuple[bytes, _Entry]:
    head, _, name = line.partition(b"\t")
    mode, kind, object_id = head.split()
    return name, _Entry(mode, kind, object_id)


def _check_kind(there: _Entry, wanted: _Entry, path: str) -> None:
    fits = there.mode in _FILES if wanted.kind == b"blob" else there.kind == b"tree"
    if not fits:
        raise GitError(
            f"{make_plain(path)} is a link, a folder or a submodule in the commit, and no file or"
            " folder can be put in its place.",
            hint="Nothing was written.",
        )


def _write_commit(
    mirror: Mirror, base: str, tree: bytes, author: str, message: str, when_s: float
) -> str:
    match = _AUTHOR.fullmatch(author)
    if match is None or not is_plain(author):
        raise UsageError(f'the author "{make_plain(author)}" is not written NAME <ADDRESS>.')
    environment = {}
    for role in ("AUTHOR", "COMMITTER"):
        environment[f"GIT_{role}_NAME"] = match["name"]
        environment[f"GIT_{role}_EMAIL"] = match["address"]
        environment[f"GIT_{role}_DATE"] = f"@{int(when_s)} +0000"
    lines = "\n".join(make_plain(line) for line in message.strip().split("\n"))
    made = mirror.ask_here(
        "commit-tree", tree.decode(), "-p", base, "-F", "-",
        given=f"{lines}\n".encode(), environment=environment,
    )  # fmt: skip
    return made.decode().strip()

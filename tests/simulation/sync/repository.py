"""A git repository in memory: blobs, folders, commits and refs, named by their contents, and the
answers to the few questions that a mirror is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.errors import GitError

Files = Mapping[str, bytes]  # of a commit, by path


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder."""

    mode: str
    kind: str
    id: str


@dataclass
class Repository:
    """Objects and refs. `lacks` are objects that a partial clone knows of and does not have."""

    kinds: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    trees: dict[str, dict[str, Entry]] = field(default_factory=dict)
    commits: dict[str, bytes] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    # -------------------------------------------------------------- writing

    def put_blob(self, raw: bytes) -> str:
        """Keep the bytes of a file; their id."""
        name = _name("blob", raw)
        self.blobs[name] = raw
        return name

    def put_tree(self, entries: Mapping[str, Entry]) -> str:
        """Keep a folder; its id."""
        name = _name("tree", repr(sorted(entries.items())).encode())
        self.trees[name] = dict(entries)
        return name

    def put_commit(self, tree: str, parents: tuple[str, ...], author: str, message: str) -> str:
        """Keep a commit; its id. `author` is a whole line, with its time."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        raw = "\n".join([*lines, f"author {author}", f"committer {author}", "", message])
        name = _name("commit", raw.encode())
        self.commits[name] = raw.encode()
        return name

    def commit(self, files: Files, parents: tuple[str, ...], author: str, message: str) -> str:
        """Make a commit of files; its id."""
        return self.put_commit(self._put_files(files), parents, author, message)

    def _put_files(self, files: Files) -> str:
        folders: dict[str, dict[str, bytes]] = {}
        entries: dict[str, Entry] = {}
        for path, raw in files.items():
            first, _, rest = path.partition("/")
            if rest:
                folders.setdefault(first, {})[rest] = raw
            else:
                entries[first] = Entry("100644", "blob", self.put_blob(raw))
        for name, below in folders.items():
            entries[name] = Entry("040000", "tree", self._put_files(below))
        return self.put_tree(entries)

    # -------------------------------------------------------------- reading

    def tree_of(self, commit: str, path: str = "") -> str:
        """The id of a folder of a commit. Raises GitError."""
        raw = self.commits.get(commit)
        if raw is None:
            raise GitError(f"git: not a commit: {commit}.")
        tree = raw.split(b"\n", 1)[0].removeprefix(b"tree ").decode()
        for part in filter(None, path.split("/")):
            entry = self.trees[tree].get(part)
            if entry is None or entry.kind != "tree":
                raise GitError(f"git: no folder {path} in {commit}.")
            tree = entry.id
        return tree

    def walk(self, tree: str, above: str = "") -> Iterator[tuple[str, Entry]]:
        """Every file below a folder, by path."""
        for name, entry in sorted(self.trees[tree].items()):
            if entry.kind == "tree":
                yield from self.walk(entry.id, f"{above}{name}/")
            else:
                yield f"{above}{name}", entry

    def read_files(self, commit: str) -> dict[str, bytes]:
        """All files of a commit, which must all be here."""
        return {path: self.blobs[entry.id] for path, entry in self.walk(self.tree_of(commit))}

    def copy_commit(self, other: Repository, commit: str) -> None:
        """Take a commit and its folders from another repository, and no bytes of files."""
        self.commits[commit] = other.commits[commit]
        self._copy_tree(other, self.tree_of(commit))

    def _copy_tree(self, other: Repository, tree: str) -> None:
        self.trees[tree] = other.trees[tree]
        for entry in other.trees[tree].values():
            if entry.kind == "tree":
                self._copy_tree(other, entry.id)

    # -------------------------------------------------------------- as git answers

    def answer(
        self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> bytes:
        """What git says to one of the questions that are asked in a mirror. Raises GitError."""
        match arguments:
            case ["ls-tree", *options, name]:
                commit, _, path = name.partition(":")
                return self._list(self.tree_of(commit, path), "-r" in options, "-l" in options)
            case ["cat-file", "commit", name] if name in self.commits:
                return self.commits[name]
            case ["rev-parse", "--git-common-dir"]:
                return b".\n"
            case ["hash-object", *_]:
                return self.put_blob(given).encode()
            case ["mktree", *_]:
                return self.put_tree(dict(_parse_entries(given))).encode()
            case ["commit-tree", tree, "-p", parent, "-F", "-"]:
                said = environment or {}
                author = "{GIT_AUTHOR_NAME} <{GIT_AUTHOR_EMAIL}> {GIT_AUTHOR_DATE}".format(**said)
                return self.put_commit(tree, (parent,), author, given.decode()).encode()
            case ["rev-list", "-1", "--format=%an", name, "--"] if name in self.commits:
                return f"commit {name}\nAda\n".encode()
        raise GitError(f"git {' '.join(arguments)}: not here.")

    def _list(self, tree: str, deep: bool, sizes: bool) -> bytes:
        entries = self.walk(tree) if deep else iter(sorted(self.trees[tree].items()))
        lines = []
        for name, entry in entries:
            raw = self.blobs.get(entry.id)
            size = ("" if raw is None else f" {len(raw)}") if sizes else None
            said = "" if size is None else size or " -"
            lines.append(f"{entry.mode} {entry.kind} {entry.id}{said}\t{name}\0")
        return "".join(lines).encode()


def _parse_entries(given: bytes) -> Iterator[tuple[str, Entry]]:
    for line in given.decode().split("\0")[:-1]:
        head, _, name = line.partition("\t")
        yield name, Entry(*head.split())


def _name(kind: str, raw: bytes) -> str:
    return hashlib.sha1(b"%b %d\0%b" % (kind.encode(), len(raw), raw)).hexdigest()

"""Finds the commits that people name, and the two ends of a range."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import GitError, UsageError
from reconciler.formats.names import find_similar, make_plain
from reconciler.system.git.run import ask_git, read_complaint, run_git

_OBJECT = re.compile(rb"(commit|tag|tree|blob) ([0-9a-f]{40,64})\n")


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and what somebody called it."""

    name: str
    id: str  # whole

    def __str__(self) -> str:
        """`4f1c2d9 (main~1)`."""
        short = self.id[:7]
        return short if self.id.startswith(self.name) else f"{short} ({make_plain(self.name)})"


def find_revision(root: Path, name: str) -> Revision:
    """The commit that `name` means in the repository around `root`. Raises UsageError, GitError."""
    check_repository(root)
    kind, object_id, explanation = resolve_object(root, name)
    if kind == "tag":
        kind, object_id, explanation = resolve_object(root, f"{object_id}^{{commit}}")
    if kind == "ambiguous" or "is ambiguous" in explanation:
        raise UsageError(
            f'the revision "{make_plain(name)}" is ambiguous: it is the name of more than one'
            " thing.",
            hint=(
                "Say which, with refs/heads/NAME, refs/tags/NAME or more digits of the commit."
                " Nothing was sent."
            ),
        )
    if kind == "missing":
        raise UsageError(
            f'there is no revision "{make_plain(name)}" in this repository.',
            hint=_suggest_revisions(root, name),
        )
    if kind != "commit":
        raise UsageError(
            f'"{make_plain(name)}" is a {kind}, not a commit.',
            hint="Name a commit, a branch or a tag. Nothing was sent.",
        )
    return Revision(name, object_id)


def find_ends(root: Path, text: str) -> tuple[Revision, Revision | None]:
    """What `A..B`, `A...B` (from their merge base) or `A` (up to the work tree: None) means; an
    end left out is HEAD.

    Raises UsageError, GitError.
    """
    dots = next((mark for mark in ("...", "..") if mark in text), None)
    if dots is None:
        return find_revision(root, text), None
    first, _, last = text.partition(dots)
    start, end = find_revision(root, first or "HEAD"), find_revision(root, last or "HEAD")
    return (start if dots == ".." else _find_merge_base(root, start, end)), end


def _find_merge_base(root: Path, one: Revision, other: Revision) -> Revision:
    done = run_git(root, "merge-base", one.id, other.id)
    if done.returncode == 0:
        return Revision(
            f"merge base of {one.name} and {other.name}", done.stdout.split()[0].decode()
        )
    if is_shallow(root):
        raise GitError(
            f"the merge base of {one} and {other} is not in this clone, which is shallow.",
            hint=(
                "Fetch the history first: `git fetch --unshallow`, or fetch-depth: 0 in CI. Nothing"
                " was sent."
            ),
        )
    raise GitError(
        f"{one} and {other} have no commit in common.",
        hint="Compare them with two dots: A..B. Nothing was sent.",
    )


def check_repository(root: Path) -> None:
    """Raises GitError, with what to do, where `root` is in no work tree that git trusts."""
    done = run_git(root, "rev-parse", "--is-inside-work-tree")
    if done.returncode == 0 and done.stdout.strip() == b"true":
        return
    complaint_text = read_complaint(done)
    if done.returncode == 0:
        raise GitError(
            f"{root} lies in a bare repository, which has no work tree.",
            hint="Work in a clone of it.",
        )
    if "not a git repository" in complaint_text:
        hint = (
            "Manifests of a revision are read from git: `git init`, commit them, then ask again."
            " Nothing was sent."
        )
        raise GitError(f"{root} is not in a git repository.", hint=hint)
    hint = (
        "`git config --global --add safe.directory DIR` trusts it. Nothing was sent."
        if "ownership" in complaint_text
        else ""
    )
    raise GitError(f"git: {complaint_text}.", hint=hint or "Nothing was sent.")


def resolve_object(root: Path, name: str) -> tuple[str, str, str]:
    """(kind of object, "missing" or "ambiguous"; its id; what git complains of).

    The name is given on standard input: it is never an option.
    """
    if "\n" in name or "\0" in name or not name.strip():
        return "missing", "", ""
    done = run_git(
        root,
        "cat-file",
        "--batch-check=%(objecttype) %(objectname)",
        given=os.fsencode(name) + b"\n",
    )
    match = _OBJECT.fullmatch(done.stdout)
    complaint = done.stderr.decode(errors="replace")
    if match:
        return match[1].decode(), match[2].decode(), complaint
    return "ambiguous" if done.stdout.endswith(b" ambiguous\n") else "missing", "", complaint


def list_names(root: Path) -> list[str]:
    """Branches, tags and branches of remotes, as people call them. Raises GitError."""
    output = ask_git(
        root, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes"
    )
    return output.decode(errors="replace").split()


def _suggest_revisions(root: Path, name: str) -> str:
    """Names like the one that is not there, and what else may be the reason."""
    known = [make_plain(name) for name in list_names(root)]
    if not known and resolve_object(root, "HEAD")[0] == "missing":
        return "There is no commit yet: commit first. Nothing was sent."
    far = [known_name for known_name in known if known_name.endswith(f"/{name}")]
    close = [*far, *find_similar(name, known)]
    words = f"Did you mean {' or '.join(dict.fromkeys(close))}? " if close else ""
    if is_shallow(root):
        words += "This clone is shallow: `git fetch --unshallow`, or fetch-depth: 0 in CI. "
    return f"{words or '`git log --oneline --all` shows what there is. '}Nothing was sent."


def is_shallow(root: Path) -> bool:
    """Whether the repository has only the last commits. Raises GitError."""
    return ask_git(root, "rev-parse", "--is-shallow-repository").strip() == b"true"

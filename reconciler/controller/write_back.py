"""Brings cutlist.lock back to the repository that the manifests came from.

The commit is built on the tip of the branch, and pushed only if the branch is still there when it
arrives. Who pushes at the same time is not overwritten: the lock is merged edit by edit and the
commit built anew. A branch that takes no pushes gets a branch beside it, for a pull request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain

from reconciler.errors import PushRejected, RefMissing, UsageError
from reconciler.formats.names import make_plain
from reconciler.state import lockfile
from reconciler.state.observed import Pin
from reconciler.system.git.committed import list_entries
from reconciler.system.git.remote import Mirror
from reconciler.system.git.run import Objects
from reconciler.system.git.writing import list_changed_paths, write_file_commit

TRAILER = "Cutlist-Sync"
TRIES = 3


@dataclass(frozen=True, slots=True)
class LockChange:
    """What a pass has made of the lock file, and of what."""

    path: str  # of the lock file, from the top of the repository
    base: str  # the commit whose lock file the pass began with
    content: bytes  # the lock file as the pass has it now
    message: str  # of the commit, without the trailer
    author: str  # NAME <ADDRESS>
    sync: str  # the name of the Sync document
    when_s: float  # seconds since 1970


def push_lock(
    mirror: Mirror,
    ref: str,
    change: LockChange,
    tries: int = TRIES,
    note: Callable[[str], None] = lambda _commit: None,
) -> str:
    """Make the branch `ref` (whole name) have the lock file of a pass; the commit that has it:
    ours, or the branch's own where nothing is to be changed. `note` hears of each commit before
    it is pushed: who pushes knows it again, also after a kill.

    Raises BranchProtected (then `push_branch`), PushRejected when the branch moved `tries` times,
    InvalidInput for a lock file there that is none, UsageError for a ref that is no branch, and
    what `Mirror.fetch` raises.
    """
    if not ref.startswith("refs/heads/"):
        raise UsageError(
            f"{make_plain(ref)} is no branch, and only a branch can be given a lock file.",
            hint="Follow a branch, or leave writeBack out.",
        )
    for attempt in range(1, tries + 1):
        tip = mirror.fetch_revision(ref).id
        commit = _build_commit(mirror, tip, change)
        if commit == tip:
            return tip
        note(commit)
        try:
            mirror.push(f"{commit}:{ref}", tip)
        except PushRejected:
            if attempt == tries:
                raise
        else:
            return commit
    raise ValueError("at least one try is needed")


def push_branch(mirror: Mirror, ref: str, change: LockChange) -> str:
    """Put the lock file of a pass on a branch of its own, made anew from the tip of `ref`; the
    whole name of that branch, or nothing where `ref` has this lock file already.

    The branch is ours: what else was on it is lost. Raises what `push_lock` raises.
    """
    branch = f"refs/heads/cutlist/lock-{ref.removeprefix('refs/heads/')}"
    tip = mirror.fetch_revision(ref).id
    commit = _build_commit(mirror, tip, change)
    if commit == tip:
        return ""
    there = mirror.list_refs([branch]).get(branch, "")
    if there:
        mirror.fetch_revision(branch)
    if not there or list_changed_paths(mirror, there, commit):
        mirror.push(f"{commit}:{branch}", there)
    return branch


def merge_locks(
    base: lockfile.Sections, ours: lockfile.Sections, theirs: lockfile.Sections
) -> lockfile.Sections:
    """One lock file of two that began as `base`, edit by edit; ours where both changed the same
    edit, unless a person has picked a take of it. Pure.
    """
    merged: dict[str, Mapping[str, Pin]] = {}
    for section in chain(theirs, (name for name in ours if name not in theirs)):
        sides = [side.get(section, {}) for side in (base, ours, theirs)]
        names = {name for side in sides for name in side}
        chosen = {name: _choose(*(side.get(name) for side in sides)) for name in names}
        merged[section] = {name: pin for name, pin in chosen.items() if pin is not None}
    return merged


def _choose(base: Pin | None, ours: Pin | None, theirs: Pin | None) -> Pin | None:
    is_picked = theirs is not None and theirs.made_by is not None and theirs != base
    return theirs if ours == base or is_picked else ours


def _build_commit(mirror: Mirror, tip: str, change: LockChange) -> str:
    """A commit on `tip` with the lock file; `tip` itself where that has it."""
    theirs = _read_file(mirror, tip, change.path)
    content = change.content
    before = theirs if tip == change.base else _read_base(mirror, change)
    if theirs != before:
        sides = [lockfile.parse_pins(raw) if raw else {} for raw in (before, content, theirs)]
        content = lockfile.build_text(merge_locks(*sides))
    if content == theirs:
        return tip
    message = f"{change.message.strip()}\n\n{TRAILER}: {change.sync}"
    return write_file_commit(
        mirror, tip, change.path, content, change.author, message, change.when_s
    )


def _read_base(mirror: Mirror, change: LockChange) -> bytes:
    """The lock file that the pass began with; nothing where its commit is gone everywhere. What
    only the branch has then stays in it.
    """
    try:
        mirror.fetch_commit(change.base)
    except RefMissing:
        return b""
    return _read_file(mirror, change.base, change.path)


def _read_file(mirror: Mirror, commit: str, path: str) -> bytes:
    """The bytes of a file in a commit; nothing where there is none."""
    entry = list_entries(mirror.folder, commit).get(path)
    if entry is None or entry.kind != "file":
        return b""
    mirror.fetch_blobs([entry.id])
    with Objects(mirror.folder) as objects:
        return b"".join(objects.read_chunks(entry.id))

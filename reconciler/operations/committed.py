"""What a commit asks for, read from the repository without a checkout.

Everything desired is the commit's; where and how it is rendered stays the work tree's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.config import PROJECT_FILE, CommittedFolder, Config, replace_project_file
from reconciler.desired.job import Desired
from reconciler.desired.source.load import load_desired
from reconciler.desired.source.opening import open_revision_tree
from reconciler.desired.source.own_models import read_own_models
from reconciler.desired.source.revision import RevisionTree
from reconciler.desired.tree import Unusable
from reconciler.errors import GitError, InvalidInput
from reconciler.formats.document import MAX_BYTES
from reconciler.formats.names import make_plain
from reconciler.state import lockfile
from reconciler.system.cache import Cache, open_cache
from reconciler.system.clock import Clock
from reconciler.system.git.committed import find_prefix
from reconciler.system.git.revisions import Revision
from reconciler.system.git.run import Objects


@dataclass(frozen=True, slots=True)
class CommittedState:
    """What is asked for, and the pins that were committed with it."""

    desired: Desired
    pins: lockfile.Sections


def open_revision_cache(config: Config) -> Cache:
    """What is remembered of revisions; apart from the work tree's, since a cache forgets what it is
    not asked for.
    """
    return open_cache(config.cache_dir / "revisions")


def read_revision(config: Config, revision: Revision, cache: Cache, clock: Clock) -> CommittedState:
    """What a commit asks for. Raises InvalidInput with every fault of it, GitError, UsageError."""
    with Objects(config.root) as objects:
        folder = CommittedFolder(config.root, revision.id)
        tree = open_revision_tree(folder, objects, cache, clock)
        try:
            there = replace_project_file(
                config, _read_project_file(config.root, tree, revision), str(revision), cache
            )
            there = read_own_models(there, tree, cache)
            return CommittedState(load_desired(there, tree, cache), _read_pins(tree, revision))
        except InvalidInput as error:
            raise InvalidInput(error.faults, files=error.files, revision=str(revision)) from error


def _read_project_file(root: Path, tree: RevisionTree, revision: Revision) -> bytes:
    try:
        return tree.read(PROJECT_FILE, MAX_BYTES + 1)
    except Unusable as error:
        path = make_plain(f"{find_prefix(root)}{PROJECT_FILE}")
        raise GitError(
            f"there is no project at {revision}: {path} {error}.",
            hint="Name a revision in which the project lies in the same folder. Nothing was sent.",
        ) from error


def _read_pins(tree: RevisionTree, revision: Revision) -> lockfile.Sections:
    if not tree.has(lockfile.LOCK_FILE):
        return {}
    try:
        return lockfile.parse_pins(tree.read(lockfile.LOCK_FILE, lockfile.MAX_BYTES + 1))
    except Unusable as error:
        raise GitError(
            f"{lockfile.LOCK_FILE} at {revision} {error}.", hint="Nothing was sent."
        ) from error

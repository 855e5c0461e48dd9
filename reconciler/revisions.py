"""What a commit asks for, read from the repository without a checkout: all that is desired is
the commit's.

Where and how it is rendered stays the work tree's: endpoint, account, store, prices, budget, and
the outputs on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.cache import Cache, Digests
from reconciler.clock import Clock
from reconciler.config import PROJECT_FILE, Config, desired_by
from reconciler.desired import source
from reconciler.desired.job import Desired
from reconciler.desired.source.revision import Committed
from reconciler.desired.tree import Unusable
from reconciler.document import MAX_BYTES
from reconciler.errors import GitError, InvalidInput
from reconciler.git import Objects, Revision, prefix
from reconciler.names import made_plain
from reconciler.state import lockfile


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, and the pins that were committed with it."""

    desired: Desired
    pins: lockfile.Sections


def cache_of(config: Config) -> Cache:
    """What is remembered of revisions; apart from the work tree's, since a cache forgets what it is
    not asked for.
    """
    return Cache(config.cache_dir / "revisions")


def asked_at(config: Config, revision: Revision, cache: Cache, clock: Clock) -> Asked:
    """What a commit asks for. Raises InvalidInput with every fault of it, GitError, UsageError."""
    with Objects(config.root) as objects:
        tree = Committed(config.root, revision.id, objects, cache, Digests(cache, clock, "lfs"))
        try:
            there = desired_by(
                config, _project_file(config.root, tree, revision), str(revision), cache
            )
            return Asked(source.load(there, tree, cache), _pins(tree, revision))
        except InvalidInput as error:
            raise InvalidInput(error.faults, files=error.files, revision=str(revision)) from error


def _project_file(root: Path, tree: Committed, revision: Revision) -> bytes:
    try:
        return tree.read(PROJECT_FILE, MAX_BYTES + 1)
    except Unusable as error:
        path = made_plain(f"{prefix(root)}{PROJECT_FILE}")
        raise GitError(
            f"there is no project at {revision}: {path} {error}.",
            hint="Name a revision in which the project lies in the same folder. Nothing was sent.",
        ) from error


def _pins(tree: Committed, revision: Revision) -> lockfile.Sections:
    if not tree.has(lockfile.LOCK_FILE):
        return {}
    try:
        return lockfile.parse_pins(tree.read(lockfile.LOCK_FILE, lockfile.MAX_BYTES + 1))
    except Unusable as error:
        raise GitError(
            f"{lockfile.LOCK_FILE} at {revision} {error}.", hint="Nothing was sent."
        ) from error

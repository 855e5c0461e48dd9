"""Opens the files of a project for reading: of its folder, or of the folder of a commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.config import CommittedFolder, Config
from reconciler.desired.job import Desired
from reconciler.desired.source.folder import FolderTree
from reconciler.desired.source.load import load_desired
from reconciler.desired.tree import Tree
from reconciler.system.cache import Cache, Digests, open_cache
from reconciler.system.clock import Clock
from reconciler.system.files import Survey
from reconciler.system.stages import time_stage

if TYPE_CHECKING:
    from reconciler.desired.source.revision import RevisionTree
    from reconciler.system.git.run import Objects


def load_project(config: Config, clock: Clock) -> Desired:
    """Everything that is asked for, read from where `config` says.

    Raises InvalidInput with every fault of the project, GitError.
    """
    with open_cache(config.cache_dir) as cache:
        return load_by(config, clock, cache, Survey(config.root))


def load_by(
    config: Config, clock: Clock, cache: Cache, survey: Survey, *, verify: bool = False
) -> Desired:
    """The same by the cache and the survey of a pass. `verify` hashes files again whose digest is
    remembered.
    """
    with (
        time_stage("manifests") as stage,
        open_tree(config, cache, clock, verify=verify) as tree,
    ):
        desired = load_desired(config, tree, cache, survey)
        stage.count += desired.files
        return desired


@contextmanager
def open_tree(
    config: Config, cache: Cache, clock: Clock, *, verify: bool = False
) -> Iterator[Tree]:
    """The files that `config` says are asked for, for the length of a block.

    `verify` hashes files again whose digest is remembered. Raises GitError.
    """
    there = config.committed
    if there is None:
        yield FolderTree(config.root, Digests(cache, clock, "media", verify=verify))
        return
    from reconciler.system.git.run import Objects  # lazy: start-up time

    with Objects(there.repository) as objects:
        yield open_revision_tree(there, objects, cache, clock)


def open_revision_tree(
    folder: CommittedFolder, objects: Objects, cache: Cache, clock: Clock
) -> RevisionTree:
    """The files of a commit. `objects` stays open as long as they are used. Raises GitError."""
    from reconciler.desired.source.revision import RevisionTree  # lazy: start-up time

    return RevisionTree(folder, objects, cache, Digests(cache, clock, "lfs"))

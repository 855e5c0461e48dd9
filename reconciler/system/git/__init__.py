"""Git, asked and never told: nothing here changes a repository, its index or a file of the work
tree, and nothing that a repository has configured runs.

The only place that runs git. What a repository or a person has configured must not change an answer
or start other programs; nothing is prompted, and nothing is fetched.
"""

from reconciler.system.git.committed import (
    MOST_OF_A_POINTER,
    Commit,
    Entry,
    entries,
    head,
    in_repository,
    lfs_digest,
    lfs_file,
    prefix,
    versions,
)
from reconciler.system.git.revisions import Revision, ends, names, revision
from reconciler.system.git.run import Objects

__all__ = [
    "MOST_OF_A_POINTER",
    "Commit",
    "Entry",
    "Objects",
    "Revision",
    "ends",
    "entries",
    "head",
    "in_repository",
    "lfs_digest",
    "lfs_file",
    "names",
    "prefix",
    "revision",
    "versions",
]

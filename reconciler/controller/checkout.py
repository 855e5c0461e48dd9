"""Makes a commit of a repository ready to be planned: its bytes are brought, and no file is written
to a work tree. What is needed is found by reading: a manifest names media, a link names a file.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.config import PROJECT_FILE, CommittedFolder, Config, Variables
from reconciler.config.project_file import read_project_file
from reconciler.controller.documents import Sync
from reconciler.controller.guard import Guarded, guard_config
from reconciler.controller.places import SyncPlaces
from reconciler.desired.source.load import load_desired
from reconciler.desired.source.opening import open_revision_tree
from reconciler.desired.source.revision import RevisionTree
from reconciler.desired.tree import Unusable
from reconciler.errors import GitError, InvalidInput
from reconciler.formats.document import MAX_BYTES
from reconciler.formats.names import make_plain
from reconciler.state.lockfile import LOCK_FILE
from reconciler.state.lockfile import MAX_BYTES as MOST_OF_A_LOCK
from reconciler.system.cache import Cache
from reconciler.system.clock import Clock
from reconciler.system.files import write_atomic
from reconciler.system.git.remote import Mirror
from reconciler.system.git.run import Objects

_MOST_ROUNDS = 8  # of reading, and bringing what was missing: manifest, link, its target, medium
_LOCKS_KEPT = 5  # of the commits before


def find_folder(mirror: Mirror, sync: Sync, commit: str) -> CommittedFolder:
    """The folder of a Sync's project in a commit."""
    path = sync.repository.path
    return CommittedFolder(mirror.folder, commit, "" if path == "." else path)


def prepare_commit(
    mirror: Mirror,
    sync: Sync,
    places: SyncPlaces,
    commit: str,
    clock: Clock,
    variables: Variables,
) -> Guarded:
    """Bring all that a commit needs to be planned and sent; its Config, within what the Sync
    allows.

    Raises InvalidInput with every fault of the commit, UsageError, GitError, and what
    `Mirror.fetch` raises.
    """
    folder = find_folder(mirror, sync, commit)
    if not mirror.has_folder(commit, folder.path):
        raise _report_missing(folder, "is not there")
    mirror.fetch_files(commit, folder.path, _is_text)
    with Cache(places.home / "cache") as cache:
        try:
            guarded = _read_guarded(mirror, sync, places, folder, cache, clock, variables)
            for _ in range(_MOST_ROUNDS):
                if not _bring_missing(mirror, guarded.config, cache, clock):
                    return guarded
        except InvalidInput as error:
            raise InvalidInput(error.faults, files=error.files, revision=commit[:7]) from error
    raise GitError(
        f"the files of {commit[:7]} lead from one to the next without an end.",
        hint="Look for links that lead to links.",
    )


def _is_text(name: str) -> bool:
    """Whether a file is read in any case."""
    last = name.rpartition("/")[2]
    return last in (PROJECT_FILE, LOCK_FILE) or last.endswith((".yaml", ".yml"))


def _read_guarded(
    mirror: Mirror,
    sync: Sync,
    places: SyncPlaces,
    folder: CommittedFolder,
    cache: Cache,
    clock: Clock,
    variables: Variables,
) -> Guarded:
    """What the project file of a commit says; its lock file is laid where the Config looks."""
    with Objects(mirror.folder) as objects:
        tree = open_revision_tree(folder, objects, cache, clock)
        try:
            raw = tree.read(PROJECT_FILE, MAX_BYTES + 1)
        except Unusable as error:
            raise _report_missing(folder, str(error)) from error
        document = read_project_file(raw, cache)
        guarded = guard_config(sync, places, document, folder, variables)
        _lay_lock_file(guarded.config, tree, clock)
    return guarded


def _report_missing(folder: CommittedFolder, what: str) -> GitError:
    where = make_plain(folder.path or "the top folder")
    return GitError(
        f"there is no project in {where} of {folder.commit[:7]}: {PROJECT_FILE} {what}.",
        hint="Name the folder of the project in `repository.path` of the Sync.",
    )


def _lay_lock_file(config: Config, tree: RevisionTree, clock: Clock) -> None:
    """Write the lock file of a commit beside those of the commits before, unless it is there: an
    earlier pass over the commit has added to it.
    """
    path = config.lock_dir / LOCK_FILE
    if config.realm != "live" or path.exists() or not tree.has(LOCK_FILE):
        return
    others = sorted(
        path.parent.parent.glob(f"*/{LOCK_FILE}"), key=lambda other: other.stat().st_mtime
    )
    for other in others[:-_LOCKS_KEPT]:
        other.unlink()
        other.parent.rmdir()
    raw = tree.read(LOCK_FILE, MOST_OF_A_LOCK + 1)
    write_atomic(path, raw, tmp_name=clock.new_id())


def _bring_missing(mirror: Mirror, config: Config, cache: Cache, clock: Clock) -> bool:
    """Read everything; bring what could not be read because it is not here. Whether there was
    any. Raises InvalidInput where all is here, and some of it is wrong.
    """
    assert config.committed is not None
    with _Watched(mirror.folder) as objects:
        try:
            load_desired(config, open_revision_tree(config.committed, objects, cache, clock), cache)
        except (InvalidInput, Unusable):
            if not objects.missing:
                raise
    return mirror.fetch_blobs(objects.missing) > 0


class _Watched(Objects):
    """Objects that remember which of them were asked for and are not here."""

    missing: frozenset[str] = frozenset()

    def read_chunks(self, name: str) -> Iterator[bytes]:
        try:
            yield from super().read_chunks(name)
        except GitError:
            self.missing |= {name}
            raise

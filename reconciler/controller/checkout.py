"""Makes a commit of a repository ready to be planned: its bytes are brought, and no file is written
to a work tree. What is needed is found by reading: a manifest names media, a link names a file.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.config import PROJECT_FILE, CommittedFolder, Config, Variables
from reconciler.config.project_file import read_project_file
from reconciler.config.variables import require_secret
from reconciler.controller.documents import Sync
from reconciler.controller.guard import Guarded, guard_config
from reconciler.controller.lfs import bring_lfs, list_lfs_pointers
from reconciler.controller.places import SyncPlaces
from reconciler.desired.source.load import load_desired
from reconciler.desired.source.opening import open_revision_tree
from reconciler.desired.source.own_models import read_own_models
from reconciler.desired.source.revision import RevisionTree
from reconciler.desired.tree import Unusable
from reconciler.errors import GitError, InvalidInput
from reconciler.formats.document import MAX_BYTES
from reconciler.formats.names import make_plain
from reconciler.state.lockfile import LOCK_FILE
from reconciler.state.lockfile import MAX_BYTES as MOST_OF_A_LOCK
from reconciler.system.cache import Cache, open_cache
from reconciler.system.clock import Clock
from reconciler.system.files import write_atomic
from reconciler.system.git.remote import Mirror
from reconciler.system.git.run import Objects

_MOST_ROUNDS = 8  # of reading, and bringing what was missing: manifest, link, its target, medium
_LOCKS_KEPT = 5  # of the commits before


@dataclass(frozen=True, slots=True)
class Checkout:
    """Brings the commits of one Sync."""

    mirror: Mirror
    sync: Sync
    places: SyncPlaces
    clock: Clock
    variables: Variables

    def prepare(self, commit: str, *, preview: bool = False) -> Guarded:
        """Bring all that a fetched commit needs to be planned and sent; its Config, within what
        the Sync allows. A `preview` is only planned, and leaves no lock file behind that counts.

        Raises InvalidInput with every fault of the commit, UsageError, GitError, and what
        `Mirror.fetch` raises.
        """
        path = self.sync.repository.path
        folder = CommittedFolder(self.mirror.folder, commit, "" if path == "." else path)
        if not self.mirror.has_folder(commit, folder.path):
            raise _report_missing(folder, "is not there")
        self.mirror.fetch_files(commit, folder.path, _is_text)
        find_lock_dir = self.places.find_preview_lock_dir if preview else self.places.find_lock_dir
        try:
            with open_cache(self.places.cache) as cache:  # the pass finds there what was read here
                guarded = self._read_guarded(folder, find_lock_dir(commit), cache)
                for _ in range(_MOST_ROUNDS):
                    if not self._bring_missing(guarded.config, cache):
                        return guarded
        except InvalidInput as error:
            raise InvalidInput(error.faults, files=error.files, revision=commit[:7]) from error
        raise GitError(
            f"the files of {commit[:7]} lead from one to the next without an end.",
            hint="Look for links that lead to links.",
        )

    def _read_guarded(self, folder: CommittedFolder, lock_dir: Path, cache: Cache) -> Guarded:
        """What the project file of a commit says; its lock file is laid where the Config looks."""
        with Objects(self.mirror.folder) as objects:
            tree = open_revision_tree(folder, objects, cache, self.clock)
            try:
                raw = tree.read(PROJECT_FILE, MAX_BYTES + 1)
            except Unusable as error:
                raise _report_missing(folder, str(error)) from error
            document = read_project_file(raw, cache)
            guarded = guard_config(
                self.sync, self.places, document, folder, lock_dir, self.variables
            )
            self._lay_lock_file(guarded.config, tree)
        return guarded

    def _lay_lock_file(self, config: Config, tree: RevisionTree) -> None:
        """Write the lock file of a commit beside those of the commits before, unless it is there:
        an earlier pass over the commit has added to it.
        """
        path = config.lock_dir / LOCK_FILE
        if config.realm != "live" or path.exists() or not tree.has(LOCK_FILE):
            return
        others = sorted(
            path.parent.parent.glob(f"*/{LOCK_FILE}"), key=lambda other: other.stat().st_mtime
        )
        for other in others[:-_LOCKS_KEPT]:
            shutil.rmtree(other.parent, ignore_errors=True)  # with what a kill has left beside it
        raw = tree.read(LOCK_FILE, MOST_OF_A_LOCK + 1)
        write_atomic(path, raw, tmp_name=self.clock.new_id())

    def _bring_missing(self, config: Config, cache: Cache) -> bool:
        """Read everything; bring what could not be read because it is not here. Whether there was
        any. Raises InvalidInput where all is here, and some of it is wrong.
        """
        assert config.committed is not None
        with _Watched(self.mirror.folder) as objects:
            tree = open_revision_tree(config.committed, objects, cache, self.clock)
            try:
                load_desired(read_own_models(config, tree, cache), tree, cache)
            except (InvalidInput, Unusable):
                if self._bring_lfs(config.committed):
                    return True
                if not objects.missing:
                    raise
        return self.mirror.fetch_blobs(objects.missing) > 0

    def _bring_lfs(self, folder: CommittedFolder) -> bool:
        """Bring the bytes behind those pointers of Git LFS that are here; whether there were any
        to bring.
        """
        pointers = list_lfs_pointers(self.mirror, folder.commit, folder.path)
        if not pointers:
            return False
        name = self.sync.repository.token_from
        token = require_secret(name) if name else None
        bring_lfs(self.mirror, pointers, routes=self.variables.routes, token=token)
        return True


def _is_text(name: str) -> bool:
    """Whether a file is read in any case."""
    last = name.rpartition("/")[2]
    return last in (PROJECT_FILE, LOCK_FILE) or last.endswith((".yaml", ".yml"))


def _report_missing(folder: CommittedFolder, what: str) -> GitError:
    where = make_plain(folder.path or "the top folder")
    return GitError(
        f"there is no project in {where} of {folder.commit[:7]}: {PROJECT_FILE} {what}.",
        hint="Name the folder of the project in `repository.path` of the Sync.",
    )


class _Watched(Objects):
    """Objects that remember which of them were asked for and are not here."""

    missing: frozenset[str] = frozenset()

    def read_chunks(self, name: str) -> Iterator[bytes]:
        try:
            yield from super().read_chunks(name)
        except GitError:
            self.missing |= {name}
            raise

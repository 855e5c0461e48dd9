"""The mirror of a simulated controller: what `Mirror` promises, over repositories in memory."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from reconciler.errors import GitError, PushRejected, RefMissing, RemoteUnreachable
from reconciler.system.git import committed
from reconciler.system.git.remote import Mirror
from reconciler.system.git.revisions import Revision
from reconciler.system.git.run import Objects
from tests.simulation.clocks import elapsed_s
from tests.simulation.sync.repository import Repository

URL = "https://git.example/films.git"
BRANCH = "refs/heads/main"


class Remote:
    """The repository elsewhere, as it can be reached. `step` lets whoever asks die here, and
    `meanwhile` lets others push while it is asked.
    """

    def __init__(
        self,
        rng: random.Random,
        counters: Counter[str],
        step: Callable[[], None],
        meanwhile: Callable[[], None],
    ) -> None:
        self.repository = Repository()
        self.calm = False
        self.down_until = 0.0
        self.last_down = float("-inf")  # when it last did not answer
        self._rng, self._counters = rng, counters
        self._step, self._meanwhile = step, meanwhile

    @property
    def tip(self) -> str:
        """The commit of the branch; empty while it is deleted."""
        return self.repository.refs.get(BRANCH, "")

    def contact(self) -> None:
        """Somebody asks. Raises RemoteUnreachable."""
        self._step()
        self._meanwhile()
        if self.calm:
            return
        if elapsed_s() < self.down_until or self._rng.random() < 0.05:
            self._complain()

    def answer(self) -> None:
        """The answer goes back, and may be lost. Raises RemoteUnreachable."""
        self._step()
        if not self.calm and self._rng.random() < 0.1:
            self._counters["remote: answer lost"] += 1
            self._complain()

    def _complain(self) -> None:
        self._counters["remote: unreachable"] += 1
        self.last_down = elapsed_s()
        raise RemoteUnreachable(f"{URL} did not answer.", hint="Try again.")


class MemoryMirror(Mirror):
    """A partial clone in memory: commits and folders when they are fetched, bytes when they are
    named.
    """

    def __init__(
        self, folder: Path, here: Repository, remote: Remote, note_push: Callable[[str], None]
    ) -> None:
        self._path = folder
        self.here = here
        self._remote = remote
        self._note_push = note_push

    @property
    def folder(self) -> Path:
        return self._path

    @property
    def url(self) -> str:
        return URL

    def list_refs(self, patterns: Sequence[str] = ()) -> Mapping[str, str]:
        self._remote.contact()
        refs = dict(self._remote.repository.refs)
        return {
            ref: commit
            for ref, commit in refs.items()
            if not patterns or any(fnmatchcase(ref, pattern) for pattern in patterns)
        }

    def fetch_revision(self, ref: str, depth: int = 1) -> Revision:
        self._remote.contact()
        commit = self._remote.repository.refs.get(ref)
        if commit is None:
            raise RefMissing(f"{URL} has no {ref}.", hint="Check the name.")
        self.here.copy_commit(self._remote.repository, commit)
        self._remote.answer()
        return Revision(ref, commit)

    def fetch_commit(self, commit: str) -> None:
        if commit in self.here.commits:
            return
        self._remote.contact()
        if commit not in self._remote.repository.commits:
            raise RefMissing(f"{URL} has no {commit}.", hint="Check the name.")
        self.here.copy_commit(self._remote.repository, commit)

    def has_folder(self, commit: str, path: str) -> bool:
        try:
            return bool(self.here.tree_of(commit, path))
        except GitError:
            return False

    def fetch_blobs(self, ids: Collection[str]) -> int:
        missing = self.list_missing(ids)
        if missing:
            self._remote.contact()
            for name in missing:
                self.here.blobs[name] = self._remote.repository.blobs[name]
            self._remote.answer()
        return len(missing)

    def list_missing(self, ids: Collection[str]) -> list[str]:
        return sorted(name for name in ids if name not in self.here.blobs)

    def push(self, refspec: str, lease: str) -> None:
        commit, _, ref = refspec.partition(":")
        self._remote.contact()
        there = self._remote.repository
        if there.refs.get(ref, "") != lease:
            raise PushRejected(f"{ref} has moved.", hint="Fetch and try again.")
        there.blobs |= self.here.blobs
        there.trees |= self.here.trees
        there.commits[commit] = self.here.commits[commit]
        there.refs[ref] = commit
        self._note_push(commit)
        self._remote.answer()

    def ask_here(
        self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> bytes:
        return self.here.answer(*arguments, given=given, environment=environment)

    def _list_entries(self, commit: str, path: str) -> Mapping[str, committed.CommitEntry]:
        return committed.list_entries(self.folder, commit, path)


@contextmanager
def in_memory(clones: Mapping[Path, Repository]) -> Iterator[None]:
    """Whoever reads objects of one of these folders reads them from memory, and no git is run."""

    def ask_git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
        return clones[root].answer(*arguments, given=given)

    def read_chunks(self: Objects, name: str) -> Iterator[bytes]:
        raw = clones[self._root].blobs.get(name)
        if raw is None:
            raise GitError(f"this clone lacks the object {name}")
        yield raw

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(committed, "ask_git", ask_git)
        patch.setattr(Objects, "read_chunks", read_chunks)
        yield

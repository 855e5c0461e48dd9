"""The mirror: what a controller has of a repository elsewhere, and the one owner of fetching it.

Its functions block; an asyncio program calls them in a thread. Each git that they start is ended
when its time is over (`timeout_s`) or within a tenth of a second after `stop` is set. Two mirrors
can be used in two threads; one mirror is for one thread at a time.

A mirror is shallow and partial: it has as many commits as were asked for, and the bytes of files
only after `fetch_files` or `fetch_blobs`. Nothing is ever checked out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from reconciler.errors import DiskFull, GitError, RefMissing
from reconciler.formats.names import compile_wildcard, find_similar, make_plain
from reconciler.formats.secret import Secret
from reconciler.system.clock import Clock, SystemClock
from reconciler.system.git.bare import BareFolder
from reconciler.system.git.committed import CommitEntry, list_entries
from reconciler.system.git.complaints import (
    build_push_error,
    build_remote_error,
    is_damage,
    is_full,
    is_in_the_way,
    is_other_format,
)
from reconciler.system.git.process import Done, Patience, Wish
from reconciler.system.git.revisions import Revision, is_shallow, resolve_object
from reconciler.system.git.run import ask_git, run_git
from reconciler.system.git.transport import (
    PARTIAL,
    REMOTE,
    Address,
    Transport,
    check_answer,
    check_commit,
    check_ref,
    check_refspec,
)

TIMEOUT_S = 1800.0  # of a fetch that never stops to send; one that hangs ends much sooner
_TAGS, _PEELED = "refs/tags/", "^{}"  # NAME^{}: what an annotated tag names
_FETCH = (
    "fetch", "--quiet", "--no-tags", "--no-auto-gc", "--no-write-fetch-head",
    "--recurse-submodules=no", "--no-progress", "--refmap=", "--force",
)  # fmt: skip
_PROMISED = ("fetch.negotiationAlgorithm=noop",)  # do not tell what is here: it was left out
_MOST_PACKS = 50  # then they become one
_DEEPENINGS = (50, 500, 5_000, 50_000)  # commits; how far back a common one is looked for


class Mirror:
    """A bare repository of ours, and the repository elsewhere that it follows."""

    def __init__(self, bare: BareFolder, transport: Transport) -> None:
        self._bare = bare
        self._transport = transport
        self._busy = threading.Lock()

    @classmethod
    def open(
        cls,
        folder: Path,
        url: str,
        *,
        token: Secret | None = None,
        timeout_s: float = TIMEOUT_S,
        stop: Wish | None = None,
        clock: Clock | None = None,
    ) -> Mirror:
        """The mirror of `url` at `folder`, made anew where it is not whole or of another URL.

        `timeout_s` is for one fetch; asking for refs and pushing have at most two minutes of it.
        Reaches nobody. Raises UsageError for a URL that is not allowed and for a folder that is
        somebody else's, and DiskFull.
        """
        address = Address.parse(url)
        bare = BareFolder(folder.absolute(), url)
        bare.prepare()
        patience = Patience(clock or SystemClock(), timeout_s, stop)
        return cls(bare, Transport(bare.path, address, patience, token))

    @property
    def folder(self) -> Path:
        """Where it lies: for whoever asks git about commits of it (`Objects`, `list_entries`)."""
        return self._bare.path

    @property
    def url(self) -> str:
        return self._transport.address.url

    # -------------------------------------------------------------- what is there

    def list_refs(self, patterns: Sequence[str] = ()) -> Mapping[str, str]:
        """The ids of the refs elsewhere, by whole name: `refs/heads/main`, `refs/pull/*/head`.

        An annotated tag has the id of what it names, and not its own. Raises RemoteUnreachable,
        RemoteRefused, GitError.
        """
        for pattern in patterns:
            check_ref(pattern)
        named = [f"{pattern}{_PEELED}" for pattern in patterns if pattern.startswith(_TAGS)]
        arguments = ["ls-remote", "--quiet", REMOTE, *patterns, *named]
        done = self._run(arguments)
        if done.code != 0 and is_other_format(done.complaints):
            self._bare.remake("sha256")
            done = self._run(arguments)
        if done.code != 0:
            raise self._build_error("ls-remote", done)
        wanted = [compile_wildcard(pattern) for pattern in patterns]
        refs = {}
        for line in done.out.decode(errors="surrogateescape").splitlines():
            commit, _, ref = line.partition("\t")
            ref = ref.removesuffix(_PEELED)  # it stands after the tag itself
            if ref != "HEAD" and (not wanted or any(one.fullmatch(ref) for one in wanted)):
                refs[ref] = commit
        return refs

    def find_ref(self, name: str) -> tuple[str, str]:
        """The whole name and the id of a branch or tag that people call `name`.

        Raises RefMissing with names that are like it, and what `list_refs` raises.
        """
        known = [name] if name.startswith("refs/") else [f"refs/heads/{name}", f"refs/tags/{name}"]
        found = self.list_refs(known)
        for ref in known:
            if ref in found:
                return ref, found[ref]
        names = [ref.split("/", 2)[2] for ref in self.list_refs(["refs/heads/*", "refs/tags/*"])]
        close = [make_plain(other) for other in find_similar(name, names)]
        raise RefMissing(
            f'{make_plain(self.url)} has no branch or tag "{make_plain(name)}".',
            hint=f"Did you mean {' or '.join(close)}?" if close else "Check the name.",
        )

    # -------------------------------------------------------------- fetching

    def fetch(self, refspecs: Sequence[str], depth: int = 0) -> None:
        """Bring commits and folders of refs, with at most `depth` commits each (0: all of them).

        A refspec is `REF-OR-COMMIT` or `REF:REF-HERE`; what was pushed by force replaces what was
        here. Raises RefMissing where one is not there (any more), RemoteUnreachable,
        RemoteRefused, RemoteTimeout, RemoteStopped, DiskFull, GitError.
        """
        for refspec in refspecs:
            check_refspec(refspec)
        options = [f"--depth={depth}"] if depth else []
        self._bring([*_FETCH, *options, REMOTE, *refspecs])
        self._tidy()

    def fetch_revision(self, ref: str, depth: int = 1) -> Revision:
        """Bring the commit that a ref has now, and say which it is. Raises what `fetch` raises."""
        here = f"refs/cutlist/{ref.removeprefix('refs/')}"
        self.fetch([f"{ref}:{here}"], depth)
        commit = ask_git(self.folder, "rev-parse", "--verify", f"{here}^{{commit}}")
        return Revision(ref, commit.decode().strip())

    def fetch_commit(self, commit: str) -> None:
        """Bring a commit by its id, if it is not here. Raises what `fetch` raises: RefMissing where
        nobody has it any more.
        """
        check_commit(commit)
        if not self._can_read(commit):
            self._bring([*_FETCH, "--depth=1", REMOTE, commit])

    def fetch_files(
        self, commit: str, path: str = "", wants: Callable[[str], bool] | None = None
    ) -> int:
        """Bring the bytes of the files below `path` in a commit that was fetched, or of those that
        `wants` says yes to, in one request; how many were not here yet.

        Raises what `fetch` raises, and GitError where the commit has no such folder.
        """
        ids = {
            entry.id
            for name, entry in self._list_entries(commit, path).items()
            if entry.kind != "submodule" and (wants is None or wants(name))
        }
        return self.fetch_blobs(ids)

    def has_folder(self, commit: str, path: str) -> bool:
        """Whether a commit that was fetched has a folder of that name. Raises GitError."""
        return not path or resolve_object(self.folder, f"{commit}:{path}")[0] == "tree"

    def fetch_blobs(self, ids: Collection[str]) -> int:
        """Bring the bytes of objects that are not here yet, in one request; how many those were.

        Raises what `fetch` raises.
        """
        missing = self.list_missing(ids)
        if missing:
            given = "".join(f"{name}\n" for name in missing).encode()
            self._bring([*_FETCH, "--filter=blob:none", "--stdin", REMOTE], given, _PROMISED)
        return len(missing)

    def list_missing(self, ids: Collection[str]) -> list[str]:
        """Those of the objects that are not here, sorted. Raises GitError."""
        for name in ids:
            check_commit(name)
        given = "".join(f"{name}\n" for name in sorted(ids)).encode()
        output = ask_git(self.folder, "cat-file", "--batch-check=%(objectname)", given=given)
        return [
            line.removesuffix(" missing")
            for line in output.decode().splitlines()
            if line.endswith(" missing")
        ]

    def find_merge_base(self, one: str, other: str) -> str | None:
        """The commit from which two fetched commits went apart, with more history fetched where it
        takes that; None where there is none within the bounds.

        Raises what `fetch` raises.
        """
        check_commit(one)
        check_commit(other)
        for deepening in (*_DEEPENINGS, 0):
            done = run_git(self.folder, "merge-base", one, other)
            if done.returncode == 0:
                return done.stdout.split()[0].decode()
            if not deepening or not is_shallow(self.folder):
                break
            self._bring([*_FETCH, f"--deepen={deepening}", REMOTE, one, other])
        return None

    # -------------------------------------------------------------- pushing

    def push(self, refspec: str, lease: str) -> None:
        """Make a branch elsewhere name a commit of ours: `COMMIT:refs/heads/main`, if it still
        names `lease` (empty: if it is not there yet).

        A `file` repository is written as git does it, its own hooks included. Raises PushRejected,
        BranchProtected, RemoteUnreachable, RemoteRefused, RemoteTimeout, RemoteStopped.
        """
        commit, _, ref = refspec.partition(":")
        check_commit(commit)
        check_ref(ref)
        if lease:
            check_commit(lease)
        options = ["--porcelain", "--no-verify", "--no-signed"]
        options += [f"--force-with-lease={ref}:{lease}", REMOTE, f"{commit}:{ref}"]
        done = self._run(["push", *options])
        if done.code != 0:
            said = f"{done.complaints}\n{done.out.decode(errors='replace')}"
            raise build_push_error(self.url, said, self._transport.list_secrets())

    # -------------------------------------------------------------- our own folder

    def run_here(
        self,
        *arguments: str,
        given: bytes = b"",
        environment: Mapping[str, str] | None = None,
        settings: Sequence[str] = (),
    ) -> Done:
        """The outcome of a git that works in the folder and reaches nobody, whatever it is. Raises
        RemoteTimeout, RemoteStopped, and GitError where it cannot be run.
        """
        return self._transport.run_here(
            *arguments, given=given, environment=environment, settings=settings
        )

    def ask_here(
        self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> bytes:
        """What such a git says. Raises GitError with what it complains of."""
        done = self.run_here(*arguments, given=given, environment=environment)
        return check_answer(done, f"git {arguments[0]}")

    def remake(self) -> None:
        """Throw away what is here, for where git cannot read it; all of it can be fetched again.

        Raises DiskFull.
        """
        self._bare.remake()

    def _list_entries(self, commit: str, path: str) -> Mapping[str, CommitEntry]:
        """The entries of a folder; where the commit cannot be read here, it is fetched anew."""
        try:
            return list_entries(self.folder, commit, path)
        except GitError:
            if self._can_read(commit):  # it has no such folder
                raise
        self.remake()
        self._bring([*_FETCH, "--depth=1", REMOTE, commit])
        return list_entries(self.folder, commit, path)

    def _can_read(self, commit: str) -> bool:
        """Whether all folders of a commit are here."""
        with suppress(GitError):
            list_entries(self.folder, commit)
            return True
        return False

    # -------------------------------------------------------------- speaking

    def _bring(
        self, arguments: Sequence[str], given: bytes = b"", settings: Sequence[str] = ()
    ) -> None:
        """Fetch; once more where it was our own folder that stood in the way."""
        settings = (*PARTIAL, *settings)
        done = self._run(arguments, given, settings)
        if done.code == 0:
            return
        if is_other_format(done.complaints):
            self._bare.remake("sha256")
        elif is_damage(done.complaints):
            self.remake()
        elif is_in_the_way(done.complaints):
            self._drop_refs()
        else:
            raise self._build_error("fetch", done)
        done = self._run(arguments, given, settings)
        if done.code != 0:
            raise self._build_error("fetch", done)

    def _run(
        self, arguments: Sequence[str], given: bytes = b"", settings: Sequence[str] = ()
    ) -> Done:
        with self._busy:
            try:
                return self._transport.run(*arguments, given=given, settings=settings)
            except GitError:  # it was killed, and may have left lock files
                self._bare.clear_traces()
                raise

    def _build_error(self, what: str, done: Done) -> GitError | DiskFull:
        if is_full(done.complaints):
            return DiskFull(
                f"the disk of {self.folder} is full.", hint="Make room; it is fetched again."
            )
        secrets = self._transport.list_secrets()
        return build_remote_error(self.url, what, done.complaints, secrets)

    def _drop_refs(self) -> None:
        """Forget all names; the objects stay."""
        names = ask_git(self.folder, "for-each-ref", "--format=%(refname)").decode().split("\n")
        given = "".join(f"delete {name}\n" for name in names if name).encode()
        self.ask_here("update-ref", "--no-deref", "--stdin", given=given)

    def _tidy(self) -> None:
        """Make one pack of many, so that a year of fetches does not make looking up slow."""
        if self._bare.count_packs() > _MOST_PACKS:
            done = self.run_here("repack", "-a", "-d", "-q", settings=PARTIAL)
            check_answer(done, "git repack")

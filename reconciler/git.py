"""Git, asked and never told: nothing here changes a repository, its index or a file of the work
tree.

The only place that runs git. What a repository or a person has configured must not change an answer
or start other programs: no pager, hook, fsmonitor, signature check or replacement of the
environment; no prompt, no network.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reconciler.errors import GitError, UsageError
from reconciler.files import CHUNK
from reconciler.names import made_plain

PATIENCE_S = 30.0
# Where git lies, and whom it trusts: `safe.directory` stands in the configuration of the person.
# Nothing else.
_INHERITED = ("PATH", "HOME", "XDG_CONFIG_HOME", "SUDO_UID", "TMPDIR")
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",  # a question does not write the index
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",  # and nothing is fetched, also where objects are missing
    "GIT_NO_LAZY_FETCH": "1",
}
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "log.showSignature=false",
    "log.follow=false",
    "core.warnAmbiguousRefs=true",
    "i18n.logOutputEncoding=UTF-8",
)
_OBJECT = re.compile(rb"(commit|tag|tree|blob) ([0-9a-f]{40,64})\n")


@dataclass(frozen=True, slots=True)
class Commit:
    """What the work tree was checked out from, and whether what was asked about is still as it is
    there.
    """

    id: str  # whole
    author: str  # as written in the commit; may hold anything
    changed: bool  # whether one of the paths asked about is not as it was committed


def in_repository(folder: Path) -> bool:
    """Whether a folder from here upwards holds `.git`. Asks nobody."""
    folder = folder.resolve()
    return any((each / ".git").exists() for each in (folder, *folder.parents))


def head(root: Path, paths: Collection[str] = ()) -> Commit | None:
    """The commit that is checked out at `root`; `paths` are relative to it.

    None outside a repository, before the first commit, and where git cannot tell (not installed,
    not trusted).
    """
    if not in_repository(root):
        return None
    try:
        name, author = (
            answer(root, "log", "-1", "--format=%H%x00%an", "HEAD", "--").rstrip(b"\n").split(b"\0")
        )
        changed = bool(paths) and not _uncommitted(root).isdisjoint(_with_folders(paths))
    except GitError:
        return None
    return Commit(name.decode(), author.decode(errors="replace"), changed)


def _uncommitted(root: Path) -> set[str]:
    """Files and folders below `root` that are not as in the last commit, or not in it."""
    start = prefix(root)
    told = answer(
        root,
        "status",
        "--porcelain",
        "-z",
        "--no-renames",
        "-uall",
        "--ignored=matching",
        "--",
        ".",
    )
    return {
        os.fsdecode(each[3:]).removeprefix(start).rstrip("/") for each in told.split(b"\0") if each
    }


def prefix(root: Path) -> str:
    """Where `root` lies in its repository: empty, or a path that ends with `/`. Raises GitError."""
    return os.fsdecode(answer(root, "rev-parse", "--show-prefix").removesuffix(b"\n"))


def _with_folders(paths: Iterable[str]) -> Iterator[str]:
    """`paths`, and the folders they lie in: git names a folder where all of it is new, ignored or
    another's.
    """
    for path in paths:
        parts = path.split("/")
        yield from ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def versions(root: Path, path: str, *, commits: int) -> Iterator[bytes]:
    """The bytes of a file in the last commits that changed it, and at the tip of every branch,
    each once.

    None outside a repository, or before the first commit. Raises GitError.
    """
    if not in_repository(root):
        return
    _check_repository(root)
    if _resolved(root, "HEAD")[0] != "commit":
        return
    own = answer(root, "log", f"-n{commits}", "--format=%H", "HEAD", "--", path).decode().split()
    tips = (
        answer(root, "for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes")
        .decode()
        .split()
    )
    seen = set()
    for commit in dict.fromkeys([*own, *tips]):
        entry = answer(root, "ls-tree", "-z", commit, "--", path).partition(b"\t")[0]
        # a commit without the file is the one that removed it, or of before it
        if entry and entry not in seen:
            seen.add(entry)
            yield answer(root, "cat-file", "blob", f"{commit}:./{path}")


# ------------------------------------------------------------------ revisions


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and what somebody called it."""

    name: str
    id: str  # whole

    def __str__(self) -> str:
        """`4f1c2d9 (main~1)`."""
        short = self.id[:7]
        return short if self.id.startswith(self.name) else f"{short} ({made_plain(self.name)})"


def revision(root: Path, name: str) -> Revision:
    """The commit that `name` means in the repository around `root`. Raises UsageError, GitError."""
    _check_repository(root)
    kind, found, said = _resolved(root, name)
    if kind == "tag":
        kind, found, said = _resolved(root, f"{found}^{{commit}}")
    if kind == "ambiguous" or "is ambiguous" in said:
        raise UsageError(
            f'the revision "{made_plain(name)}" is ambiguous: it is the name of more than one'
            " thing.",
            hint=(
                "Say which, with refs/heads/NAME, refs/tags/NAME or more digits of the commit."
                " Nothing was sent."
            ),
        )
    if kind == "missing":
        raise UsageError(
            f'there is no revision "{made_plain(name)}" in this repository.',
            hint=_way_out(root, name),
        )
    if kind != "commit":
        raise UsageError(
            f'"{made_plain(name)}" is a {kind}, not a commit.',
            hint="Name a commit, a branch or a tag. Nothing was sent.",
        )
    return Revision(name, found)


def ends(root: Path, text: str) -> tuple[Revision, Revision | None]:
    """What `A..B`, `A...B` (from their merge base) or `A` (up to the work tree: None) means; an
    end left out is HEAD.

    Raises UsageError, GitError.
    """
    dots = next((each for each in ("...", "..") if each in text), None)
    if dots is None:
        return revision(root, text), None
    first, _, last = text.partition(dots)
    start, end = revision(root, first or "HEAD"), revision(root, last or "HEAD")
    return (start if dots == ".." else _merge_base(root, start, end)), end


def _merge_base(root: Path, one: Revision, other: Revision) -> Revision:
    done = _run(root, "merge-base", one.id, other.id)
    if done.returncode == 0:
        return Revision(
            f"merge base of {one.name} and {other.name}", done.stdout.split()[0].decode()
        )
    if _is_shallow(root):
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


def _check_repository(root: Path) -> None:
    done = _run(root, "rev-parse", "--is-inside-work-tree")
    if done.returncode == 0 and done.stdout.strip() == b"true":
        return
    said = _complaint(done)
    if done.returncode == 0:
        raise GitError(
            f"{root} lies in a bare repository, which has no work tree.",
            hint="Work in a clone of it.",
        )
    if "not a git repository" in said:
        hint = (
            "Manifests of a revision are read from git: `git init`, commit them, then ask again."
            " Nothing was sent."
        )
        raise GitError(f"{root} is not in a git repository.", hint=hint)
    hint = (
        "`git config --global --add safe.directory DIR` trusts it. Nothing was sent."
        if "ownership" in said
        else ""
    )
    raise GitError(f"git: {said}.", hint=hint or "Nothing was sent.")


def _resolved(root: Path, name: str) -> tuple[str, str, str]:
    """(kind of object, "missing" or "ambiguous"; its id; what git complains of).

    The name is given on standard input: it is never an option.
    """
    if "\n" in name or "\0" in name or not name.strip():
        return "missing", "", ""
    done = _run(
        root,
        "cat-file",
        "--batch-check=%(objecttype) %(objectname)",
        given=os.fsencode(name) + b"\n",
    )
    found = _OBJECT.fullmatch(done.stdout)
    complaint = done.stderr.decode(errors="replace")
    if found:
        return found[1].decode(), found[2].decode(), complaint
    return "ambiguous" if done.stdout.endswith(b" ambiguous\n") else "missing", "", complaint


def _way_out(root: Path, name: str) -> str:
    """Names like the one that is not there, and what else may be the reason."""
    import difflib  # lazy: only when there is something to say

    told = answer(
        root, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes"
    )
    names = [made_plain(each) for each in told.decode(errors="replace").split()]
    if not names and _resolved(root, "HEAD")[0] == "missing":
        return "There is no commit yet: commit first. Nothing was sent."
    far = [each for each in names if each.endswith(f"/{name}")]
    close = [*far, *difflib.get_close_matches(name, names, n=3)]
    words = f"Did you mean {' or '.join(dict.fromkeys(close))}? " if close else ""
    if _is_shallow(root):
        words += "This clone is shallow: `git fetch --unshallow`, or fetch-depth: 0 in CI. "
    return f"{words or '`git log --oneline --all` shows what there is. '}Nothing was sent."


def _is_shallow(root: Path) -> bool:
    return answer(root, "rev-parse", "--is-shallow-repository").strip() == b"true"


# ------------------------------------------------------------------ what a commit holds


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, symbolic link or submodule of a commit."""

    kind: Literal["file", "link", "submodule"]
    id: str
    size_bytes: int = 0


_KINDS: Mapping[bytes, Literal["file", "link", "submodule"]] = {
    b"120000": "link",
    b"160000": "submodule",
}


def entries(root: Path, commit: str) -> Mapping[str, Entry]:
    """Everything in the folder `root` of a commit, by path relative to `root`. Raises GitError."""
    found = {}
    for line in answer(root, "ls-tree", "-r", "-z", "-l", commit).split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _, name, size = head.split()
        found[os.fsdecode(path)] = Entry(
            _KINDS.get(mode, "file"), name.decode(), int(size) if size.isdigit() else 0
        )
    return found


def lfs_file(root: Path, digest: str) -> Path:
    """Where Git LFS keeps the bytes of this SHA-256, if this clone has them. Raises GitError."""
    common = root / os.fsdecode(answer(root, "rev-parse", "--git-common-dir").rstrip(b"\n"))
    return common / "lfs" / "objects" / digest[:2] / digest[2:4] / digest


class Objects:
    """The bytes of objects, through one process that is asked again and again and ends with the
    block.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._read = b""  # and not used yet

    def __enter__(self) -> Objects:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process, self._read = None, b""

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of an object, which may be left before their end. Raises GitError when this
        clone lacks it.
        """
        self._ask(name)
        words = self._line().split()
        if len(words) != 3:
            raise GitError(
                f"this clone lacks the object {name}; clone without --filter, or check the revision"
                " out once",
                hint="Nothing was sent.",
            )
        left = int(words[2])
        try:
            while left:
                chunk = self._some(left)
                left -= len(chunk)
                yield chunk
            self._line()
        finally:
            if left:  # what is left would be read as the next answer: another process gives that
                self.__exit__()

    def _ask(self, name: str) -> None:
        if self._process is None:
            pipe, command = subprocess.PIPE, _command("cat-file", "--batch")
            with _started():
                self._process = subprocess.Popen(
                    command, bufsize=0, cwd=self._root, env=_environment(), stdin=pipe, stdout=pipe,
                    stderr=subprocess.DEVNULL,
                )  # fmt: skip
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{name}\n".encode())
        except BrokenPipeError:
            raise self._ended() from None

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            self._wait()
            line += self._some(self._read.find(b"\n") + 1 or len(self._read))
        return line

    def _some(self, most: int) -> bytes:
        """What the process says next, at most so many bytes."""
        self._wait()
        chunk, self._read = self._read[:most], self._read[most:]
        return chunk

    def _wait(self) -> None:
        """Until there is something to read."""
        assert self._process is not None
        assert self._process.stdout is not None
        if not self._read:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
            self._read = self._process.stdout.read(CHUNK) if ready else b""
        if not self._read:
            raise self._ended()

    def _ended(self) -> GitError:
        return GitError(
            "git cat-file ended in the middle of an answer.", hint="Try again. Nothing was sent."
        )


# ------------------------------------------------------------------ running it


def answer(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git says on standard output when it is run in `root`. Raises GitError with what it
    complains of.
    """
    done = _run(root, *arguments, given=given)
    if done.returncode != 0:
        raise GitError(f"git {arguments[0]}: {_complaint(done)}.", hint="Nothing was sent.")
    return done.stdout


def _run(root: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    with _started():
        return subprocess.run(
            _command(*arguments),
            cwd=root,
            env=_environment(),
            input=given,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )


@contextmanager
def _started() -> Iterator[None]:
    """What keeps git from running, in our words."""
    try:
        yield
    except FileNotFoundError:
        raise GitError(
            "git is not installed, or not in PATH.", hint="Install git. Nothing was sent."
        ) from None
    except OSError as error:
        raise GitError(
            f"git cannot be started: {error.strerror}.", hint="Nothing was sent."
        ) from error
    except subprocess.TimeoutExpired:
        raise GitError(
            f"git has not answered for {PATIENCE_S:.0f} s.", hint="Try again. Nothing was sent."
        ) from None


def _command(*arguments: str) -> list[str]:
    return ["git", "--no-pager", *(part for each in _SETTINGS for part in ("-c", each)), *arguments]


def _complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """The first line of what git complains of, without its word for it."""
    said = done.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fatal: ")
    return made_plain(said).rstrip(".") or f"ended with code {done.returncode}"


def _environment() -> dict[str, str]:
    return {**{name: os.environ[name] for name in _INHERITED if name in os.environ}, **_ENVIRONMENT}

"""Runs git, and only for questions that no configuration can turn into something else.

One function starts it. A project folder may come from a stranger, and with it `.git/config`. What
stands there, in files that it includes, or in `.gitattributes` must not start a program: pagers,
hooks, monitors, filters, text conversions, external diffs, signature checks, helpers of remotes. So
git is asked about objects and refs, never about the work tree: what compares files (`status`,
`diff`, `add`) runs the filters and monitors that the repository names, and those cannot be switched
off without knowing their names.
"""

from __future__ import annotations

import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from reconciler.errors import GitError
from reconciler.formats.names import make_plain
from reconciler.system.files import CHUNK
from reconciler.system.git.process import build_environment, find_program, raise_git_error

PATIENCE_S = 30.0
# The questions: each reads objects and refs, and nothing of the work tree.
QUESTIONS = frozenset(
    {"cat-file", "for-each-ref", "ls-tree", "merge-base", "rev-list", "rev-parse"}
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",  # a question does not write the index
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",  # and nothing is fetched, also where objects are missing
    "GIT_NO_LAZY_FETCH": "1",
}
# What is given on the command line wins over every file of configuration.
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.alternateRefsCommand=false",
    "safe.bareRepository=all",  # the mirror of a controller is one; no question runs anything in it
    "log.showSignature=false",
    "core.warnAmbiguousRefs=true",
    "i18n.logOutputEncoding=UTF-8",
)


def ask_git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git says on standard output when it is run in `root`. Raises GitError with what it
    complains of.
    """
    done = run_git(root, *arguments, given=given)
    if done.returncode != 0:
        raise GitError(f"git {arguments[0]}: {read_complaint(done)}.", hint="Nothing was sent.")
    return done.stdout


def run_git(root: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The outcome of one question, whatever it is. Raises GitError where git cannot be run."""
    process = _start_git(root, *arguments)
    try:
        out, complaints = process.communicate(given, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise GitError(
            f"git has not answered for {PATIENCE_S:.0f} s.", hint="Try again. Nothing was sent."
        ) from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, out, complaints)


def read_complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """The first line of what git complains of, without its word for it."""
    message = (
        done.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fatal: ")
    )
    return make_plain(message).rstrip(".") or f"ended with code {done.returncode}"


def _start_git(
    root: Path, *arguments: str, complaints: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """The only place where git is asked. Raises GitError."""
    if arguments[0] not in QUESTIONS:
        raise ValueError(f"git {arguments[0]} is no question that is safe to ask")
    program = find_program("git")
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    with raise_git_error():
        return subprocess.Popen(
            [program, "--no-pager", *settings, *arguments], bufsize=0, cwd=root,
            env=build_environment(_ENVIRONMENT), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=complaints,
        )  # fmt: skip


class Objects:
    """The bytes of objects, through one process that is asked again and again and ends with the
    block.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._read = b""  # and not used yet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process, self._read = None, b""

    def read_chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of an object, which may be left before their end. Raises GitError when this
        clone lacks it.
        """
        self._request(name)
        words = self._read_line().split()
        if len(words) != 3:
            raise GitError(
                f"this clone lacks the object {name}; clone without --filter, or check the revision"
                " out once",
                hint="Nothing was sent.",
            )
        left = int(words[2])
        try:
            while left:
                chunk = self._read_some(left)
                left -= len(chunk)
                yield chunk
            self._read_line()
        finally:
            if left:  # what is left would be read as the next answer: another process gives that
                self.__exit__()

    def _request(self, name: str) -> None:
        if self._process is None:
            self._process = _start_git(
                self._root, "cat-file", "--batch", complaints=subprocess.DEVNULL
            )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{name}\n".encode())
        except BrokenPipeError:
            raise self._build_error() from None

    def _read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            self._wait_for_bytes()
            line += self._read_some(self._read.find(b"\n") + 1 or len(self._read))
        return line

    def _read_some(self, most: int) -> bytes:
        """What the process says next, at most so many bytes."""
        self._wait_for_bytes()
        chunk, self._read = self._read[:most], self._read[most:]
        return chunk

    def _wait_for_bytes(self) -> None:
        """Until there is something to read."""
        assert self._process is not None
        assert self._process.stdout is not None
        if not self._read:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
            self._read = self._process.stdout.read(CHUNK) if ready else b""
        if not self._read:
            raise self._build_error()

    def _build_error(self) -> GitError:
        return GitError(
            "git cat-file ended in the middle of an answer.", hint="Try again. Nothing was sent."
        )

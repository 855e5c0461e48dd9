"""Git, asked and never told: nothing here changes a repository, its index or a file of the work tree.

The only place that runs git. What a repository or a person has configured must not change an answer or start other
programs: no pager, hook, fsmonitor, signature check or replacement of the environment; no prompt, no network.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import GitError

PATIENCE_S = 30.0
# Where git lies, and whom it trusts: `safe.directory` stands in the configuration of the person. Nothing else.
_INHERITED = ("PATH", "HOME", "XDG_CONFIG_HOME", "SUDO_UID", "TMPDIR")
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",  # a question does not write the index
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",  # and nothing is fetched, also where objects are missing
    "GIT_NO_LAZY_FETCH": "1",
}
_SETTINGS = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "log.showSignature=false", "log.follow=false")


@dataclass(frozen=True, slots=True)
class Commit:
    """What the work tree was checked out from, and whether what was asked about is still as it is there."""

    id: str  # whole
    author: str  # as written in the commit; may hold anything
    changed: bool  # whether one of the paths asked about is not as it was committed


def in_repository(folder: Path) -> bool:
    """Whether a folder from here upwards holds `.git`. Asks nobody."""
    folder = folder.resolve()
    return any((each / ".git").exists() for each in (folder, *folder.parents))


def head(root: Path, paths: Collection[str] = ()) -> Commit | None:
    """The commit that is checked out at `root`; `paths` are relative to it.

    None outside a repository, before the first commit, and where git cannot tell (not installed, not trusted).
    """
    if not in_repository(root):
        return None
    try:
        name, author = answer(root, "log", "-1", "--format=%H%x00%an", "HEAD").rstrip(b"\n").split(b"\0")
        changed = bool(paths) and not _uncommitted(root).isdisjoint(_with_folders(paths))
    except GitError:
        return None
    return Commit(name.decode(), author.decode(errors="replace"), changed)


def _uncommitted(root: Path) -> set[str]:
    """Files and folders below `root` that are not as in the last commit, or not in it."""
    prefix = answer(root, "rev-parse", "--show-prefix").rstrip(b"\n")
    told = answer(root, "status", "--porcelain", "-z", "--no-renames", "-uall", "--ignored=matching", "--", ".")
    return {os.fsdecode(each[3:].removeprefix(prefix).rstrip(b"/")) for each in told.split(b"\0") if each}


def _with_folders(paths: Iterable[str]) -> Iterator[str]:
    """`paths`, and the folders they lie in: git names a folder where all of it is new, ignored or another's."""
    for path in paths:
        parts = path.split("/")
        yield from ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def versions(root: Path, path: str, *, commits: int) -> Iterator[bytes]:
    """The bytes of a file in the last commits that changed it; none outside a repository, or before the first.

    Raises GitError.
    """
    if not in_repository(root) or answer(root, "cat-file", "--batch-check", given=b"HEAD\n").endswith(b"missing\n"):
        return
    for commit in answer(root, "log", f"-n{commits}", "--format=%H", "HEAD", "--", path).decode().split():
        if answer(root, "ls-tree", "-z", commit, "--", path):  # otherwise it is the commit that removed it
            yield answer(root, "cat-file", "blob", f"{commit}:./{path}")


def answer(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What git says on standard output when it is run in `root`. Raises GitError with what it complains of."""
    settings = [part for each in _SETTINGS for part in ("-c", each)]
    command = ["git", "--no-pager", *settings, *arguments]
    try:
        done = subprocess.run(
            command, cwd=root, env=_environment(), input=given, capture_output=True, timeout=PATIENCE_S, check=False
        )
    except FileNotFoundError:
        raise GitError("git is not installed, or not in PATH.", hint="Install git. Nothing was sent.") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}.", hint="Nothing was sent.") from error
    except subprocess.TimeoutExpired:
        raise GitError(
            f"git {arguments[0]} has not answered for {PATIENCE_S:.0f} s.", hint="Nothing was sent."
        ) from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise GitError(f"git {arguments[0]}: {said or f'ended with code {done.returncode}'}.", hint="Nothing was sent.")
    return done.stdout


def _environment() -> dict[str, str]:
    return {**{name: os.environ[name] for name in _INHERITED if name in os.environ}, **_ENVIRONMENT}

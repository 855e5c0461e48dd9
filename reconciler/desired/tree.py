"""The protocol of a project's files, in the work tree or in a git revision. Pure."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Collection, Hashable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from reconciler.formats.names import find_similar, make_plain


class Unusable(ValueError):
    """A file that is not there or may not be used; the message ends a sentence that begins with its
    name.
    """


class Missing(Unusable):
    """There is no file of that name."""


def suggest_spelling(path: str, same: str | None, beside: Iterable[str]) -> str:
    """What is said of a missing `path` when the file `same` is there under another spelling of its
    name, or one of those in its folder (`beside`) has a name that is spelled like it.
    """
    if same is None or same == path:
        return _suggest_name(path, beside)
    same_letters = unicodedata.normalize("NFC", same) == unicodedata.normalize("NFC", path)
    other = "in another Unicode form of the same letters" if same_letters else "in other case"
    return f"; {make_plain(same)} does, {other}. Write its name as it is, or rename it"


def _suggest_name(path: str, beside: Iterable[str]) -> str:
    folder, _, name = path.rpartition("/")
    by_stem = {posixpath.splitext(other)[0].casefold(): other for other in sorted(beside)}
    close = find_similar(posixpath.splitext(name)[0], by_stem, most=1, cutoff=0.7)
    return (
        f". Did you mean {make_plain(posixpath.join(folder, by_stem[close[0]]))}?" if close else ""
    )


class File(Protocol):
    """A file that is there. Every method raises Unusable."""

    @property
    def size_bytes(self) -> int: ...

    @property
    def path(self) -> Path | None:
        """Where it lies on disk; None where it does not."""

    def digest(self) -> str:
        """The SHA-256 of its bytes."""

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Its bytes, to be read and searched."""


class Tree(Protocol):
    """Paths are relative to the project, with `/` between folders. Symbolic links to files inside
    it are followed.
    """

    def manifests(self, name: str) -> Collection[str] | None:
        """The manifests below a folder, or the file of that name; None where there is neither.
        Raises EscapesRoot.
        """

    def read(self, path: str, most: int) -> bytes:
        """The first bytes of a file, at most so many. Raises Unusable."""

    def stamp(self, path: str, /) -> Hashable | None:
        """What another reading of a file would not have, were the file not the same; None where
        nothing tells. Raises Unusable.
        """

    def file(self, path: str) -> File:
        """The regular file of that name. Raises Unusable."""


def is_manifest(name: str, project_file: str) -> bool:
    """Whether a file of this name is one, lying in a manifest folder."""
    return name.endswith((".yaml", ".yml")) and name != project_file and not name.startswith(".")

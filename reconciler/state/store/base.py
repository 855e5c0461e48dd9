"""What every store promises, wherever its bytes lie. Pure.

A blob is named by the SHA-256 of its bytes, a result by the key of its job and the digest of its
blob. Both are written once and never changed: a copy of one is right or damaged. A store hands out
no paths of its own files: it opens, copies out and streams in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol, TypeVar

from reconciler.errors import StoreDamaged
from reconciler.formats.values import value
from reconciler.state.observed import Result
from reconciler.state.store.notes import Notes

T = TypeVar("T")
MOST_BLOB_BYTES = 1 << 30  # a result larger than this is not a video of at most 10 s


class Contents(NamedTuple):
    """What a store answered: results by key, the oldest first, and in words what was damaged."""

    results: Mapping[str, Sequence[Result]]
    damaged: Sequence[str]


@value(frozen=True, slots=True)
class Damage:
    """Something that is not what it should be."""

    words: str  # what is wrong
    where: str | None = None  # for people: where it lies; None where there is nothing to move
    name: str = ""  # how the store calls it, for `quarantine`

    def __iter__(self) -> Iterator[str | None]:
        """(where, words), as programs of before took it apart."""
        yield self.where
        yield self.words

    def to_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


@value(frozen=True, slots=True)
class Room:
    """How many bytes a store can still take, and where that is, for people."""

    free_bytes: int
    where: str


class BlobWriter(Protocol):
    """A blob on its way in. Bytes are hashed as they pass; `commit` makes it visible."""

    size_bytes: int

    @property
    def digest(self) -> str:
        """The SHA-256 of what was written so far."""

    def write(self, chunk: bytes) -> None:
        """Append bytes."""

    def inspect(self, look: Callable[[Path, int], T]) -> T:
        """What `look` says of the bytes that were written so far: it is lent a file that has them,
        and their number, and must not keep either.
        """

    def commit(self) -> str:
        """Make the blob durable and visible under its digest, which is returned."""


class Inputs(Protocol):
    """What has to be uploaded for requests, put into the store for whoever has no checkout."""

    def put(self, digest: str, content: Path | bytes | IO[bytes]) -> None:
        """Make bytes, whose digest is known, durable unless they are there."""

    def open(self, digest: str) -> AbstractContextManager[IO[bytes]]:
        """An input for reading, hashed. Raises StoreDamaged where it is missing or has other
        bytes.
        """


class Store(Protocol):
    """The store of one realm. Any number of readers; who writes holds the project's lock."""

    # -------------------------------------------------------------- blobs

    def has(self, digest: str, size_bytes: int) -> bool:
        """Whether a blob of that digest and size is there. Its bytes are hashed when it is read."""

    def new_blob(self) -> AbstractContextManager[BlobWriter]:
        """A writer for one blob; without `commit` nothing remains of it."""

    def open_blob(self, digest: str) -> AbstractContextManager[IO[bytes]]:
        """A blob for reading; its bytes are not hashed before. Raises StoreDamaged where there is
        none.
        """

    def check_blob(self, digest: str) -> None:
        """Hash a blob again. Raises StoreDamaged where it is missing or has other bytes."""

    def copy_out(self, digest: str, target: Path) -> None:
        """Put a blob's bytes at `target`, by rename of a complete copy. Raises StoreDamaged,
        leaving `target` alone.
        """

    def measure_room(self) -> Room:
        """How much can still be written."""

    def link(self, digest: str, *, for_s: float) -> str:
        """A link by which anybody can read a blob for so long; it is a secret. Raises UsageError
        where the store has none.
        """

    # -------------------------------------------------------------- results, by keys

    def put_result(self, result: Result) -> None:
        """Record an outcome whose blob is already committed. The same outcome twice is no
        change.
        """

    def confirm(self, result: Result) -> None:
        """Make durable a record that is there: who wrote it may have been killed before that."""

    def remember(self) -> None:
        """Keep what was learnt of the store, so that the next run need not look again."""

    def find_results(self, keys: Collection[str], *, read_data: bool = False) -> Contents:
        """The results of these keys whose blob is there, oldest first; and in words what could not
        be trusted. `read_data` hashes their blobs; otherwise a blob's size is compared.
        """

    def find_first(self, key: str) -> Result | None:
        """The first result of a job, as it is in the store at this moment, its bytes hashed; None
        when there is none that can be trusted.
        """

    def find_stored(self, digests: Collection[str]) -> frozenset[str]:
        """Those of `digests` that are the outcome of some result whose blob is there."""

    def find_rendered_for(self, edits: Collection[str]) -> Mapping[str, Sequence[Result]]:
        """By edit: the results that were rendered for it, by key, and of one key the oldest first.
        Only edits that have one are in the answer.
        """

    def count_recorded(self, edits: Collection[str]) -> Mapping[str, int]:
        """By edit: how many results are recorded for it; also where the blob is no longer there.
        Only edits that have one are in the answer. Costs what has changed since the last time.
        """

    def find_recorded(self, edits: Collection[str], keys: Collection[str]) -> Sequence[Result]:
        """What is recorded for some edits and under some keys, the oldest first; also where the
        blob is no longer there.
        """

    # -------------------------------------------------------------- the whole store

    def read_all_results(self, *, read_data: bool = False) -> Contents:
        """All that was ever stored. It costs what the store holds."""

    def verify(self, *, read_data: bool) -> Iterator[Damage]:
        """Every record and blob that cannot be trusted; `read_data` hashes every blob."""

    def quarantine(self, damage: Damage) -> None:
        """Move what is damaged out of sight, keeping its bytes."""

    def remove(self, results: Sequence[Result]) -> None:
        """Delete results for good, records first, and the blobs that no other record names."""

    def open_inputs(self) -> Inputs:
        """The inputs that lie in the store. Raises UsageError where machines do not share it."""

    def open_notes(self, kind: str) -> Notes:
        """The notes of one kind that lie in the store."""

    def sweep(self) -> None:
        """Put in order what grows with use, and remove what killed runs left half written over a
        day ago; in a shared store younger ones may be in use.
        """


def sort_key(result: Result) -> tuple[str, str]:
    """What results of one key are sorted by: the oldest first."""
    return result.stored_at, result.digest


def describe_missing(digest: str) -> StoreDamaged:
    """The error of a blob that is not there."""
    return StoreDamaged(
        f"the blob {digest[:12]}… is not in the store.",
        hint="Run plan: it says what is left to do.",
    )


def describe_cut_short(digest: str, edit: str) -> str:
    """In words: a blob that is not there, or not as large as its record says."""
    return f"the blob {_abbreviate(digest, edit)} is missing or cut short"


def describe_other_bytes(digest: str, edit: str = "") -> str:
    """In words: a blob that has gone bad."""
    return f"the blob {_abbreviate(digest, edit)} does not have the bytes it is named for"


def _abbreviate(digest: str, edit: str) -> str:
    return f"{digest[:12]}…" + (f" of {edit}" if edit else "")

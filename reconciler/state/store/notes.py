"""Small notes that lie in a store, beside what it holds, for every machine that shares it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reconciler.system.files import list_names, write_atomic

if TYPE_CHECKING:
    from reconciler.state.store.bucket import StorageBucket


class Notes(Protocol):
    """The notes of one kind, by name."""

    def read(self) -> Mapping[str, bytes | None]:
        """All of them; None for one that cannot be read."""

    def write(self, name: str, raw: bytes, *, tmp_name: str) -> None:
        """Write one, whatever was there. Raises OSError, CutlistError."""

    def remove(self, name: str) -> None:
        """Remove one; it need not be there."""

    def keeps_first(self, name: str) -> bool:
        """Whether one that is there stays where it is to be written only if it is new; found out
        with the bytes that it has. Raises CutlistError.
        """

    def describe(self, name: str = "") -> str:
        """Where one lies, or all of them, for people."""


class FolderNotes:
    """Notes as files of a folder. What each method promises stands in `Notes`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> Mapping[str, bytes | None]:
        return {name: _read(self._folder / name) for name in list_names(str(self._folder))}

    def write(self, name: str, raw: bytes, *, tmp_name: str) -> None:
        write_atomic(self._folder / name, raw, tmp_name=tmp_name)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    def keeps_first(self, name: str) -> bool:  # noqa: ARG002
        return True

    def describe(self, name: str = "") -> str:
        return str(self._folder / name)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


class BucketNotes:
    """Notes as objects of a bucket. What each method promises stands in `Notes`."""

    def __init__(self, bucket: StorageBucket, kind: str) -> None:
        self._bucket = bucket
        self._kind = kind

    def read(self) -> Mapping[str, bytes | None]:
        names = [each.name for each in self._bucket.list(self._kind)]
        read = self._bucket.get_many(names) if names else {}
        return {name.rpartition("/")[2]: raw for name, raw in read.items()}

    def write(self, name: str, raw: bytes, *, tmp_name: str) -> None:  # noqa: ARG002
        self._bucket.put(f"{self._kind}/{name}", raw)

    def remove(self, name: str) -> None:
        self._bucket.remove([f"{self._kind}/{name}"])

    def keeps_first(self, name: str) -> bool:
        place = f"{self._kind}/{name}"
        raw = self._bucket.get(place)
        if raw is None:
            return True
        return not self._bucket.put_new(place, raw) and self._bucket.knows_conditions

    def describe(self, name: str = "") -> str:
        return f"{self._bucket.address}/{self._kind}/{name}"

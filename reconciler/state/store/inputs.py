"""Bytes that workers upload who have no checkout: they lie in a shared store, named by their
digest, and are hashed whenever they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from reconciler.errors import StoreDamaged, StoreUnavailable
from reconciler.state.store.bucket import StorageBucket
from reconciler.state.store.copies import Copies


class BucketInputs:
    """The inputs in a bucket. What each method promises stands in `Inputs`."""

    def __init__(self, bucket: StorageBucket, copies: Copies) -> None:
        self._bucket = bucket
        self._copies = copies

    def put(self, digest: str, content: Path | bytes | IO[bytes]) -> None:
        raw = content if isinstance(content, Path | bytes) else content.read()
        size_bytes = raw.stat().st_size if isinstance(raw, Path) else len(raw)
        name = _name_input(digest)
        if self._bucket.measure(name) == size_bytes:
            return
        self._bucket.put(name, raw)
        arrived = self._bucket.measure(name)
        if arrived != size_bytes:
            raise StoreUnavailable(
                f"{arrived or 0} of {size_bytes} bytes of the input {digest[:12]}… are in"
                f" {self._bucket.address}, although the service took all of them.",
                hint="Run it again: nothing was ordered.",
            )

    @contextmanager
    def open(self, digest: str) -> Iterator[IO[bytes]]:
        copy = self._copies.find(digest)
        if copy is None:
            try:
                copy = self._copies.fill(digest, self._bucket.stream(_name_input(digest)))
            except KeyError:
                raise StoreDamaged(f"the input {digest[:12]}… is not in the store.") from None
        if copy is None:
            with suppress(StoreUnavailable):  # whoever asks for it next puts it there anew
                self._bucket.remove([_name_input(digest)])
            raise StoreDamaged(f"the input {digest[:12]}… has other bytes in the store.")
        with copy.open("rb") as file:
            yield file


def _name_input(digest: str) -> str:
    return f"inputs/{digest[:2]}/{digest}"

"""A bucket in memory that all machines of a crowd share, and what one of them sees of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import StoreAway
from reconciler.formats.bucket_address import BucketAddress
from reconciler.state.store.bucket import Listed


@dataclass(slots=True)
class SharedBucket:
    """Objects by name. `is_hidden_s` says for how long the next new one is in no listing."""

    now: Callable[[], float]
    choose_hidden_s: Callable[[], float]
    objects: dict[str, bytes] = field(default_factory=dict)
    listed_from: dict[str, float] = field(default_factory=dict)  # by name: virtual seconds

    def write(self, name: str, content: bytes) -> None:
        if name not in self.objects:
            self.listed_from[name] = self.now() + self.choose_hidden_s()
        self.objects[name] = content


class BucketView:
    """In the place of `StorageBucket`, whose promises it keeps. `trouble` is asked before and after
    each request, by its kind and whether it was done, and may raise.
    """

    knows_conditions = True

    def __init__(
        self,
        address: BucketAddress,
        bucket: SharedBucket,
        trouble: Callable[[str, bool], None],
    ) -> None:
        self.address = address
        self._bucket = bucket
        self._trouble = trouble

    def get(self, name: str) -> bytes | None:
        self._trouble("read", False)
        return self._bucket.objects.get(name)

    def get_many(self, names: Collection[str]) -> Mapping[str, bytes | None]:
        return {name: self.get(name) for name in names}

    def stream(self, name: str) -> Iterator[bytes]:
        content = self.get(name)
        if content is None:
            raise KeyError(name)
        yield content

    def measure(self, name: str) -> int | None:
        content = self.get(name)
        return None if content is None else len(content)

    def put(self, name: str, content: bytes | Path) -> None:
        self._trouble("write", False)
        self._bucket.write(name, content if isinstance(content, bytes) else content.read_bytes())
        self._trouble("write", True)

    def put_new(self, name: str, content: bytes) -> bool:
        if name in self._bucket.objects:
            self._trouble("write", False)
            return False
        self.put(name, content)
        return True

    def list(self, folder: str, *, after: str = "") -> Iterator[Listed]:
        self._trouble("list", False)
        now = self._bucket.now()
        for name in sorted(self._bucket.objects):
            is_listed = self._bucket.listed_from[name] <= now
            if is_listed and name.startswith(f"{folder}/") and name > f"{folder}/{after}":
                yield Listed(name, len(self._bucket.objects[name]))

    def remove(self, names: Collection[str]) -> None:
        self._trouble("delete", False)
        for name in names:
            self._bucket.objects.pop(name, None)
        self._trouble("delete", True)

    def copy(self, name: str, target: str) -> bool:
        content = self.get(name)
        if content is not None:
            self.put(target, content)
        return content is not None


def tell_away(address: BucketAddress) -> StoreAway:
    """What a machine is told that does not reach it."""
    return StoreAway(f"the store {address} cannot be reached.")

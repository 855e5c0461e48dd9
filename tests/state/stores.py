"""Every store there is, and a helper that puts a result into one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reconciler.formats.bucket_address import BucketAddress
from reconciler.state.observed import Result
from reconciler.state.store import FolderStore, Store
from reconciler.state.store.copies import Copies
from reconciler.state.store.objects import ObjectStore
from reconciler.system.cache import open_cache
from tests import making
from tests.clock import FakeClock
from tests.making import make_digest

EDIT = making.make_edit("film")
Maker = Callable[[Path, FakeClock], Store]
IMPLEMENTATIONS: dict[str, Maker] = {
    "folder": lambda path, clock: FolderStore(path / "store", clock),
    "indexed": lambda path, clock: FolderStore(path / "store", clock, open_cache(path / "cache")),
}


def open_bucket(
    address: BucketAddress, folder: Path, clock: FakeClock, most_bytes: int = 1 << 30
) -> ObjectStore:
    """A store in a bucket, as a machine sees it whose own files lie in `folder`."""
    copies = Copies(folder / "copies", most_bytes, clock)
    return ObjectStore(address, copies, clock, open_cache(folder / "cache"))


def put(store: Store, content: str = "video", **fields: object) -> Result:
    """FolderStore some bytes and the record that they are a result."""
    with store.new_blob() as blob:
        blob.write(content.encode())
        assert blob.commit() == make_digest(content)
    result = replace(making.make_result(EDIT, content), **fields)
    store.put_result(result)
    return result

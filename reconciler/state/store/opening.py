"""From what a project is set to, to its store."""

from __future__ import annotations

from reconciler.config import Config
from reconciler.state.store.base import Store
from reconciler.state.store.folder import FolderStore
from reconciler.system.cache import Cache, open_cache
from reconciler.system.clock import Clock


def open_store(config: Config, clock: Clock, cache: Cache | None = None) -> Store:
    """The store of a project's realm: a folder, or a bucket with copies on this machine. `cache` is
    the one that others share with it, if any.
    """
    cache = cache or open_cache(config.cache_dir)
    if config.bucket is None:
        return FolderStore(config.store_dir, clock, cache)
    from reconciler.state.store.copies import Copies  # lazy: only who shares a store pays for it
    from reconciler.state.store.objects import ObjectStore

    copies = Copies(config.cache_dir / "objects", config.most_copied_bytes, clock)
    return ObjectStore(config.bucket, copies, clock, cache)

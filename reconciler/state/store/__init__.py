"""Where videos and their records are kept: a protocol, and its implementation in a folder."""

from reconciler.state.store.base import BlobWriter, Contents, Damage, Room, Store
from reconciler.state.store.folder import FolderStore

__all__ = ["BlobWriter", "Contents", "Damage", "FolderStore", "Room", "Store"]

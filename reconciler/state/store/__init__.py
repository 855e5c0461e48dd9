"""Where videos and their records are kept: a protocol, and its implementations in a folder and in a
bucket.
"""

from reconciler.state.store.base import BlobWriter, Contents, Damage, Room, Store
from reconciler.state.store.folder import FolderStore

__all__ = ["BlobWriter", "Contents", "Damage", "FolderStore", "Room", "Store"]

"""Where videos and their records are kept: a protocol, and its implementations in a folder and in a
bucket.
"""

from reconciler.state.store.base import (
    MOST_BLOB_BYTES,
    BlobWriter,
    Contents,
    Damage,
    Room,
    Store,
)
from reconciler.state.store.folder import FolderStore
from reconciler.state.store.notes import FolderNotes, Notes
from reconciler.state.store.opening import open_store

__all__ = [
    "MOST_BLOB_BYTES",
    "BlobWriter",
    "Contents",
    "Damage",
    "FolderNotes",
    "FolderStore",
    "Notes",
    "Room",
    "Store",
    "open_store",
]

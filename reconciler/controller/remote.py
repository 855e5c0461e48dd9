"""Opens the mirror of a Sync's repository."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.apply.outcome import Stop
from reconciler.config.variables import require_secret
from reconciler.controller.documents import Sync
from reconciler.controller.places import SyncPlaces
from reconciler.system.git.remote import Mirror


@dataclass(frozen=True, slots=True)
class _StopWish:
    """A stop of a pass, as git's processes ask for it."""

    stop: Stop

    def is_set(self) -> bool:
        """Whether the pass is to end."""
        return bool(self.stop.reason)


def open_mirror(sync: Sync, places: SyncPlaces, stop: Stop) -> Mirror:
    """The mirror of a Sync, whose git ends when `stop` is asked for. Reaches nobody.

    Raises UsageError, DiskFull.
    """
    name = sync.repository.token_from
    token = require_secret(name) if name else None
    return Mirror.open(places.mirror, sync.repository.url, token=token, stop=_StopWish(stop))

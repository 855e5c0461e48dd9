"""Results in the store → output files and the lock file. Costs nothing and may be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.clock import Clock
from reconciler.files import inside
from reconciler.plan.step import Step
from reconciler.state import lockfile
from reconciler.state.observed import Pin, Published
from reconciler.state.outputs import Outputs
from reconciler.state.store import Store


@dataclass(frozen=True, slots=True)
class Publisher:
    """Puts results where the manifests say."""

    root: Path
    store: Store
    outputs: Outputs
    clock: Clock
    realm: str

    def write(self, step: Step, digest: str) -> None:
        """Put a result at an edit's output, by rename of a complete copy. Raises StoreDamaged, EscapesRoot, OSError."""
        assert step.key is not None
        target = inside(self.root, step.output)
        self.store.copy_out(digest, target)
        note = Published(digest, self.realm, step.name, step.key)
        self.outputs.remember(step.output, note, tmp_name=self.clock.new_id())

    def pin(self, pins: Mapping[str, Pin]) -> bool:
        """Write cutlist.lock; the mock realm never does. Returns whether it changed."""
        if self.realm != "live":
            return False
        return lockfile.write(self.root, pins, tmp_name=self.clock.new_id())

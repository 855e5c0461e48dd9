"""Results in the store → output files and the lock file. Costs nothing and may be repeated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from reconciler.config import Config
from reconciler.errors import CutlistError
from reconciler.plan.step import Step
from reconciler.state import lockfile
from reconciler.state.observed import Pin, Published
from reconciler.state.outputs import Outputs
from reconciler.state.store import Store
from reconciler.system.clock import Clock
from reconciler.system.files import fsync_dir, hash_file, resolve_inside


@dataclass(frozen=True, slots=True)
class Publisher:
    """Puts results where the manifests say."""

    config: Config
    store: Store
    outputs: Outputs
    clock: Clock

    def write(self, step: Step, digest: str) -> None:
        """Put a result at an edit's output, by rename of a complete copy.

        Only what the plan saw there, and said may go, is replaced. Raises StoreDamaged,
        EscapesRoot, OSError, and CutlistError when another file is there by now.
        """
        assert step.key is not None
        target = resolve_inside(self.config.root, step.output)
        if target.exists() and hash_file(target) not in (step.replaces, digest):
            raise CutlistError(
                f"{step.output} is a file that cutlist did not write.",
                hint=(
                    "The video is paid and in the store. Move the file away, or run `cutlist apply"
                    " --force`."
                ),
            )
        self.store.copy_out(digest, target)
        config = self.config
        note = Published(
            digest, config.realm, step.name, step.key, config.environment, step.protect
        )
        self.note({step.output: note})

    def prune(self, step: Step) -> None:
        """Remove an output that no edit asks for any more, and forget it.

        The bytes are hashed again, here and in the store: this must not be the last copy. Raises
        StoreDamaged, EscapesRoot, OSError, and CutlistError when another file is there by now.
        """
        assert step.digest is not None
        self.store.check_blob(step.digest)
        target = resolve_inside(self.config.root, step.output)
        if target.exists():
            if not target.is_file() or hash_file(target) != step.digest:
                raise CutlistError(f"{step.output} was changed since it was planned; it stays.")
            target.unlink()
            fsync_dir(target.parent)
        self.note({}, forget=[step.output])

    def note(self, notes: Mapping[str, Published], *, forget: Collection[str] = ()) -> None:
        """Note what we wrote, and forget what is gone."""
        self.outputs.remember(notes, forget=forget, tmp_name=self.clock.new_id())

    def pin(self, pins: Mapping[str, Pin]) -> bool:
        """Write the lock file. Where no money is spent it keeps what was picked, as far as that
        still holds, and gets nothing new. Returns whether it changed.
        """
        folder, section = lockfile.find_folder(self.config), self.config.environment
        if self.config.realm != "live":
            before = lockfile.read(folder).get(section, {})
            pins = {name: pin for name, pin in before.items() if pins.get(name) == pin}
            if pins == before:
                return False
        return lockfile.write(folder, section, pins, tmp_name=self.clock.new_id())

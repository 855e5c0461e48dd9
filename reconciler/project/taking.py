"""The takes of an edit: listed, copied out, picked, and edits drawn on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.project.base import NOTHING_SPECIAL, OpenedProject

if TYPE_CHECKING:
    from reconciler.operations.sheet import Sheet
    from reconciler.plan.takes import Pick, Take, TakeList
    from reconciler.planner import Pass


class Taking(OpenedProject):
    """What a project says of the takes of an edit, and does with them."""

    def takes(self, name: str, current: Pass | None = None) -> TakeList:
        """The results that an edit has had, numbered from 1 in the order in which they were stored.

        `current` is a pass that was made already; None: one is made. Raises UsageError where none
        is named so.
        """
        from reconciler.operations import takes  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            if current is None:
                current = self._workspace.run_pass(ledger, NOTHING_SPECIAL)
            return takes.list_takes(self.config, self.store, ledger, current, name)

    def extract(
        self, name: str, file: Path | str, *, take: int | None = None, force: bool = False
    ) -> Take:
        """Write a verified copy of the video of a take, or of the one that counts now, to `file`.

        Raises UsageError, also where something is there, unless `force` is set; StoreDamaged.
        """
        from reconciler.operations import takes  # lazy: start-up time

        found = self.takes(name)
        chosen = found.choose(take)
        takes.extract_take(self.config, self.store, found, chosen, Path(file), force=force)
        return chosen

    def bring(self, name: str, *, take: int | None = None) -> Path:
        """A file on this machine with the video of a take, or of the one that counts now, to be
        looked at and not to be kept: the output of the edit, or a copy among a few.

        Raises UsageError, StoreDamaged.
        """
        from reconciler.operations import takes  # lazy: start-up time

        found = self.takes(name)
        return takes.bring_take(self.config, self.store, found, found.choose(take))

    def sheet(self, names: Sequence[str], out: Path | str, *, force: bool = False) -> Sheet:
        """Draw edits on one picture, a PNG at `out`: what goes in above what came out.

        Raises UsageError, also where something is there, unless `force` is set; CutlistError.
        """
        from reconciler.operations import sheet  # lazy: start-up time

        new_id = self.clock.new_id
        return sheet.write_sheet(self.run_pass(), self.store, names, Path(out), new_id, force=force)

    def pick(
        self, name: str, number: int, *, digest: str | None = None, mark: str | None = None
    ) -> Pick:
        """Make a take the one that counts: the lock file names it, and the output gets its bytes.
        Spends nothing, and says what would be rendered that builds on it.

        `digest` and `mark` (of a `TakeList`) are what was shown to whoever picks. Raises
        LockChanged where they are no longer so; UsageError, StoreDamaged, Locked.
        """
        from reconciler.operations import picking  # lazy: start-up time

        request = picking.PickRequest(name, number, digest, mark)
        with self._workspace.open_for_writing() as ledger:
            current = self._workspace.run_pass(ledger, NOTHING_SPECIAL)
            return picking.pick_take(
                self.config,
                self.store,
                ledger,
                self.clock,
                current,
                request,
                self._workspace.cache,
            )

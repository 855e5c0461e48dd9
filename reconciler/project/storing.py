"""What is done with the results that a project has stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.project.base import OpenedProject
from reconciler.state.store import Damage

if TYPE_CHECKING:
    from reconciler.operations.bundling import Bundled
    from reconciler.operations.gc import Garbage


class Storing(OpenedProject):
    """Care for what is stored."""

    def verify(self, *, read_data: bool = False, repair: bool = False) -> Sequence[Damage]:
        """All that is not what it should be in store and ledger.

        `read_data` hashes every blob again. `repair` moves what is damaged into quarantine: the
        next plan heals.
        """
        from reconciler.operations import verify  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            damages = verify.find_damages(self.config, self.store, ledger, read_data=read_data)
        if repair and damages:
            with self._workspace.open_for_writing():
                verify.repair(self.store, damages)
        return damages

    def gc(self, *, commits: int, delete: bool = False) -> Garbage:
        """Results that nothing names: not manifests, outputs, the lock file, its last `commits`
        versions, or a branch; in a shared store no claim of another project either, and what is
        younger than 14 days stays.

        Only reports, unless `delete` is set: what is deleted has to be paid for again.
        """
        from reconciler.operations import gc  # lazy: start-up time

        current, now = self.run_pass(whole=True), self.clock.now()
        garbage = gc.find_garbage(self.config, self.store, current, now, commits=commits)
        if delete and garbage.results:
            with self._workspace.open_for_writing():
                self.store.remove(garbage.results)
        return garbage

    def bundle(self, names: Sequence[str], out: Path) -> Bundled:
        """Pack the results of these edits, or of all, into a new file for people who cannot reach
        the store. Raises UsageError, CutlistError.
        """
        from reconciler.operations import bundling  # lazy: start-up time

        project = self.config.name
        contents, without = bundling.choose_results(self.run_pass(), names, project, self.store)
        size_bytes = bundling.pack(contents, self.store, out, self.clock.new_id)
        return bundling.Bundled([entry.edit for entry in contents.entries], size_bytes, without)

    def unbundle(self, path: Path) -> Bundled:
        """Put the results of a bundle into the store, verified; in the live realm only what the
        lock file pins. Raises BadBundle, CutlistError.
        """
        from reconciler.operations import bundling  # lazy: start-up time

        with self._workspace.open_for_writing():
            return bundling.unpack_into_store(path, self.config, self.store)

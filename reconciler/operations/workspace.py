"""Where the operations of a project work: its store, and its ledger for a look or under the lock;
and the passes over them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from reconciler import planner
from reconciler.config import Config
from reconciler.errors import CutlistError
from reconciler.operations import realm, shared
from reconciler.plan.decide import PlanOptions
from reconciler.planner import Pass
from reconciler.state.ledger import Ledger
from reconciler.state.lock import FileLock
from reconciler.state.roster import Roster
from reconciler.state.store import open_store
from reconciler.system.cache import Cache, HeldCache
from reconciler.system.clock import Clock
from reconciler.system.stages import time_stage

if TYPE_CHECKING:
    from reconciler.plan.diff import Comparison
    from reconciler.system.git.revisions import Revision


class Workspace:
    """The store and the ledger of a project. `command` is what others are told who find the lock
    held by this one, `cache` what its passes share with those of others, if anything.
    """

    def __init__(
        self, config: Config, clock: Clock, command: str, cache: HeldCache | None = None
    ) -> None:
        self.config = config
        self.clock = clock
        self.cache = cache
        self.store = open_store(config, clock, cache)
        self._command = command

    @contextmanager
    def open_for_reading(self) -> Iterator[Ledger | None]:
        """The ledger for looking, without the lock; None when there is none yet. Raises
        LedgerError.
        """
        with time_stage("ledger"):
            ledger = self._open_readonly()
        try:
            yield ledger
        finally:
            if ledger is not None:
                ledger.close()

    def _open_readonly(self) -> Ledger | None:
        if self.config.shares_ledger:
            return shared.open_readonly(self.config)
        from reconciler.state.ledger import SqliteLedger  # lazy: start-up time

        return SqliteLedger.open_readonly(self.config.ledger_file)

    @contextmanager
    def open_for_writing(self) -> Iterator[Ledger]:
        """The lock and the ledger, for the length of a block that changes things. Raises Locked.

        The lock is of this folder: a ledger that is shared is written by others meanwhile.
        """
        with self._hold_lock():
            ledger = self._open()
            try:
                yield ledger
            finally:
                ledger.close()

    def move_ledger(self, to: Literal["shared", "file"]) -> str:
        """The ledger into the shared one, or back into a file; what was done, in words."""
        from reconciler.operations import moving  # lazy: start-up time

        move = moving.move_to_shared if to == "shared" else moving.move_to_file
        with self._hold_lock():
            said = move(self.config, self.clock.new_id(), self._command)
            return f"{said}{self._hand_over_note(to)}"

    def _hand_over_note(self, to: Literal["shared", "file"]) -> str:
        """The store knows the ledger that is used now, and forgets the closed one: else that would
        count as another. A sentence about what could not be done.
        """
        notes, folder = self.store.open_notes("ledgers"), self.config.state_dir
        file = Roster(notes, folder)
        common = Roster(notes, folder, shared.find_shared_id(self.config))
        old, new = (file, common) if to == "shared" else (common, file)
        try:
            old.hand_over(new, now=self.clock.now(), new_id=self.clock.new_id)
        except (CutlistError, OSError) as error:
            return (
                f" The store still has a note of the closed one ({error}); remove it from"
                f" {notes.describe()}, or it counts as another ledger."
            )
        return ""

    def _hold_lock(self) -> AbstractContextManager[None]:
        lock = FileLock(self.config.state_dir / "lock")
        return lock.hold(command=self._command, now=self.clock.now())

    def _open(self) -> Ledger:
        if self.config.shares_ledger:
            return shared.open_ledger(self.config, self.clock.new_id(), self._command)
        from reconciler.state.ledger import SqliteLedger  # lazy: start-up time

        return SqliteLedger.open(self.config.ledger_file)

    def run_pass(self, ledger: Ledger | None, options: PlanOptions, *, whole: bool = False) -> Pass:
        """One pass over what is asked for now."""
        return planner.run_pass(
            self.config, self.store, ledger, self.clock, options, whole=whole, cache=self.cache
        )

    def look(self, options: PlanOptions, *, whole: bool = False) -> Pass:
        """One pass for reading, with a word in its notes where the ledger lies in the folder of the
        other realm.
        """
        self.require_orders_possible()
        with self.open_for_reading() as ledger:
            current = self.run_pass(ledger, options, whole=whole)
        error = realm.find_mistaken_realm(self.config)
        if error is None:
            return current
        notes = (*current.plan.notes, f"! {error.message} {error.hint}")
        return replace(current, plan=replace(current.plan, notes=notes))

    def require_orders_possible(self) -> None:
        """Raises UsageError where a plan would promise what its apply has to refuse."""
        if self.config.leaves_work:
            shared.require_shared_state(self.config)

    def look_at(self, revision: Revision, options: PlanOptions, cache: Cache) -> Pass:
        """One pass for reading over what a commit asks for."""
        from reconciler.operations import committed  # lazy: start-up time

        state = committed.read_revision(self.config, revision, cache, self.clock)
        pins = state.pins if self.config.realm == "live" else None
        self.require_orders_possible()
        with self.open_for_reading() as ledger:
            return planner.conclude_pass(
                self.config, state.desired, self.store, ledger, self.clock, options, pins
            )

    def diff(self, ends: str) -> Comparison:
        """What changes between two revisions, as in Project.diff."""
        from reconciler.operations import committed  # lazy: start-up time
        from reconciler.plan.diff import Side, compare_revisions
        from reconciler.system.git.revisions import find_ends

        first, last = find_ends(self.config.root, ends)
        options = PlanOptions(force=True)  # no file in the way hides a price
        with committed.open_revision_cache(self.config) as cache:
            before = self.look_at(first, options, cache)
            after = self.look(options) if last is None else self.look_at(last, options, cache)
        to = Side("the work tree", None) if last is None else Side(str(last), last.id)
        sides = (Side(str(first), first.id), to)
        return compare_revisions(
            before.resolved, after.resolved, after.plan, sides=sides, prunes=self.config.prune
        )

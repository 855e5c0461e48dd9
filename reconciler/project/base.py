"""What every part of the API works with: configuration, clock and workspace, and one pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.apply.events import RunBlocking, run_in_thread
from reconciler.config import Config
from reconciler.desired.job import Desired
from reconciler.desired.source.opening import load_project
from reconciler.desired.source.own_models import add_own_models
from reconciler.operations.approval import Approval
from reconciler.operations.shared import find_shared_id
from reconciler.operations.workspace import Workspace
from reconciler.plan.decide import PlanOptions
from reconciler.plan.selection import find_edit
from reconciler.plan.step import Step
from reconciler.planner import Pass
from reconciler.state.roster import Roster
from reconciler.system.cache import HeldCache
from reconciler.system.clock import Clock, SystemClock

if TYPE_CHECKING:
    from reconciler.service.network import Transport  # lazy where it runs: httpx

NOTHING_SPECIAL = PlanOptions()


class OpenedProject:
    """What every part of the API works with."""

    def __init__(
        self,
        config: Config,
        clock: Clock | None = None,
        transport: Transport | None = None,
        block: RunBlocking | None = None,
        command: str = "a Python program",
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.config = add_own_models(config, self.clock)
        self._command = command
        self._work_with(None)
        self._transport = transport
        self._block: RunBlocking = block or run_in_thread
        notes, shared_id = self.store.open_notes("ledgers"), find_shared_id(config)
        roster = Roster(notes, config.state_dir, shared_id)
        self._approval = Approval(self.config, roster, self.clock)

    def load(self) -> Desired:
        """Read and check every manifest. Raises InvalidInput with all faults."""
        return load_project(self.config, self.clock)

    def run_pass(self, options: PlanOptions = NOTHING_SPECIAL, *, whole: bool = False) -> Pass:
        """One pass, for reading: what is asked for, what there is, and the plan between them.

        `whole`: with all results and attempts that ever were, also those that no edit asks for now.
        """
        return self._workspace.look(options, whole=whole)

    def _work_with(self, cache: HeldCache | None) -> None:
        """From now on have at hand what other passes with this cache have read."""
        self._workspace = Workspace(self.config, self.clock, self._command, cache)
        self.store = self._workspace.store

    def _find_step(self, name: str) -> tuple[Pass, Step]:
        """One pass over all that is stored, and the step of the edit that is named."""
        current = self.run_pass(whole=True)
        edit = find_edit(list(current.desired.edits), name)
        step = next(step for step in current.plan.steps if step.name == edit)
        return current, replace(step, details=current.plan.describe_details(step))

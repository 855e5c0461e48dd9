"""What a project has spent, and what it may spend yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.plan.step import Plan
from reconciler.project.base import NOTHING_SPECIAL, OpenedProject
from reconciler.state.roster import Note

if TYPE_CHECKING:
    from reconciler.history.cost import Budget, CostReport
    from reconciler.history.spending import Sum
    from reconciler.operations.budget import BudgetCheck
    from reconciler.planner import Pass


class Money(OpenedProject):
    """Sums and limits."""

    def cost(self, current: Pass | None = None) -> CostReport:
        """What was spent, saved and wasted so far, and what is left of today's budgets.

        `current` is a pass that was made already; None: one is made.
        """
        from reconciler.operations import accounting  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            if current is None:
                current = self._workspace.run_pass(ledger, NOTHING_SPECIAL)
            return accounting.build_cost_report(
                self.config, self.store, ledger, current, self.clock.now()
            )

    def add_up_today(self) -> Sequence[Budget]:
        """Each budget of a day, with what was spent of it today (UTC)."""
        if not self.config.budget:
            return []
        from reconciler.operations import accounting  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            return accounting.add_up_days(self.config, ledger, self.clock.now())

    def add_up_since(self, moment: float) -> Sum:
        """What was spent since a moment (seconds since 1970); what is under way counts as
        planned.
        """
        from reconciler.operations import accounting  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            return accounting.add_up_since(self.config, ledger, moment)

    def check_budgets(self, plan: Plan, *, max_cost: float | None = None) -> Sequence[BudgetCheck]:
        """Each limit held against a plan, by what was spent until now: whether an apply of it would
        be refused, and why.
        """
        with self._workspace.open_for_reading() as ledger:
            return self._approval.check_budgets(plan, ledger, max_cost)

    def find_other_ledgers(self) -> Sequence[Note]:
        """The other ledgers that have spent something on this store; none where the project file
        says that it is shared.
        """
        return self._approval.find_other_ledgers()

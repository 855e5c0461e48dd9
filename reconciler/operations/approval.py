"""What stands before money: budgets, other ledgers on the store, and a person's yes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.apply.outcome import Stop
from reconciler.config import Config
from reconciler.errors import Declined, Fault, InvalidInput
from reconciler.operations import accounting as recall
from reconciler.operations import budget
from reconciler.plan.decide import Options
from reconciler.plan.step import Plan
from reconciler.state.ledger import Ledger
from reconciler.state.roster import Note, Roster, meaning
from reconciler.system.clock import Clock

Tell = Callable[[str], None]
Approve = Callable[[Plan], bool | str]


@dataclass(frozen=True, slots=True)
class Consent:
    """Everything that may forbid an apply of one project."""

    config: Config
    roster: Roster
    clock: Clock

    def budgets(
        self, plan: Plan, ledger: Ledger | None, max_cost: float | None
    ) -> Sequence[budget.Verdict]:
        """Each limit held against a plan, by what was spent until now."""
        days = recall.days(self.config, ledger, self.clock.now())
        return budget.verdicts(plan, self.config.budget, days, max_cost)

    def other_ledgers(self) -> Sequence[Note]:
        """The other ledgers that have spent something on this store; none where the project file
        says that it is shared.
        """
        return () if self.config.shared_store else self.roster.others()

    def check(
        self, plan: Plan, options: Options, ledger: Ledger, max_cost: float | None, tell: Tell
    ) -> None:
        """Hold a plan against all that may forbid it. Raises InvalidInput, BudgetExceeded."""
        others = self.other_ledgers() if _may_send(plan, options) else ()
        if others and self.config.realm == "live":
            raise self._not_alone(others)
        if others:
            tell(f"warning: {meaning(others)}.")
        budget.check(self.budgets(plan, ledger, max_cost))

    def ask(self, plan: Plan, options: Options, approve: Approve, stop: Stop) -> bool | str:
        """Ask; then leave a note in the store before anything is spent, and look once more who else
        has: of two that begin at one moment at least one sees the other. Raises Declined,
        InvalidInput. Where a signal ended the question, nobody has declined.
        """
        approved = approve(plan)
        if not approved and not stop.reason:
            raise Declined("not confirmed; nothing was sent.")
        if approved and _may_send(plan, options):
            self._sign()
        return approved

    def _sign(self) -> None:
        fresh = self.roster.sign(now=self.clock.now(), new_id=self.clock.new_id)
        others = self.other_ledgers()
        if others and self.config.realm == "live":
            if fresh:
                self.roster.take_back()
            raise self._not_alone(others)

    def _not_alone(self, others: Sequence[Note]) -> InvalidInput:
        """What to do about it, with its place in the project file."""
        ways = (
            "If that is meant, say `shared_store: true` in cutlist.yaml; if it is gone for good,"
            f" remove its note ({', '.join(str(note.path) for note in others[:3])})"
        )
        fault = Fault(self.config.document.place("/spec"), f"{meaning(others)}. {ways}")
        return InvalidInput([fault], files=1)


def _may_send(plan: Plan, options: Options) -> bool:
    """Whether an apply of it may ask for a task; also where one that is in flight may fail."""
    return not options.refresh_only and any(step.may_pay for step in plan.steps)

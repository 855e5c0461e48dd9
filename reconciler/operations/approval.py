"""What stands before money: budgets, other ledgers on the store, and a person's yes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reconciler.apply.request import ApplyRequest
from reconciler.config import Config
from reconciler.errors import Declined, Fault, InvalidInput
from reconciler.formats.values import value
from reconciler.operations.budget import BudgetCheck, check_budgets, require_within
from reconciler.plan.step import Plan
from reconciler.state.ledger import Ledger
from reconciler.state.roster import Note, Roster, describe_others
from reconciler.system.clock import Clock

if TYPE_CHECKING:
    from reconciler.apply.outcome import Stop

Tell = Callable[[str], None]
Approve = Callable[[Plan], bool | str]
_MOST_NOTES = 3  # that are named in a message


@value(frozen=True, slots=True)
class Approval:
    """Everything that may forbid an apply of one project."""

    config: Config
    roster: Roster
    clock: Clock

    def check_budgets(
        self, plan: Plan, ledger: Ledger | None, max_cost: float | None
    ) -> Sequence[BudgetCheck]:
        """Each limit held against a plan, by what was spent until now."""
        if not self.config.budget and max_cost is None:
            return []
        from reconciler.operations.accounting import add_up_days  # lazy: start-up time

        days = add_up_days(self.config, ledger, self.clock.now())
        return check_budgets(plan, self.config.budget, days, max_cost)

    def find_other_ledgers(self) -> Sequence[Note]:
        """The other ledgers that have spent something on this store; none where the project file
        says that it is shared.
        """
        return () if self.config.shared_store else self.roster.others()

    def check(self, plan: Plan, request: ApplyRequest, ledger: Ledger, tell: Tell) -> None:
        """Hold a plan against all that may forbid it. Raises InvalidInput, BudgetExceeded."""
        others = self.find_other_ledgers() if _may_send(plan, request) else ()
        if others and self.config.realm == "live":
            raise self._build_refusal(others)
        if others:
            tell(f"warning: {describe_others(others)}.")
        require_within(self.check_budgets(plan, ledger, request.max_cost))

    def ask(
        self, plan: Plan, request: ApplyRequest, approve: Approve, tell: Tell, stop: Stop
    ) -> bool | str:
        """Ask for a yes, unless the request brings one, and leave a note in the store before
        anything is spent.

        Then it looks once more who else has left one: of two that begin at one moment at least one
        sees the other. Raises Declined, InvalidInput. Where a signal ended the question, nobody has
        declined.
        """
        approved = request.approved_by or approve(plan)
        if not approved and not stop.reason:
            raise Declined("not confirmed; nothing was sent.")
        if approved and _may_send(plan, request):
            self._sign(tell)
        return approved

    def _sign(self, tell: Tell) -> None:
        """Leave our note; take it back where another ledger has left one. The first time it is told
        what the store does not do.
        """
        fresh = self.roster.sign(now=self.clock.now(), new_id=self.clock.new_id)
        others = self.find_other_ledgers()
        if others and self.config.realm == "live":
            if fresh:
                self.roster.take_back()
            raise self._build_refusal(others)
        if fresh and (lacking := self.roster.describe_conditions()):
            tell(f"warning: {lacking}")

    def _build_refusal(self, others: Sequence[Note]) -> InvalidInput:
        """What to do about other ledgers, with its place in the project file."""
        notes = ", ".join(note.where for note in others[:_MOST_NOTES])
        ways = (
            "If that is meant, say `shared_store: true` in cutlist.yaml; if it is gone for good,"
            f" remove its note ({notes})"
        )
        fault = Fault(self.config.document.place("/spec"), f"{describe_others(others)}. {ways}")
        return InvalidInput([fault], files=1)


def _may_send(plan: Plan, request: ApplyRequest) -> bool:
    """Whether an apply of it may ask for a task; also where one that is in flight may fail."""
    return not request.chosen_options.refresh_only and plan.may_pay

"""Makes items of steps: each with the work that its attempt is to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.apply.bookkeeping import build_booking
from reconciler.apply.executor import Item
from reconciler.apply.work import Work, build_work
from reconciler.config import Config
from reconciler.desired.job import Job
from reconciler.errors import Place
from reconciler.plan.decide import PlanOptions
from reconciler.plan.jobs import Resolved, keep_excerpts
from reconciler.plan.step import Action, Step
from reconciler.state.booked import Origin
from reconciler.state.excerpts import ExcerptFinder
from reconciler.state.ledger import Ledger
from reconciler.state.observed import Attempt, History


@dataclass(frozen=True, slots=True)
class ItemMaker:
    """Makes the items of one apply. `origin` is whose word they are booked by."""

    config: Config
    ledger: Ledger
    excerpts: ExcerptFinder
    origin: Origin

    def make(
        self,
        resolved: Mapping[str, Resolved],
        history: Mapping[str, History],
        steps: Sequence[Step],
        options: PlanOptions,
    ) -> list[Item]:
        """The items of steps that can be carried out now."""
        if options.refresh_only:
            steps = [replace(step, output="") for step in steps]  # stored, and not written
        for step in steps:
            keep_excerpts(resolved[step.name], resolved, self.excerpts)
        return [
            Item(
                step,
                None
                if step.action is Action.WRITE
                else self._build_work(resolved[step.name], step, history.get(step.key or "")),
            )
            for step in steps
        ]

    def _build_work(self, resolved: Resolved, step: Step, history: History | None) -> Work:
        return build_work(
            resolved,
            self.config.models,
            billable_s=step.cost.billable_s,
            booking=build_booking(self.config, resolved, self.origin),
            attempt_id=step.attempt_id if step.action is Action.RESUME else None,
            loses=step.loses,
            after=history.last.id if history is not None else None,
        )

    def make_of_orphans(self, orphans: Sequence[Attempt], obsolete: Collection[str]) -> list[Item]:
        """The items that collect tasks which no edit asks for; `obsolete` are those, by the ids of
        their attempts, that are cancelled where they still wait.
        """
        items = []
        for attempt in orphans:
            job = Job(attempt.key, self.ledger.intent(attempt.id).job)
            step = Step(
                attempt.edit,
                Action.RESUME,
                "no longer asked for, but paid",
                "",
                Place(""),
                attempt.key,
                attempt_id=attempt.id,
                billed_at_end=True,
            )
            work = Work(job, attempt.edit, str(job.canonical["model"]), attempt_id=attempt.id)
            items.append(Item(step, work, obsolete=attempt.id in obsolete))
        return items

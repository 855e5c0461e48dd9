"""What a project can be asked: nothing is sent and nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import UsageError
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Plan
from reconciler.planner import Pass
from reconciler.project.base import NOTHING_SPECIAL, OpenedProject

if TYPE_CHECKING:
    from reconciler.apply.request import SavedPlan
    from reconciler.history.log import LogRecord
    from reconciler.plan.diff import Comparison
    from reconciler.plan.explain import Explanation
    from reconciler.plan.graph import Graph
    from reconciler.plan.show import EditView
    from reconciler.plan.status import Status
    from reconciler.system.git.revisions import Revision


class Looking(OpenedProject):
    """How things are."""

    def find_revision(self, name: str) -> Revision:
        """The commit that `name` means. Raises UsageError for one that is not there, GitError."""
        from reconciler.system.git.revisions import find_revision  # lazy: start-up time

        return find_revision(self.config.root, name)

    def run_pass_at(self, revision: Revision, options: PlanOptions = NOTHING_SPECIAL) -> Pass:
        """One pass over what a commit asks for, read from the repository."""
        from reconciler.operations import committed  # lazy: start-up time

        with committed.open_revision_cache(self.config) as cache:
            return self._workspace.look_at(revision, options, cache)

    def plan(self, options: PlanOptions = NOTHING_SPECIAL) -> Plan:
        """The steps from what there is to what is asked for."""
        return self.run_pass(options).plan

    def save(self, path: Path | str, options: PlanOptions = NOTHING_SPECIAL) -> Plan:
        """The plan, also written to `path`, to be applied once: read_plan gives it back."""
        from reconciler.state import plans  # lazy: start-up time

        plan, saved = self._freeze(options)
        plans.write(Path(path), saved.document, tmp_name=self.clock.new_id())
        return plan

    def freeze(self, options: PlanOptions = NOTHING_SPECIAL) -> SavedPlan:
        """The plan, bound to all that it was made of, to be applied once: what `save` writes."""
        return self._freeze(options)[1]

    def _freeze(self, options: PlanOptions) -> tuple[Plan, SavedPlan]:
        from reconciler.apply.request import SavedPlan  # lazy: start-up time
        from reconciler.operations import saved_plan

        current = self.run_pass(options)
        document = saved_plan.bind_plan(self.config, current, options, self.clock.new_id())
        return current.plan, SavedPlan(document)

    def diff(self, ends: str) -> Comparison:
        """What changes from one revision to another, and what that costs now.

        `ends` is `A..B`, `A...B` (from where they parted) or `A` (to the work tree). Raises
        UsageError, GitError.
        """
        return self._workspace.diff(ends)

    def status(self, current: Pass | None = None) -> Status:
        """How every edit is, by a pass that was made already; None: one is made."""
        from reconciler.plan.status import Status  # lazy: start-up time

        current, now = current or self.run_pass(), self.clock.now()
        return Status(current.plan, self.config.name, now, current.measure_clock_lead(now))

    def log(self, name: str | None = None) -> Sequence[LogRecord]:
        """What happened to the edits so far, or to one, which need not be asked for any more; the
        newest first.

        A matrix's name stands for all that was made of it. Raises UsageError for a name that
        nothing ever had.
        """
        from reconciler.operations import accounting  # lazy: start-up time

        with self._workspace.open_for_reading() as ledger:
            edits = self.load().edits if name is not None else ()
            return accounting.read_log(self.store, ledger, self.config.models, name, edits)

    def show(self, name: str) -> EditView:
        """One edit: what it asks for, how it is, and every result it has had.

        Raises UsageError where none is named so.
        """
        from reconciler.plan.show import view_edit  # lazy: start-up time

        current, step = self._find_step(name)
        return view_edit(
            current.resolved[step.name],
            step,
            current.resolved,
            current.observed,
            self.config.models,
        )

    def link(self, name: str, *, for_s: float) -> str:
        """A link by which anybody can watch an edit's result for so long. It is a secret.

        Raises UsageError where none is named so, where it has no result, and where the store has
        no links.
        """
        current, step = self._find_step(name)
        result = current.resolved[step.name].result
        if result is None:
            raise UsageError(
                f"{step.name} has no result yet.", hint="`cutlist plan` says what it waits for."
            )
        return self.store.link(result.digest, for_s=for_s)

    def explain(self, name: str) -> Explanation:
        """Why an edit will or will not be rendered: each part of its key beside the nearest earlier
        result. Raises UsageError where none is named so.
        """
        from reconciler.plan.explain import explain_edit  # lazy: start-up time

        current, step = self._find_step(name)
        return explain_edit(
            current.resolved[step.name], current.observed, step, current.plan.currency
        )

    def graph(self) -> Graph:
        """Which edit builds on which, with what a plan says of each."""
        from reconciler.plan.graph import build_graph  # lazy: start-up time

        current = self.run_pass()
        return build_graph(current.desired, current.plan)

"""What a person decides for a project where no plan can."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reconciler import planner
from reconciler.apply.request import ApplyHooks
from reconciler.plan.decide import PlanOptions
from reconciler.project.base import NOTHING_SPECIAL, OpenedProject
from reconciler.state.observed import Result

if TYPE_CHECKING:
    from reconciler.operations.retake import Retake


class ByHand(OpenedProject):
    """A person's word."""

    def resolve(self, edit: str, *, adopt: str | None = None, retry: bool = False) -> str:
        """A person's word on an undecided request or a stray; what was done, in words.

        `adopt` names the task that is its; `retry` sends it again; neither gives it up. Raises
        UsageError.
        """
        from reconciler.operations import resolve  # lazy: start-up time

        with self._workspace.open_for_writing() as ledger:
            return resolve.resolve_request(ledger, self.clock, edit, adopt=adopt, retry=retry)

    def retake(self, *names: str) -> Sequence[Retake]:
        """Raise `take` of these edits in their manifests; what that will cost. Spends nothing.

        Raises InvalidInput, UsageError or CutlistError, and then nothing was written.
        """
        from reconciler.operations import retake  # lazy: start-up time

        desired = self.load()
        targets = retake.find_targets(desired, names)
        supposed = retake.suppose_raised(desired, targets)
        with self._workspace.open_for_reading() as ledger:
            plan = planner.conclude_pass(
                self.config, supposed, self.store, ledger, self.clock, PlanOptions()
            ).plan
        return retake.raise_takes(self.config.root, targets, plan, self.clock.new_id)

    def import_file(self, name: str, video: Path | str) -> Result:
        """Make a video that was rendered elsewhere the result of an edit.

        Raises UsageError, CutlistError; also for a video that would not be used, since the lock
        file names another.
        """
        from reconciler.operations import accounting, importing  # lazy: httpx

        with self._workspace.open_for_writing() as ledger:
            current = self._workspace.run_pass(ledger, NOTHING_SPECIAL)
            edit = importing.find_importable(current, name)
            approver = f"{self.config.approver}, imported a file"
            origin = accounting.find_origin(self.config, current, approver)
            return importing.import_video(
                self.store, self.clock, self.config, edit, Path(video), origin
            )

    async def import_task(self, name: str, task_id: str) -> str:
        """Make a task of the account the one of an edit; an apply collects it. Gives its status.

        Raises UsageError, ServiceError.
        """
        from reconciler.operations import accounting, importing, resolve  # lazy: httpx
        from reconciler.operations.applying import open_session

        resolve.check_task_id(task_id)
        with self._workspace.open_for_writing() as ledger:
            current = self._workspace.run_pass(ledger, NOTHING_SPECIAL)
            edit = importing.find_importable(current, name)
            approver = f"{self.config.approver}, imported a task"
            origin = accounting.find_origin(self.config, current, approver)
            async with open_session(
                self.config,
                self.store,
                ledger,
                self.clock,
                ApplyHooks(),
                self._block,
                self._transport,
            ) as service:
                await service.connect()
                return await service.session.take_over(edit, task_id, origin)

    def describe_fate(self, name: str, digest: str | None = None) -> str:
        """What the next plan says of an edit that was given a result by hand (of this digest, where
        it is known), in words.
        """
        from reconciler.operations import importing  # lazy: httpx

        return importing.describe_fate(self.run_pass(), name, digest)

    def move_ledger(self, to: Literal["shared", "file"]) -> str:
        """Move the ledger of this clone into the shared one that is named, or that one back into a
        file; what was done, in words. The ledger that it came from is closed for good.

        Raises UsageError, LedgerError, Locked; then nothing was moved.
        """
        return self._workspace.move_ledger(to)

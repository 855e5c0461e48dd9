"""One pass over one Sync: look at its repository, plan what the newest commit asks for, carry it
out as far as the Sync allows, and say how it is now.

A pass may be ended at any await and killed at any instant. What is at the service stays there and
is taken up by the next pass, of this commit or of a newer one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reconciler.apply.events import Event, RunBlocking
from reconciler.apply.hints import TaskHints
from reconciler.apply.outcome import SUPERSEDED, Report, Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest, SavedPlan
from reconciler.config import Variables
from reconciler.controller.checkout import Checkout
from reconciler.controller.conditions import PassEnd, SyncStatus
from reconciler.controller.documents import Sync
from reconciler.controller.lead import ALONE, Lead
from reconciler.controller.lock_return import find_foreign_commit, is_only_own, return_lock
from reconciler.controller.memory import Seen, SyncMemory
from reconciler.controller.places import SyncPlaces
from reconciler.controller.providers.base import Provider
from reconciler.controller.providers.led import LedProvider
from reconciler.controller.reading import read_plan, read_report
from reconciler.controller.review import ReviewDesk
from reconciler.controller.transitions import (
    begin_pass,
    confirm,
    end_pass,
    fail_pass,
    stop_pass,
    wait_for_approval,
)
from reconciler.errors import BadSavedPlan, CutlistError, LeaseLost, PlanRefused
from reconciler.operations import saved_plan
from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action, Plan
from reconciler.project import Project
from reconciler.system.clock import Clock
from reconciler.system.files import Stamp, read_stamp
from reconciler.system.git.remote import Mirror
from reconciler.system.git.signatures import verify_commit

if TYPE_CHECKING:
    from reconciler.service.network import Transport

OUT_OF_TIME = "timeout"
_FULL_LOOK_S = 3600.0  # so often all is compared again, though nothing seems to have changed


@dataclass(frozen=True, slots=True)
class PassSettings:
    """What all passes of a controller work with, and whom they tell. All of it may be called from
    the thread of a pass.
    """

    clock: Clock
    variables: Variables
    open_mirror: Callable[[Sync, SyncPlaces, Stop], Mirror]
    open_provider: Callable[[Sync], Provider | None] = lambda _sync: None
    transport: Transport | None = None  # of httpx; None: the network
    block: RunBlocking = asyncio.to_thread
    announce: Callable[[SyncStatus], None] = lambda _status: None
    observe: Callable[[Sync, str, Event], None] = lambda _sync, _revision, _event: None
    tell: Callable[[Sync, str, str], None] = lambda _sync, _revision, _text: None
    count: Callable[[Sync, Plan, Report | None], None] = lambda _sync, _plan, _report: None
    lead: Lead = ALONE  # whether to go on, and where to leave what the next leader has to know
    report_fault: Callable[[Sync, Exception], str] = lambda _sync, error: type(error).__name__


class SyncPass:
    """One pass. `run` is called once, in an event loop that it may hold up."""

    def __init__(
        self, sync: Sync, places: SyncPlaces, memory: SyncMemory, settings: PassSettings
    ) -> None:
        self._sync = sync
        self._places = places
        self._memory = memory
        self._settings = settings
        self._clock = settings.clock
        self.commit = ""  # the one that is worked on, once it is known
        self.mirror: Mirror | None = None  # once it is open
        self.hints = TaskHints()  # used in the loop of the pass
        self._is_asked = False  # by a person: what failed before is tried again
        self._is_paid_for = False  # all that its commit costs, but for what waits for a person

    async def run(self, stop: Stop) -> None:
        """Everything, in order. Raises nothing of ours: what went wrong stands in the status."""
        try:
            checkout, ref, tip = self._look(stop)
        except CutlistError as error:
            self._fail(error, stop)
            return
        project = None
        try:
            if self._is_unchanged(checkout, tip):
                self._change(lambda status: confirm(status, self._clock.now()))
            else:
                project = self._begin(checkout, ref)
                await self._reconcile(checkout, project, ref, stop)
        except CutlistError as error:
            self._fail(error, stop)
        if not stop.reason:
            await self._speak(checkout, project, tip)

    def _look(self, stop: Stop) -> tuple[Checkout, str, str]:
        """The repository, the whole name of the ref and the commit that it names now."""
        mirror = self.mirror = self._settings.open_mirror(self._sync, self._places, stop)
        ref, tip = mirror.find_ref(self._sync.repository.ref)
        variables = self._settings.variables
        return Checkout(mirror, self._sync, self._places, self._clock, variables), ref, tip

    def _begin(self, checkout: Checkout, ref: str) -> Project:
        """Fetch the commit, and what it asks for. Raises CutlistError."""
        self.commit = checkout.mirror.fetch_revision(ref, self._sync.repository.depth).id
        memory = self._memory
        self._is_asked, memory.asked = memory.asked, False
        memory.seen = None  # from here on something may be left at the service
        asked, agreed = self._is_asked, memory.consent is not None
        now = self._clock.now()
        self._change(
            lambda status: begin_pass(status, self.commit, now, asked=asked, agreed=agreed)
        )
        if self._is_asked:
            memory.setbacks.forget()
        self._verify(checkout)
        guarded = checkout.prepare(self.commit)
        for words in guarded.refusals:
            self._tell(f"warning: {words}")
        memory.project = Project(
            guarded.config,
            self._clock,
            self._settings.transport,
            self._settings.block,
            f"cutlist sync {self._sync.name}",
        )
        return memory.project

    def _verify(self, checkout: Checkout) -> None:
        """Believe nothing of a commit that the right people have not signed. Raises CutlistError.

        Our own commit of the lock file is not signed: what it stands on has to be.
        """
        kind, signers = self._sync.verification.mode, self._sync.verification.signers
        if kind == "none" or signers is None:
            return
        commit = find_foreign_commit(checkout, self.commit)
        checkout.mirror.fetch_commit(commit)
        verify_commit(checkout.mirror, commit, kind, signers)

    async def _reconcile(self, checkout: Checkout, project: Project, ref: str, stop: Stop) -> None:
        """Plan, and go as far as the mode of the Sync says."""
        heals = self._sync.self_heal or self.commit != self._memory.status.last_applied_revision
        if self._sync.mode == "never" or not heals:
            self._end_planned(project.plan(self._options))
            return
        saved = None
        if self._sync.mode == "approve":
            waiting, is_agreed = self._find_waiting_plan(project)
            if waiting is not None and not is_agreed:
                self._wait_for_yes(waiting)
                return
            saved = waiting
        self._settings.lead.require()
        report = await self._apply(project, saved, stop)
        if report.stopped_by:
            self._end_early(stop)
            return
        self._end_applied(report, await self._return_lock(checkout, ref, report))

    async def _return_lock(self, checkout: Checkout, ref: str, report: Report) -> str:
        """Bring the lock file back; why that failed, in words. The next pass tries it again."""
        if not self._sync.write_back.lock:
            return ""
        try:
            done = await return_lock(
                checkout, self._open_provider, ref, self.commit, report, self._settings.lead
            )
        except LeaseLost:
            raise
        except CutlistError as error:
            return f"cutlist.lock could not be brought back: {error}"
        if done:
            self._tell(done)
        return ""

    def _open_provider(self) -> Provider | None:
        """The repository's pull requests, which are written to while this controller leads."""
        provider = self._settings.open_provider(self._sync)
        return None if provider is None else LedProvider(provider, self._settings.lead)

    async def _apply(self, project: Project, saved: SavedPlan | None, stop: Stop) -> Report:
        consent = self._memory.consent if saved is not None else None
        request = ApplyRequest(
            options=self._options,
            saved=saved,
            approved_by=f"{consent.person}, through {consent.way}" if consent else "",
            cancel_obsolete=True,
        )
        hooks = ApplyHooks(
            approve=lambda plan: self._agree(plan, saved),
            observe=lambda event: self._settings.observe(self._sync, self.commit, event),
            tell=self._tell,
            show=lambda plan: self._settings.count(self._sync, plan, None),
            hints=self.hints,
        )
        try:
            report = await project.apply_async(request, hooks, stop=stop)
        finally:
            if saved is not None:  # used up, or refused: either way the next one is another plan
                self._take_away(self._places.waiting_plan)
                self._forget_consent()
        now = self._clock.now()
        self._memory.setbacks.learn(report, now, self._sync.retry_interval_s)
        self._settings.count(self._sync, report.left, report)
        return report

    def _agree(self, plan: Plan, saved: SavedPlan | None) -> str:
        """In whose name a plan is carried out. In nobody's, where it has come to pay for something
        since it was looked at, and a person has to be asked: the next pass does.
        """
        if self._sync.mode == "approve" and saved is None and _needs_yes(plan):
            return ""
        return f"cutlist sync {self._sync.name}, at {self.commit}"

    @property
    def _options(self) -> PlanOptions:
        left_alone = self._memory.setbacks.find_left_alone(self._clock.now())
        return PlanOptions(given_up=left_alone, retry_failed=self._is_asked)

    async def _speak(self, checkout: Checkout, project: Project | None, tip: str) -> None:
        """Tell pull requests what they cost. What cannot be told is told the next time, and is no
        trouble of the pass.
        """
        rules = self._sync.pull_requests
        if not (rules.comment or rules.status):
            return
        try:
            provider = self._open_provider()
            if provider is None:
                return
            desk = ReviewDesk(provider, checkout, self._settings.lead)
            try:
                if project is not None and self._is_paid_for:
                    await desk.tell_merges(project, self.commit)
                for words in await desk.review(tip):
                    self._tell(f"warning: {words}")
            finally:
                await provider.close()
        except CutlistError as error:
            self._tell(f"warning: pull requests could not be told: {error}")

    # -------------------------------------------------------------- how it ends

    def _fail(self, error: CutlistError, stop: Stop) -> None:
        if isinstance(error, LeaseLost) or not self._settings.lead.holds:
            now = self._clock.now()
            self._change(lambda status: stop_pass(status, PassEnd.INTERRUPTED, now))
        elif stop.reason:
            self._end_early(stop)
        else:
            self._change(lambda status: fail_pass(status, error, self._clock.now()))

    def _end_applied(self, report: Report, trouble: str) -> None:
        """How the edits are now; `trouble` is of what followed the apply. Raises LeaseLost."""
        self._settings.lead.require()
        now = self._clock.now()
        result = read_report(report, now)
        setbacks = self._memory.setbacks
        tried_again = setbacks.find_tried_again(now)
        needs_person = tuple(name for name in result.needs_person if name not in tried_again)
        trouble = result.trouble or setbacks.describe(now) or trouble
        result = replace(result, needs_person=needs_person, trouble=trouble)
        self._change(lambda status: end_pass(status, result, now))
        self._is_paid_for = bool(needs_person) or (result.synced and not trouble)
        if result.synced and not result.trouble and not result.needs_person:
            self._memory.seen = self._see(report.left)

    def _end_planned(self, plan: Plan) -> None:
        self._settings.lead.require()
        now = self._clock.now()
        result = read_plan(plan, now)
        self._change(lambda status: end_pass(status, result, now))

    def _wait_for_yes(self, waiting: SavedPlan) -> None:
        self._settings.lead.require()
        consent = self._memory.consent
        if consent is not None and consent.plan_id != waiting.id:
            self._forget_consent()  # what was agreed to was another plan
        now = self._clock.now()
        result = read_plan(waiting.plan, now)
        self._change(lambda status: wait_for_approval(status, waiting.id, result, now))

    def _end_early(self, stop: Stop) -> None:
        now = self._clock.now()
        if stop.reason == OUT_OF_TIME:
            error = CutlistError(
                f"the pass took longer than {self._sync.timeout_s:g} s.",
                hint="What is at the service goes on there; the next pass collects it.",
            )
            self._change(lambda status: fail_pass(status, error, now, needs_person=False))
            return
        is_superseded = stop.reason == SUPERSEDED
        end: Literal[PassEnd.SUPERSEDED, PassEnd.INTERRUPTED] = (
            PassEnd.SUPERSEDED if is_superseded else PassEnd.INTERRUPTED
        )
        self._change(lambda status: stop_pass(status, end, now))

    # -------------------------------------------------------------- what was agreed to

    def _find_waiting_plan(self, project: Project) -> tuple[SavedPlan | None, bool]:
        """The plan that a person has to agree to, and whether one has; None where nothing of what
        is to be done needs a yes.

        It stays the same one as long as it says what would be done.
        """
        path, consent = self._places.waiting_plan, self._memory.consent
        try:
            waiting = saved_plan.read_plan(path)
            saved_plan.check_saved(project.config, waiting, project.run_pass)
        except (BadSavedPlan, PlanRefused):
            if not _needs_yes(project.save(path, self._options)):
                self._take_away(path)
                return None, False
            waiting = saved_plan.read_plan(path)
            self._settings.lead.hand_over(path)
        return waiting, consent is not None and consent.plan_id == waiting.id

    def _forget_consent(self) -> None:
        self._memory.consent = None
        self._take_away(self._places.consent)

    def _take_away(self, path: Path) -> None:
        """Remove a file, here and for whoever leads next."""
        path.unlink(missing_ok=True)
        self._settings.lead.hand_over(path)

    # -------------------------------------------------------------- whether there is anything new

    def _is_unchanged(self, checkout: Checkout, tip: str) -> bool:
        """Whether everything is as the last pass left it, which found nothing to do. That the lock
        file came back by our own commit is nothing new.
        """
        seen, memory = self._memory.seen, self._memory
        if seen is None or memory.asked or seen.sync != self._sync:
            return False
        if seen.commit != tip:
            if not is_only_own(checkout, seen.commit, tip):
                return False
            seen = memory.seen = replace(seen, commit=tip)
            memory.change(lambda status: replace(status, last_applied_revision=tip))
        if self._clock.monotonic() - seen.at > _FULL_LOOK_S:
            return False
        return all(self._stamp(path) == stamp for path, stamp in seen.stamps.items())

    def _see(self, plan: Plan) -> Seen:
        paths = {step.output for step in plan.steps if step.output}
        stamps = {path: self._stamp(path) for path in sorted(paths)}
        return Seen(self._sync, self.commit, self._clock.monotonic(), stamps)

    def _stamp(self, path: str) -> Stamp | None:
        return read_stamp(self._places.outputs / path)

    def _change(self, become: Callable[[SyncStatus], SyncStatus]) -> None:
        self._memory.change(become, self._settings.announce)

    def _tell(self, text: str) -> None:
        self._settings.tell(self._sync, self.commit, text)


def _needs_yes(plan: Plan) -> bool:
    """Whether a plan would pay for something that nobody has agreed to yet."""
    return any(
        step.may_pay and step.action is not Action.RESUME and step.action is not Action.SETTLE
        for step in plan.steps
    )

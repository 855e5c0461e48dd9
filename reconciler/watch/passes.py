"""The passes of a watch: one at first, another at each change, one at a time. A change that comes
while a pass runs supersedes it: what is at the service stays there, and the next pass collects it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from reconciler.apply.events import Event, Observer, Phase, RunBlocking
from reconciler.apply.outcome import SUPERSEDED, Report, Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.config import Config
from reconciler.desired.job import Desired
from reconciler.errors import CutlistError, Locked
from reconciler.plan.step import Action, Plan
from reconciler.state.lock import FileLock
from reconciler.system.clock import Clock
from reconciler.watch.failures import Failures
from reconciler.watch.lookout import Cause, Lookout, Occasion
from reconciler.watch.sight import Eyes

Complain = Callable[[CutlistError], None]
QUIET_BEFORE_MONEY_S = 2.0
_MOST_FETCH_S = 5.0  # so long a superseded pass may go on bringing videos home
_LOOK_AGAIN_S = 0.05
_SOMEBODY_ASKED_S = 0.1  # a person has read the question: nothing was heard meanwhile


class Appliable(Protocol):
    """What a pass of the watch needs of a project."""

    config: Config

    def load(self) -> Desired:
        """Everything that is asked for. Raises InvalidInput."""

    async def apply_async(
        self, request: ApplyRequest, hooks: ApplyHooks, *, stop: Stop | None
    ) -> Report:
        """One apply."""


ProjectType = TypeVar("ProjectType", bound=Appliable)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all passes of one watch share."""

    lookout: Lookout
    failures: Failures
    clock: Clock
    block: RunBlocking
    complain: Complain


class WatchPass(Generic[ProjectType]):
    """One pass that waits to be applied. `paths` are the files that changed, relative to the
    project; none at the first pass. `cause` says why it runs.
    """

    def __init__(
        self, occasion: Occasion, open_project: Callable[[], ProjectType], around: Surroundings
    ) -> None:
        self.paths = occasion.paths
        self.cause: Cause = occasion.cause
        self._open_project = open_project
        self._around = around
        self._project: ProjectType | None = None
        self._fetching: set[str] = set()  # edits
        self._written: set[str] = set()  # outputs

    def open_project(self) -> ProjectType:
        """The project as its files say it now; later calls give the same.

        Raises InvalidInput, UsageError.
        """
        if self._project is None:
            self._project = self._open_project()
        return self._project

    async def apply(
        self,
        request: ApplyRequest = ApplyRequest(),  # noqa: B008  (frozen)
        hooks: ApplyHooks = ApplyHooks(),  # noqa: B008  (frozen)
        *,
        stop: Stop | None = None,
    ) -> Report:
        """Apply, and leave alone what the service refused in an earlier pass and nobody saved
        since. What waits at the service and is not asked for any more is cancelled. A change while
        it runs stops it: the report is then one of a superseded pass.

        Raises what Project.apply_async raises; the watch goes on then.
        """
        project, stop = self.open_project(), stop or Stop()
        options = replace(request.options, given_up=self._around.failures.keys)
        request = replace(request, options=options, cancel_obsolete=True)
        self._around.lookout.expect_writes()
        watcher = asyncio.ensure_future(self._supersede(stop))
        try:
            report = await project.apply_async(request, self._surround(hooks, stop), stop=stop)
        except Locked:
            lock = FileLock(project.config.state_dir / "lock")
            self._around.lookout.try_again_when(lambda: lock.find_holder() is None)
            raise
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])  # which a cancellation of the pass goes through
            superseded = stop.reason == SUPERSEDED
            await self._around.lookout.end_pass(self._written, superseded=superseded)
        if not watcher.cancelled():
            watcher.result()  # a fault of the watch is told, like one of the pass
        self._around.failures.learn(report)
        return report

    async def _supersede(self, stop: Stop) -> None:
        """Stop the pass once something has changed; videos on their way come home first. What
        cannot be understood is told, and stops nothing.
        """
        await self._around.lookout.wait()
        while error := await self._around.block(self._find_fault):
            self._around.complain(error)
            self._around.lookout.put_aside()
            await self._around.lookout.wait()
        give_up_at = self._around.clock.monotonic() + _MOST_FETCH_S
        while self._fetching and self._around.clock.monotonic() < give_up_at:
            await self._around.clock.sleep(_LOOK_AGAIN_S)
        stop.request(SUPERSEDED)

    def _find_fault(self) -> CutlistError | None:
        """What is wrong with the project as its files say it now."""
        try:
            self._open_project().load()
        except CutlistError as error:
            return error
        return None

    def _surround(self, hooks: ApplyHooks, stop: Stop) -> ApplyHooks:
        """The hooks of whoever applies, and what the watch has to know and to say besides."""

        def approve(plan: Plan) -> bool | str:
            asked_at = self._around.clock.monotonic()
            approved = hooks.approve(plan)
            took_s = self._around.clock.monotonic() - asked_at
            if took_s > _SOMEBODY_ASKED_S and self._around.lookout.has_changed():
                stop.request(SUPERSEDED)  # what was agreed to is not what the files say any more
            return approved

        async def wait(plan: Plan) -> None:
            await hooks.wait(plan)
            cost = plan.total(Action.RENDER, Action.WAIT)
            if plan.realm == "live" and cost.billable_s:
                await self._wait_for_quiet(stop)

        observe = self._note_events(hooks.observe)
        return replace(hooks, observe=observe, wait=wait, approve=approve)

    async def _wait_for_quiet(self, stop: Stop) -> None:
        """Wait until nobody has saved anything for a while: money is spent next."""
        while not stop.reason:
            quiet_s = self._around.lookout.measure_quiet_s()
            if quiet_s >= QUIET_BEFORE_MONEY_S:
                return
            await self._around.clock.sleep(min(QUIET_BEFORE_MONEY_S - quiet_s, _LOOK_AGAIN_S))

    def _note_events(self, observe: Observer) -> Observer:
        def note(event: Event) -> None:
            if event.phase is Phase.FETCHING:
                self._fetching.add(event.name)
            else:
                self._fetching.discard(event.name)
            if event.phase is Phase.WRITTEN and event.output:
                self._written.add(event.output)
            observe(event)

        return note


async def watch_project(
    config: Config,
    open_project: Callable[[], ProjectType],
    clock: Clock,
    block: RunBlocking,
    tell: Callable[[str], None] = lambda _text: None,
    complain: Complain = lambda _error: None,
) -> AsyncGenerator[WatchPass[ProjectType], None]:
    """One pass at first, and another at each change that matters. Never ends by itself.

    `tell` hears in words where the system cannot tell of changes, `complain` of faults in what
    was saved while a pass runs, which goes on then.
    """
    eyes = Eyes(config, lambda: open_project().config, clock)
    lookout, failures = Lookout(config.root, eyes, clock, block, tell), Failures()
    around = Surroundings(lookout, failures, clock, block, complain)
    occasion = Occasion("start")
    try:
        await lookout.open()
        lookout.begin_pass()
        while True:
            failures.forget(occasion.paths)
            yield WatchPass(occasion, open_project, around)
            await lookout.wait()
            occasion = lookout.begin_pass()
    finally:
        await lookout.close()

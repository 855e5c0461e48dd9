"""What differs between the page of one's own project and that of a controller: what may be done on
it, and who carries out a plan that somebody says yes to.
"""

from __future__ import annotations

from typing import Protocol

from reconciler.web.plans import ShownPlan, ShownPlans
from reconciler.web.rights import PageRights
from reconciler.web.runs import PageRun, PageRuns
from reconciler.web.watched import WatchedProject


class PageDesk(Protocol):
    """Where a page takes its plans, and a yes to one of them."""

    def describe(self) -> PageRights:
        """What may be done now."""

    async def make_plan(self) -> ShownPlan:
        """The plan to be looked at. Raises CutlistError."""

    def find_plan(self, plan_id: str) -> ShownPlan | None:
        """A plan that was looked at; None for one that is not kept."""

    async def begin(self, shown: ShownPlan, max_cost: float | None, who: str) -> PageRun:
        """Have a plan carried out as it stands. Raises CutlistError, Refused: nothing was sent."""

    def find_run(self, run_id: str) -> PageRun | None:
        """What was begun; None for what is not kept."""

    def stop(self, run: PageRun) -> None:
        """End what runs as Ctrl-C does. Raises Refused where that is not for the page to do."""


class OwnDesk:
    """Of one's own project: a plan is made when it is asked for, and carried out by the page."""

    def __init__(self, watched: WatchedProject, runs: PageRuns) -> None:
        self._watched = watched
        self._runs = runs
        self._plans = ShownPlans(watched.project.clock)

    def describe(self) -> PageRights:
        return PageRights("local", may_pick=True, may_apply=True, may_say_yes=True, may_stop=True)

    async def make_plan(self) -> ShownPlan:
        return self._plans.keep(await self._watched.ask(lambda project: project.freeze()))

    def find_plan(self, plan_id: str) -> ShownPlan | None:
        return self._plans.find(plan_id)

    async def begin(self, shown: ShownPlan, max_cost: float | None, who: str) -> PageRun:
        run_id = self._watched.project.clock.new_id()
        return await self._runs.begin(run_id, shown.saved, max_cost, who)

    def find_run(self, run_id: str) -> PageRun | None:
        return self._runs.find(run_id)

    def stop(self, run: PageRun) -> None:
        run.request_stop()

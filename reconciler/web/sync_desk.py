"""Plans on the page of a controller: the one that waits is shown, and a yes to it is handed on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reconciler.apply.events import Event, RunBlocking
from reconciler.errors import BudgetExceeded, Locked, PlanRefused, UsageError
from reconciler.web.feed import Feed
from reconciler.web.plans import ShownPlan, ShownPlans
from reconciler.web.refusals import Refused
from reconciler.web.rights import PageRights
from reconciler.web.runs import PageRun, RunState
from reconciler.web.watched import WatchedProject

if TYPE_CHECKING:
    from reconciler.web.syncs import SyncSource

_MOST_KEPT = 20
_ENDS: Mapping[str, RunState] = {
    "applied": "done",
    "planned": "done",
    "failed": "failed",
    "stalled": "failed",
    "waiting": "failed",  # another plan than the one that was agreed to
    "superseded": "stopped",
    "interrupted": "stopped",
}


class SyncDesk:
    """Of one Sync. Its methods are called in the controller's loop."""

    def __init__(
        self,
        name: str,
        source: SyncSource,
        watched: WatchedProject,
        feed: Feed,
        block: RunBlocking,
    ) -> None:
        self._name, self._source = name, source
        self._watched, self._feed, self._block = watched, feed, block
        self._plans = ShownPlans(watched.project.clock)
        self._runs: OrderedDict[str, PageRun] = OrderedDict()
        self._running: PageRun | None = None

    def describe(self) -> PageRights:
        shown = self._source.find_sync(self._name)
        if shown is None:
            return PageRights("sync")
        return PageRights("sync", may_say_yes=shown.may_say_yes, sync=shown.to_json())

    async def make_plan(self) -> ShownPlan:
        """The plan that waits, exactly as it lies there; where none does, one that is made now."""
        shown = self._source.find_sync(self._name)
        if shown is not None and shown.leads and shown.waiting_plan:
            saved = await self._block(self._source.read_waiting_plan, self._name)
            if saved.id == shown.waiting_plan:
                return self._plans.keep(saved, waits=True)
        return self._plans.keep(await self._watched.ask(lambda project: project.freeze()))

    def find_plan(self, plan_id: str) -> ShownPlan | None:
        return self._plans.find(plan_id)

    async def begin(self, shown: ShownPlan, max_cost: float | None, who: str) -> PageRun:
        """Say yes to the plan that waits, in somebody's name."""
        if not shown.waits:
            raise Refused(
                409,
                "not_here",
                "This plan waits for nobody: what is committed is carried out by the controller.",
                "`mode: approve` in the Sync has it ask first.",
            )
        _require_within(shown, max_cost)
        if self._running is not None and self._running.plan_id == shown.saved.id:
            raise Locked("this plan is being carried out.", hint="Somebody else has said yes.")
        try:
            self._source.approve(self._name, shown.saved.id, who)
        except UsageError as error:
            raise PlanRefused(error.message, hint=error.hint) from error
        return self._start(shown.saved.id, who)

    def find_run(self, run_id: str) -> PageRun | None:
        return self._runs.get(run_id)

    def stop(self, run: PageRun) -> None:
        raise Refused(
            409,
            "not_here",
            f"A pass is not stopped here: {run.id} goes on.",
            f"`cutlist sync suspend {self._name}` ends it; what is at the service goes on there.",
        )

    def hear(self, event: Event) -> bool:
        """What happens to an edit; whether that is new."""
        run = self._running or self._start("", f"cutlist sync {self._name}")
        told = run.hear(event)
        if told is not None:
            self._feed.publish("run", told)
        return told is not None

    def hear_pass(self, record: Mapping[str, Any], waiting_plan: str) -> None:
        """A pass has ended, and with it what it carried out. One that still waits for the yes that
        was given while it ran is followed by another.
        """
        run = self._running
        if run is None or (record["end"] == "waiting" and run.plan_id == waiting_plan):
            return
        self._running = None
        now = self._watched.project.clock.now()
        state, message = _ENDS[record["end"]], str(record["message"])
        self._feed.publish("run", run.end(state, "" if state == "done" else message, now))

    def _start(self, plan_id: str, who: str) -> PageRun:
        clock = self._watched.project.clock
        run = self._running = PageRun(clock.new_id(), plan_id, who, clock.now())
        self._runs[run.id] = run
        while len(self._runs) > _MOST_KEPT:
            self._runs.popitem(last=False)
        self._feed.publish("run", {"run": run.id, "state": run.state, "message": ""})
        return run


def _require_within(shown: ShownPlan, max_cost: float | None) -> None:
    """Raises BudgetExceeded where a plan may cost more than whoever says yes has agreed to."""
    if max_cost is None:
        return
    cost = shown.saved.plan_to_json()["cost"]
    assert isinstance(cost, Mapping)
    price = cost["at_most_price"]
    if price is None or price > max_cost + 1e-9:
        raise BudgetExceeded(
            "the plan may cost more than max_cost allows, or nobody knows its price.",
            hint="Nothing was sent.",
        )

"""Applies that were begun on the page: one at a time, each in a thread and a loop of its own, told
to everybody who looks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal

from reconciler.apply.events import Event, Phase
from reconciler.apply.outcome import Report, Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest, SavedPlan
from reconciler.errors import CutlistError, Locked
from reconciler.formats.words import format_moment
from reconciler.plan.step import Plan
from reconciler.project import Project
from reconciler.web.feed import Feed
from reconciler.web.reading import put_in_words

RunState = Literal["running", "done", "failed", "stopped"]
_MOST_KEPT = 20
_TOLD_EVERY_BYTES = 1 << 20  # of a download
_ENDED = (Phase.WRITTEN, Phase.FAILED, Phase.CANCELLED)


class PageRun:
    """One apply. Its methods are called in the loop of the page, unless they say otherwise."""

    def __init__(self, run_id: str, plan_id: str, who: str, started_at: float) -> None:
        self.id = run_id
        self.plan_id, self.who, self.started_at = plan_id, who, started_at
        self.state: RunState = "running"
        self.message = ""
        self.ended_at: float | None = None
        self.report: Report | None = None
        self.events: dict[str, dict[str, Any]] = {}  # the last one of each edit
        self._stop: Stop | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopped = False

    def begin(self) -> Stop:
        """What will stop it; called in its own loop."""
        self._loop, self._stop = asyncio.get_running_loop(), Stop()
        if self._is_stopped:
            self._stop.request("SIGINT")
        return self._stop

    def request_stop(self) -> None:
        """Ask it to end as Ctrl-C does: what is at the service goes on there."""
        self._is_stopped = True
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # its loop has ended, and so has it
                self._loop.call_soon_threadsafe(self._stop.request, "SIGINT")

    def hear(self, event: Event) -> dict[str, Any] | None:
        """An edit that has entered another phase, or brought home a good part of its video: what
        is to be told of it. None where it is as before.
        """
        before = self.events.get(event.name)
        told = {
            "run": self.id,
            "name": event.name,
            "phase": event.phase.value,
            "note": event.note,
            "task_id": event.task_id or None,
            "output": event.output or None,
            "done_bytes": event.done_bytes,
            "total_bytes": event.total_bytes,
            "usual_s": event.usual_s,
            "billed_s": event.billed_s,
            "price": event.price,
        }
        is_same = before is not None and before["phase"] == told["phase"]
        more_bytes = event.done_bytes - (before["done_bytes"] if before else 0)
        if is_same and event.phase not in _ENDED and more_bytes < _TOLD_EVERY_BYTES:
            return None
        self.events[event.name] = told
        return told

    def end(self, state: RunState, message: str, now: float) -> dict[str, Any]:
        """How it ended; what is to be told of it."""
        self.state, self.message, self.ended_at = state, message, now
        return {"run": self.id, "state": state, "message": message}

    def to_json(self) -> dict[str, Any]:
        """How it stands, for programs."""
        return {
            "id": self.id,
            "plan": self.plan_id,
            "who": self.who,
            "state": self.state,
            "message": self.message,
            "started_at": format_moment(self.started_at),
            "ended_at": None if self.ended_at is None else format_moment(self.ended_at),
            "edits": list(self.events.values()),
            "report": None if self.report is None else self.report.to_json(),
        }


class PageRuns:
    """The applies of one page. `open_project` reads the project's files anew."""

    def __init__(
        self,
        open_project: Callable[[], Project],
        feed: Feed,
        tell_fault: Callable[[Exception], None],
    ) -> None:
        self._open_project = open_project
        self._feed = feed
        self._tell_fault = tell_fault
        self._runs: OrderedDict[str, PageRun] = OrderedDict()
        self._threads = ThreadPoolExecutor(1, "cutlist-page-run")
        self._task: asyncio.Task[None] | None = None
        self._is_opening = False

    def find(self, run_id: str) -> PageRun | None:
        """A run; None for one that is not kept."""
        return self._runs.get(run_id)

    async def begin(
        self, run_id: str, saved: SavedPlan, max_cost: float | None, who: str
    ) -> PageRun:
        """Carry out a saved plan. Comes back once it is under way; raises what an apply raises
        before anything is sent: PlanRefused, BudgetExceeded, Locked, InvalidInput.
        """
        if self._is_opening or (self._task is not None and not self._task.done()):
            raise Locked("another plan is being carried out.", hint="Wait for its end, or stop it.")
        self._is_opening = True
        try:
            project = await asyncio.to_thread(self._open_project)
        finally:
            self._is_opening = False
        run = PageRun(run_id, saved.id, who, project.clock.now())
        loop = asyncio.get_running_loop()
        is_agreed: asyncio.Future[None] = loop.create_future()
        request = ApplyRequest(saved=saved, max_cost=max_cost)
        self._task = asyncio.ensure_future(self._carry_out(run, project, request, is_agreed))
        await is_agreed
        return run

    async def close(self) -> None:
        """Stop what runs, as Ctrl-C does, and wait for its end."""
        for run in self._runs.values():
            run.request_stop()
        if self._task is not None:
            await asyncio.wait([self._task])
        self._threads.shutdown()

    async def _carry_out(
        self,
        run: PageRun,
        project: Project,
        request: ApplyRequest,
        is_agreed: asyncio.Future[None],
    ) -> None:
        loop = asyncio.get_running_loop()

        def agree() -> None:
            if not is_agreed.done():
                self._keep(run)
                is_agreed.set_result(None)

        def approve(_plan: Plan) -> str:
            loop.call_soon_threadsafe(agree)
            return f"{run.who}, on the page"

        hooks = ApplyHooks(
            approve=approve,
            observe=lambda event: _call(loop, self._hear, run, event),
            tell=lambda words: _call(loop, self._tell, run, words),
        )

        async def apply() -> Report:
            return await project.apply_async(request, hooks, stop=run.begin())

        state: RunState
        try:
            report = await loop.run_in_executor(self._threads, lambda: asyncio.run(apply()))
        except (CutlistError, OSError) as trouble:
            error = put_in_words(trouble) if isinstance(trouble, OSError) else trouble
            if not is_agreed.done():
                is_agreed.set_exception(error)
                return
            state, message = "failed", f"{error.message} {error.hint}".strip()
        except Exception as error:
            self._tell_fault(error)
            state, message = "failed", "It ended by a fault of the program."
            agree()
        else:
            agree()
            run.report = report
            state, message = _name_state(report), _describe_failures(report)
        self._feed.publish("run", run.end(state, message, project.clock.now()))

    def _keep(self, run: PageRun) -> None:
        self._runs[run.id] = run
        while len(self._runs) > _MOST_KEPT:
            self._runs.popitem(last=False)
        self._feed.publish("run", {"run": run.id, "state": run.state, "message": ""})

    def _hear(self, run: PageRun, event: Event) -> None:
        told = run.hear(event)
        if told is not None:
            self._feed.publish("run", told)

    def _tell(self, run: PageRun, words: str) -> None:
        self._feed.publish("words", {"text": words, "run": run.id})


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *given: object) -> None:
    """Call a function in the loop of the page, which may be gone."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *given)


def _name_state(report: Report) -> RunState:
    if report.stopped_by:
        return "stopped"
    return "done" if report.exit_code == 0 else "failed"


def _describe_failures(report: Report) -> str:
    lines = [f"{outcome.step.name}: {outcome.error}" for outcome in report.failures]
    if report.stopped_by and report.in_flight:
        lines.append(
            f"{len(report.in_flight)} tasks go on at the service; the next apply collects them."
        )
    return "\n".join(lines[:10])

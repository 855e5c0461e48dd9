"""A watch at the command line: pass after pass, with one question before money is spent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from reconciler.apply.events import Event
from reconciler.apply.outcome import SUPERSEDED, Report, Stop
from reconciler.apply.request import ApplyHooks, ApplyRequest
from reconciler.cli import crash, screen
from reconciler.cli.afterwards import Afterwards, Wishes
from reconciler.cli.approval import make_approval
from reconciler.cli.running import Ask, show_apply, show_report
from reconciler.cli.signals import stop_on_signal
from reconciler.errors import CutlistError, InvalidInput
from reconciler.plan.step import Plan
from reconciler.project import Project
from reconciler.system.collector import collect_now, collect_seldom
from reconciler.watch import Allowance, WatchPass


@dataclass(frozen=True, slots=True)
class Settings:
    """How a watch runs. Amounts are in the currency of the prices."""

    auto_approve: bool = False
    max_cost: float | None = None  # of one pass
    session_budget: float | None = None  # of all passes together
    as_json: bool = False
    wishes: Wishes = Wishes()  # noqa: RUF009  (frozen)


class Watching:
    """The passes of one watch, shown."""

    def __init__(self, project: Project, settings: Settings) -> None:
        self._project = project
        self._settings = settings
        self._allowance = Allowance(settings.session_budget)
        self._started_at = project.clock.now()
        self._afterwards = Afterwards(settings.wishes, project.config.root)

    async def run(self) -> None:
        """Apply at every change, until a signal ends a pass."""
        self._announce()
        passes = self._project.watch(screen.note, self._complain_of_save)
        with collect_seldom():
            await self._follow(passes)

    async def _follow(self, passes: AsyncGenerator[WatchPass[Project], None]) -> None:
        async with self._afterwards.work(), aclosing(passes):
            async for watch_pass in passes:
                self._announce_pass(watch_pass)
                stop = Stop()
                await self._apply_and_survive(watch_pass, stop)
                if stop.reason not in ("", SUPERSEDED):  # heard also at the very end of the pass
                    return
                collect_now()

    async def _apply_and_survive(self, watch_pass: WatchPass[Project], stop: Stop) -> None:
        """Apply what the project asks for now; show an error rather than end the watch."""
        try:
            show_report(await self._apply(watch_pass, stop), as_json=self._settings.as_json)
        except CutlistError as error:
            self._complain(error)
            if not isinstance(error, InvalidInput):
                screen.note("Still watching.")
        except Exception as error:  # a fault of our own ends one pass, not the watch
            crash.tell(error, where="in a pass of watch")
            screen.note("Still watching.")

    async def _apply(self, watch_pass: WatchPass[Project], stop: Stop) -> Report:
        project, as_json = watch_pass.open_project(), self._settings.as_json
        request = ApplyRequest(max_cost=self._settings.max_cost)
        ask = self._make_question(project, stop)
        with (
            show_apply(project, request, ask, as_json=as_json) as hooks,
            stop_on_signal(stop) as attach_loop,
        ):
            attach_loop()
            return await watch_pass.apply(request, self._surround(hooks, project), stop=stop)

    def _surround(self, hooks: ApplyHooks, project: Project) -> ApplyHooks:
        """The hooks, with the session's budget before the question, and a way to what comes
        afterwards.
        """

        def show(plan: Plan) -> None:
            hooks.show(plan)
            if self._settings.session_budget is not None:
                self._allowance.check(plan, project.add_up_since(self._started_at))

        def observe(event: Event) -> None:
            hooks.observe(event)
            self._afterwards.observe(event)

        return replace(hooks, show=show, observe=observe)

    def _make_question(self, project: Project, stop: Stop) -> Ask:
        """The question, asked only beyond what was agreed to in this watch already."""
        agreed = "--auto-approve" if self._settings.auto_approve else ""
        approver = project.config.approver
        ask = make_approval(approver, stop, agreed=agreed, as_json=self._settings.as_json)

        def ask_once(plan: Plan) -> str:
            if not agreed and self._allowance.covers(plan):
                return f"{approver}, agreed to earlier in this watch"
            approval = ask(plan)
            if approval and plan.realm == "live":
                self._allowance.agree(plan)
            return approval

        return ask_once

    # -------------------------------------------------------------- what is shown

    def _announce(self) -> None:
        root = self._project.config.root
        if self._settings.as_json:
            screen.print_json_line({"event": "watch", "root": str(root)})
        else:
            screen.say(f"Watching {root}. Ctrl-C ends it.")

    def _announce_pass(self, watch_pass: WatchPass[Project]) -> None:
        if self._settings.as_json:
            paths = list(watch_pass.paths)
            screen.print_json_line({"event": "pass", "cause": watch_pass.cause, "paths": paths})
        elif watch_pass.paths:
            screen.say(f"\n{_describe_paths(watch_pass.paths)} changed.")
        elif watch_pass.cause == "woke":
            screen.say("\nThis machine slept, or its clock was set: looking again.")
        elif watch_pass.cause == "again":
            screen.say("\nTrying again.")

    def _complain_of_save(self, error: CutlistError) -> None:
        """A fault in what was saved while a pass runs."""
        self._complain(error)
        screen.note("The pass under way goes on; this waits for the next save.")

    def _complain(self, error: CutlistError) -> None:
        """An error in words, and for programs as a line."""
        if self._settings.as_json:
            faults = error.faults if isinstance(error, InvalidInput) else ()
            screen.print_json_line(
                {
                    "event": "error",
                    "kind": type(error).__name__,
                    "message": error.message,
                    "hint": error.hint,
                    "faults": [
                        {
                            "file": fault.place.file,
                            "line": fault.place.line,
                            "column": fault.place.column,
                            "severity": fault.severity,
                            "message": fault.message,
                        }
                        for fault in faults
                    ],
                }
            )
        screen.complain(error)


_MOST_PATHS = 5


def _describe_paths(paths: tuple[str, ...]) -> str:
    """The paths in words, not all of very many."""
    named = ", ".join(paths[:_MOST_PATHS])
    more = len(paths) - _MOST_PATHS
    return f"{named} and {more} more" if more > 0 else named

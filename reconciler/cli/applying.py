"""apply, watch and demo: the plan, the question, the progress, the last word."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from reconciler.apply.events import Observer
from reconciler.apply.outcome import Report, Stop
from reconciler.cli import crash, progress, screen
from reconciler.cli.scaffold import fresh_demo
from reconciler.errors import EXIT_OK, CutlistError, InvalidInput, UsageError
from reconciler.operations import budget
from reconciler.plan.decide import Options
from reconciler.plan.document import plan_document
from reconciler.plan.step import Action, Plan
from reconciler.project import Project, SavedPlan
from reconciler.report import outcome as endings
from reconciler.report import plan as words
from reconciler.report.cost import today_lines


def run_apply(
    project: Project,
    options: Options,
    *,
    as_json: bool,
    auto_approve: bool,
    max_cost: float | None,
    saved: SavedPlan | None = None,
    fail_fast: bool = False,
) -> int:
    """One apply, from the plan to the last word. Returns the exit code."""
    return _run(
        project,
        options,
        as_json=as_json,
        auto_approve=auto_approve,
        max_cost=max_cost,
        stop=Stop(),
        saved=saved,
        fail_fast=fail_fast,
    ).exit_code


def _run(
    project: Project,
    options: Options,
    *,
    as_json: bool,
    auto_approve: bool,
    max_cost: float | None,
    stop: Stop,
    saved: SavedPlan | None = None,
    fail_fast: bool = False,
) -> Report:
    """One apply, and how it ended. `stop` tells afterwards whether Ctrl-C came."""
    agreed = "a saved plan" if saved is not None else "--auto-approve" if auto_approve else ""
    asked = _approval(project, stop, agreed, as_json=as_json)
    show = _showing(project, max_cost, as_json=as_json)
    tell: Callable[[str], None] = screen.note if as_json else screen.say
    with _progress(project, as_json=as_json) as shown, _signals(stop) as hear:

        def approve(plan: Plan) -> str:
            """Nothing may move on the screen while somebody is asked there."""
            words = asked(plan)
            if words:
                shown.begin(plan)
            return words

        report = asyncio.run(
            _applied(
                project, options, show, approve, shown.observe, tell, max_cost, stop, saved,
                fail_fast, hear,
            )
        )  # fmt: skip
    if as_json:
        screen.json_line({"event": "end", **endings.report_document(report)})
    elif report.plan.changes or report.outcomes:
        screen.show(endings.report_blocks(report))
    return report


async def _applied(
    project: Project,
    options: Options,
    show: Callable[[Plan], None],
    approve: Callable[[Plan], str],
    observer: Observer,
    tell: Callable[[str], None],
    max_cost: float | None,
    stop: Stop,
    saved: SavedPlan | None,
    fail_fast: bool,
    hear: Callable[[], None],
) -> Report:
    hear()
    return await project.apply_async(
        options=options,
        show=show,
        approve=approve,
        observer=observer,
        tell=tell,
        max_cost=max_cost,
        stop=stop,
        saved=saved,
        fail_fast=fail_fast,
    )


@contextmanager
def _signals(stop: Stop) -> Iterator[Callable[[], None]]:
    """The first Ctrl-C or SIGTERM asks to stop; the second leaves at once, which is safe at any
    instant.

    The wish is noted as the signal arrives, not when the loop comes to it, and from before the loop
    begins until it is gone: one that came in its last steps would otherwise be heard by nobody.
    Gives what the loop is to call first.
    """
    loops: list[asyncio.AbstractEventLoop] = []

    def heard(which: int, _frame: object) -> None:
        if stop.reason:
            screen.show_cursor()
            os._exit(128 + which)
        stop.reason = signal.Signals(which).name
        for loop in loops:
            with suppress(RuntimeError):  # it is closed: nothing is left to be stopped
                loop.call_soon_threadsafe(told)

    def told() -> None:
        note = "finishing what is being sent; tasks at the service go on. Again to leave at once."
        screen.note(f"\n{stop.reason}: {note}")
        stop.request(stop.reason)

    def hear() -> None:
        loops.append(asyncio.get_running_loop())
        if stop.reason:
            told()

    with _handled_by(heard):
        yield hear


@contextmanager
def _handled_by(heard: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """For the length of a block Ctrl-C and SIGTERM are this function's."""
    before = {which: signal.signal(which, heard) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


@contextmanager
def _heard_at_once(stop: Stop) -> Iterator[int]:
    """While a question waits for its answer the event loop hears nothing; a signal then ends the
    question itself.

    Gives a file descriptor that is readable once there was a signal: one that comes just before the
    terminal is read would otherwise wait with it.
    """
    wake, woken = os.pipe()
    os.set_blocking(woken, False)

    def heard(which: int, _frame: object) -> None:
        stop.request(signal.Signals(which).name)
        raise KeyboardInterrupt

    # not the loop's, which would hear the same signal as a second one
    before_fd = signal.set_wakeup_fd(woken)
    try:
        with _handled_by(heard):
            yield wake
    finally:
        signal.set_wakeup_fd(before_fd)
        os.close(wake)
        os.close(woken)


def _showing(project: Project, max_cost: float | None, *, as_json: bool) -> Callable[[Plan], None]:
    """Shows the plan, whatever becomes of it then."""

    def show(plan: Plan) -> None:
        if as_json:
            held = budget.documents(project.budgets(plan, max_cost=max_cost))
            screen.json_line({"event": "plan", **plan_document(plan), "budgets": held})
        else:
            spent = today_lines(project.today(), plan.currency) if plan.changes else ()
            screen.show([*words.plan_blocks(plan), *spent, ""])

    return show


def _approval(project: Project, stop: Stop, agreed: str, *, as_json: bool) -> Callable[[Plan], str]:
    """Asks, unless it was `agreed` before; gives who said yes and how, or nothing.

    In the mock realm nothing is spent and nothing is asked.
    """

    approver = project.config.approver

    def approve(plan: Plan) -> str:
        spends = plan.total(Action.RENDER, Action.WAIT)
        if agreed or plan.realm == "mock" or not spends.billable_s:
            return f"{approver}, {agreed or 'nothing to pay'}"
        if as_json or not sys.stdin.isatty():
            raise UsageError(
                "there is nobody to ask before money is spent.",
                hint="Say --auto-approve, best with --max-cost.",
            )
        what = words.money(spends, plan.currency)
        with _heard_at_once(stop) as wake:
            said_yes = screen.confirmed(f"Do you want to spend at most {what}?", wake)
        return f"{approver}, typed yes" if said_yes else ""

    return approve


def _progress(project: Project, *, as_json: bool) -> progress.Progress:
    currency = project.config.prices.currency
    if as_json:
        return progress.JsonLines()
    return (
        progress.Live(currency, project.clock.monotonic)
        if screen.ERR.moving
        else progress.Lines(currency)
    )


def run_import(project: Project, edit: str, task_id: str) -> int:
    """Take a task over and bring its video home; nothing is sent. Returns the exit code."""
    status = asyncio.run(project.import_task(edit, task_id))
    screen.say(f"{edit}: the task {task_id} ({status}) is its task now; its video is brought home.")
    code = run_apply(
        project,
        Options(refresh_only=True, target=(edit,)),
        as_json=False,
        auto_approve=True,
        max_cost=None,
    )
    if code == EXIT_OK:
        screen.say(project.fate(edit))
    return code


# ------------------------------------------------------------------ watch


def run_watch(
    project: Project, endpoint: str | None, *, auto_approve: bool, max_cost: float | None
) -> int:
    """Apply at every change, until Ctrl-C. A fault in a manifest is shown and waits for the next
    save; so does an edit that failed, for a save of its own manifest.
    """
    from reconciler.watch import Failed, changes

    failed = Failed()

    def one_pass(stop: Stop) -> None:
        try:
            fresh = Project.open(
                project.config.root,
                endpoint=endpoint,
                clock=project.clock,
                environment=project.config.environment,
                command="cutlist watch",
            )
            report = _run(
                fresh,
                Options(given_up=failed.keys),
                as_json=False,
                auto_approve=auto_approve,
                max_cost=max_cost,
                stop=stop,
            )
            failed.learn(report)
        except CutlistError as error:
            screen.complain(error)
            if not isinstance(error, InvalidInput):
                screen.note("Still watching.")
        except Exception as error:  # a fault of our own ends one pass, not the watch
            crash.tell(error, where="in a pass of watch")
            screen.note("Still watching.")

    screen.say(f"Watching {project.config.root}. Ctrl-C ends it.")
    try:
        for paths in changes(project):
            if paths:
                screen.say(f"\n{', '.join(paths)} changed.")
            failed.saved(paths)
            stop = Stop()
            one_pass(stop)
            if stop.reason:  # heard at any moment of the pass, also at its very end
                break
    except KeyboardInterrupt:
        pass
    screen.say("Stopped watching.")
    return EXIT_OK


# ------------------------------------------------------------------ demo


def run_demo(folder: Path) -> int:
    """Render the demo project, then show that a second plan has nothing to do."""
    fresh_demo(folder)
    project = Project.open(folder, command="cutlist demo")
    screen.say(
        f"The demo project is in {folder}. Its edits are rendered by the bundled server: offline"
        " and free.\n"
    )
    code = run_apply(project, Options(), as_json=False, auto_approve=True, max_cost=None)
    if code != EXIT_OK:
        return code
    screen.say("\nThe videos:")
    for step in project.plan().steps:
        screen.say(f"  {folder / step.output}")
    screen.say(
        f"\nA second plan (cutlist -C {folder} plan):\n  {words.plan_text(project.plan()).rstrip()}"
    )
    screen.say(
        f"\nChange a prompt in {folder}/instructions.yaml and plan again to see what that would"
        " cost."
    )
    return code

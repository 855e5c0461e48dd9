"""How an apply ended, as text or JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.apply.outcome import ABOUT_ALL, NotTried, Outcome, Report
from reconciler.catalogue import entry
from reconciler.errors import CutlistError, ServiceError, Unauthorized
from reconciler.plan.diff import orphan_note
from reconciler.plan.report import stray_lines
from reconciler.plan.step import Action, Plan, Step
from reconciler.words import wrapped


def report_text(report: Report) -> str:
    """The last word of an apply, for people."""
    failures = sorted(report.failures, key=lambda each: each.step.name)
    now = {step.name: step for step in report.left.steps}
    lines = [*_about_all(failures, report.plan, now)]
    for outcome in failures:
        if not isinstance(outcome.error, (*ABOUT_ALL, NotTried)):
            lines += _failure(outcome, now.get(outcome.step.name, outcome.step))
    lines += _not_tried(failures)
    lines += [
        _wrap(f". {step.name}  {step.reason}", "") for step in report.left.by_action(Action.WAIT)
    ]
    failed = {each.step.name for each in failures}
    for step in report.blocked:
        if step.name not in failed:
            lines.append(_wrap(f"! {step.name}  {step.reason}", ""))
            lines += [_wrap(detail) for detail in step.details]
    lines += [_wrap(orphan_note(each), "") for each in report.left.undecided]
    lines += stray_lines(report.left)
    lines += _not_planned(report)
    lines += _not_pruned(report)
    if report.in_flight:
        lines.append(
            _wrap(
                f"Still at the service: {', '.join(report.in_flight)}. The next apply collects"
                " them.",
                "",
            )
        )
    return "\n".join([*lines, *_last_lines(report)]) + "\n"


def _about_all(failures: Sequence[Outcome], plan: Plan, now: Mapping[str, Step]) -> Iterator[str]:
    """Errors that concern everything are said once, with the edits that met them."""
    met: dict[str, list[str]] = {}
    hints: dict[str, str] = {}
    for outcome in failures:
        if isinstance(outcome.error, ABOUT_ALL):
            words = str(outcome.error)
            if isinstance(outcome.error, Unauthorized):
                words = (
                    f"the service refused the API key of account {plan.account} at {plan.endpoint}"
                    f" ({words})"
                )
            met.setdefault(words, []).append(outcome.step.name)
            hints[words] = outcome.error.hint
    for words, names in met.items():
        yield _wrap(f"error: {words}", "")
        yield _wrap(f"{hints[words]} Met by {', '.join(names)}.")
        for said in dict.fromkeys(_money(now[name]) for name in names if name in now):
            yield _wrap(said)


def _not_tried(failures: Sequence[Outcome]) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for outcome in failures:
        if isinstance(outcome.error, NotTried):
            by_reason.setdefault(outcome.error.message, []).append(outcome.step.name)
    for reason, names in by_reason.items():
        yield _wrap(f"✗ {', '.join(names)}: {reason}", "")


def _not_planned(report: Report) -> Iterator[str]:
    """Edits that were blocked when the plan was shown, and are so no longer."""
    planned = {step.name for step in report.plan.steps if step.may_pay}
    left = [step.name for step in report.left.by_action(Action.RENDER) if step.name not in planned]
    if left:
        why = "can be rendered now; it was not in this plan, so the next apply does it."
        yield _wrap(f"+ {', '.join(left)}: {why}", "")


def _not_pruned(report: Report) -> Iterator[str]:
    left = [
        step.output
        for step in report.left.by_action(Action.PRUNE)
        if step.name not in report.outcomes
    ]
    if left and not report.stopped_by:
        why = "That comes last: when nothing failed, and what takes its place is there."
        yield _wrap(f"- not pruned: {', '.join(left)}. {why}", "")


def _failure(outcome: Outcome, now: Step) -> Iterator[str]:
    error, step = outcome.error, outcome.step
    assert error is not None
    yield _wrap(f"✗ {step.name}  {error}", "")
    yield _wrap(f"{_money(now)} {_advice(error)} ({step.place})".strip())
    if isinstance(error, ServiceError) and error.request_id:
        yield f"    request {error.request_id}" + (f"  task {now.task_id}" if now.task_id else "")


def _money(now: Step) -> str:
    """What a failed edit has cost, told by what a plan says of it now."""
    match now.action:
        case Action.RESUME:
            return (
                f"Its task {now.task_id} goes on at the service; the next apply collects it, and"
                " nothing is sent again."
            )
        case Action.SETTLE:
            return (
                "Whether it arrived is not known; the next apply asks the service before it sends"
                " anything."
            )
        case Action.WRITE | Action.KEEP:
            return "It is paid, and its video is in the store."
        case Action.BLOCKED if now.needs_person:
            return ""
        case _:
            return "Nothing was billed for it."


def _advice(error: CutlistError) -> str:
    if error.hint:
        return error.hint
    if isinstance(error, ServiceError) and error.code and error.code not in ("CANCELED", "EXPIRED"):
        return entry(error.code, error.message).advice
    return "Run apply again; what is done is kept."


def _wrap(text: str, indent: str = "    ") -> str:
    return "\n".join(wrapped(text, indent, "    "))


def _last_lines(report: Report) -> Iterator[str]:
    """How it ended, what it cost, how to go on; a line each."""
    failed = {each.step.name for each in report.failures}
    blocked = [step for step in report.blocked if step.name not in failed]
    trouble = [
        f"{len(some)} {word}" for some, word in ((failed, "failed"), (blocked, "blocked")) if some
    ]
    if report.stopped_by:
        yield f"Interrupted ({report.stopped_by}). {_done(report)}"
    elif trouble:
        yield f"Apply ended with {' and '.join(trouble)}. {_done(report)}"
    else:
        yield f"Apply complete. {_done(report)}"
    if report.billed_s:
        yield _spent(report)
    if report.stopped_by:
        yield "Running apply again goes on from here."
    elif failed:
        yield "Running apply again does only what is left."


def _done(report: Report) -> str:
    counts = {
        "rendered": Action.RENDER,
        "resumed": Action.RESUME,
        "written": Action.WRITE,
        "pruned": Action.PRUNE,
    }
    shown = {word: report.done(action) for word, action in counts.items()}
    parts = [f"{count} {word}" for word, count in shown.items() if count or word != "resumed"]
    return f"{', '.join(parts)} in {_span(report.elapsed_s)}."


def _spent(report: Report) -> str:
    seconds = f"{report.billed_s:.1f} billable seconds"
    if report.price is None or not report.plan.currency:
        return f"{seconds}."
    planned = report.plan.total(Action.RENDER, Action.WAIT, Action.RESUME)
    about = "at most " if planned.unknown_inputs else ""
    beside = f" (planned {about}{planned.price:.2f})" if planned.price is not None else ""
    return f"{seconds}, {report.price:.2f} {report.plan.currency}{beside}."


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}m {int(seconds) % 60:02}s"


def report_document(report: Report) -> dict[str, Any]:
    """The same for programs."""
    return {
        "rendered": report.done(Action.RENDER),
        "resumed": report.done(Action.RESUME),
        "written": report.done(Action.WRITE),
        "pruned": report.done(Action.PRUNE),
        "terraform": {
            "add": report.done(Action.RENDER),
            "change": report.done(Action.WRITE),
            "destroy": report.done(Action.PRUNE),
        },
        "failed": len(report.failures),
        "blocked": len(report.blocked),
        "billed_s": report.billed_s,
        "price": report.price,
        "currency": report.plan.currency or None,
        "in_flight": list(report.in_flight),
        "stopped_by": report.stopped_by or None,
        "exit_code": report.exit_code,
        "edits": [
            _edit(outcome)
            for outcome in sorted(report.outcomes.values(), key=lambda each: each.step.name)
        ],
    }


def _edit(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    return {
        "name": outcome.step.name,
        "action": outcome.step.action.value,
        "ok": outcome.ok,
        "output": outcome.step.output,
        "digest": outcome.digest,
        "billed_s": outcome.billed_s,
        "price": outcome.price,
        "error": (
            None
            if error is None
            else {"code": getattr(error, "code", ""), "message": error.message, "hint": error.hint}
        ),
    }

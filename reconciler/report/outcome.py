"""How an apply ended, as text or JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.apply.outcome import ABOUT_ALL, NotTried, Outcome, Report
from reconciler.errors import CutlistError, ServiceError, Unauthorized
from reconciler.formats.words import format_elapsed
from reconciler.plan.orphans import describe_orphan
from reconciler.plan.step import Action, Plan, Step
from reconciler.report.money import describe_bill
from reconciler.report.page import Block, Paragraph, Span, Style, write_blocks
from reconciler.report.plan import describe_strays
from reconciler.service.codes import find_code


def write_outcome(report: Report) -> str:
    """The last word of an apply, for people, in lines of a screen's width."""
    return write_blocks(lay_out_outcome(report))


def lay_out_outcome(report: Report) -> list[Block]:
    """The last word of an apply, for people."""
    failures = sorted(report.failures, key=lambda outcome: outcome.step.name)
    now = {step.name: step for step in report.left.steps}
    blocks = [*_about_all(failures, report.plan, now)]
    for outcome in failures:
        if not isinstance(outcome.error, (*ABOUT_ALL, NotTried)):
            blocks += _failure(outcome, now.get(outcome.step.name, outcome.step))
    blocks += _not_tried(failures)
    blocks += _taken_over(report)
    blocks += [
        _marked(".", f"{step.name}  {step.reason}", Style.FAINT)
        for step in report.left.by_action(Action.WAIT)
    ]
    failed = {outcome.step.name for outcome in failures}
    for step in report.blocked:
        if step.name not in failed:
            blocks.append(_marked("!", f"{step.name}  {step.reason}", Style.BAD))
            blocks += [_under(detail) for detail in step.details]
    blocks += [Paragraph(describe_orphan(orphan), rest="    ") for orphan in report.left.undecided]
    blocks += [Paragraph(line.lstrip(), *_lead(line)) for line in describe_strays(report.left)]
    blocks += _not_planned(report)
    blocks += _not_pruned(report)
    if report.in_flight:
        next_one = "pass" if report.superseded else "apply"
        words = (
            f"Still at the service: {', '.join(report.in_flight)}. The next {next_one} collects"
            " them."
        )
        blocks.append(Paragraph(words, rest="    "))
    return [*blocks, *_last_lines(report)]


def _marked(mark: str, words: str, style: Style) -> Paragraph:
    """`✗ words`, the mark in the style."""
    return Paragraph([Span(mark, style), Span(f" {words}")], rest="    ")


def _under(words: str) -> Paragraph:
    return Paragraph(words, "    ")


def _lead(line: str) -> tuple[str, str]:
    blanks = line[: len(line) - len(line.lstrip())]
    return blanks, f"{blanks}  "


def _about_all(failures: Sequence[Outcome], plan: Plan, now: Mapping[str, Step]) -> Iterator[Block]:
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
        yield Paragraph([Span("error:", Style.BAD), Span(f" {words}")], rest="    ")
        yield _under(f"{hints[words]} Met by {', '.join(names)}.")
        for cost in dict.fromkeys(_describe_cost(now[name]) for name in names if name in now):
            yield _under(cost)


def _not_tried(failures: Sequence[Outcome]) -> Iterator[Block]:
    by_reason: dict[str, list[str]] = {}
    for outcome in failures:
        if isinstance(outcome.error, NotTried):
            by_reason.setdefault(outcome.error.message, []).append(outcome.step.name)
    for reason, names in by_reason.items():
        yield _marked("✗", f"{', '.join(names)}: {reason}", Style.BAD)


def _taken_over(report: Report) -> Iterator[Block]:
    """Edits that this plan was to render, and that cost nothing here: others have done it."""
    planned = {step.name for step in report.plan.by_action(Action.RENDER)}
    by_reason: dict[str, list[str]] = {}
    for name, outcome in sorted(report.outcomes.items()):
        if name in planned and outcome.ok and outcome.step.action is Action.WRITE:
            by_reason.setdefault(outcome.step.reason, []).append(name)
    for reason, names in by_reason.items():
        yield _marked(".", f"{', '.join(names)}: {reason}", Style.FAINT)


def _not_planned(report: Report) -> Iterator[Block]:
    """Edits that were blocked when the plan was shown, and are so no longer."""
    planned = {step.name for step in report.plan.unsettled if step.may_pay}
    left = [step.name for step in report.left.by_action(Action.RENDER) if step.name not in planned]
    if left:
        why = "can be rendered now; it was not in this plan, so the next apply does it."
        yield _marked("+", f"{', '.join(left)}: {why}", Style.GOOD)


def _not_pruned(report: Report) -> Iterator[Block]:
    left = [
        step.output
        for step in report.left.by_action(Action.PRUNE)
        if step.name not in report.outcomes
    ]
    if left and not report.stopped_by:
        why = "That comes last: when nothing failed, and what takes its place is there."
        yield _marked("-", f"not pruned: {', '.join(left)}. {why}", Style.GONE)


def _failure(outcome: Outcome, now: Step) -> Iterator[Block]:
    error, step = outcome.error, outcome.step
    assert error is not None
    yield _marked("✗", f"{step.name}  {error}", Style.BAD)
    yield _under(f"{_describe_cost(now)} {_advice(error)} ({step.place})".strip())
    if isinstance(error, ServiceError) and error.request_id:
        task = f"  task {now.task_id}" if now.task_id else ""
        yield _under(f"request {error.request_id}{task}")


def _describe_cost(now: Step) -> str:
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
        return find_code(error.code, error.message).advice
    return "Run apply again; what is done is kept."


def _last_lines(report: Report) -> Iterator[Block]:
    """How it ended, what it cost, how to go on; a line each."""
    failed = {outcome.step.name for outcome in report.failures}
    blocked = [step for step in report.blocked if step.name not in failed]
    unsettled = [step for step in report.unsettled if step.name not in failed]
    ends = ((failed, "failed"), (blocked, "blocked"), (unsettled, "not settled"))
    trouble = [f"{len(some)} {word}" for some, word in ends if some]
    if report.superseded:
        head = Span("Superseded.", Style.CHANGE)
    elif report.stopped_by:
        head = Span(f"Interrupted ({report.stopped_by}).", Style.CHANGE)
    elif trouble:
        head = Span(f"Apply ended with {' and '.join(trouble)}.", Style.BAD)
    else:
        head = Span("Apply complete.", Style.GOOD)
    yield Paragraph([head, Span(f" {_done(report)}")], rest="  ")
    if report.billed_s:
        yield Paragraph(describe_bill(report), rest="  ")
    if report.superseded:
        return  # the next pass follows at once
    if report.stopped_by:
        yield Paragraph("Running apply again goes on from here.")
    elif failed or unsettled:
        yield Paragraph("Running apply again does only what is left.")


def _done(report: Report) -> str:
    counts = {
        "rendered": Action.RENDER,
        "resumed": Action.RESUME,
        "written": Action.WRITE,
        "pruned": Action.PRUNE,
    }
    shown = {word: report.done(action) for word, action in counts.items()}
    shown["cancelled"] = len(report.cancelled)
    always = ("rendered", "written", "pruned")
    parts = [f"{count} {word}" for word, count in shown.items() if count or word in always]
    return f"{', '.join(parts)} in {format_elapsed(report.elapsed_s)}."

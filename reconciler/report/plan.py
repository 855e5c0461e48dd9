"""A plan or an outcome as text or JSON. Pure. Reads well at 80 columns, in a pipe and in a pull
request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.formats.words import format_count, format_span
from reconciler.plan.step import SYMBOLS, Action, Cost, Plan, Step
from reconciler.report.chains import order_by_chain
from reconciler.report.money import describe_cost, describe_total, format_price
from reconciler.report.page import Block, Paragraph, Span, Style, Words, write_blocks
from reconciler.report.table import Column, Fit, Row, Table

_LEGEND = (
    Action.RENDER,
    Action.WRITE,
    Action.PRUNE,
    Action.RESUME,
    Action.SETTLE,
    Action.WAIT,
    Action.BLOCKED,
)
_LEGEND_WORDS = {Action.BLOCKED: "needs a person"}
STYLES: Mapping[Action, Style] = {
    Action.RENDER: Style.GOOD,
    Action.RESUME: Style.BUSY,
    Action.SETTLE: Style.BUSY,
    Action.WRITE: Style.CHANGE,
    Action.PRUNE: Style.GONE,
    Action.WAIT: Style.FAINT,
    Action.BLOCKED: Style.BAD,
    Action.KEEP: Style.PLAIN,
}


def warn_about_clock(ahead_s: float) -> str:
    """What to say when the ledger's newest entry is of `ahead_s` seconds from now."""
    return (
        f"warning: the ledger has an entry of {format_span(ahead_s)} from now: this machine's"
        " clock is wrong, or was. Ages and deadlines go by it"
    )


def write_plan(plan: Plan) -> str:
    """The plan for people, in lines of a screen's width."""
    return write_blocks(lay_out_plan(plan))


def lay_out_plan(plan: Plan) -> list[Block | str]:
    """The plan for people: each edit once, chains in their order under one another."""
    if not plan.changes:
        return [*plan.notes, *describe_strays(plan), _no_changes(plan), *list_left_out(plan)]
    changed = [step for step in plan.unsettled if step.action is not Action.KEEP]
    return [
        f"Edits are compared with the store ({describe_place(plan)}).",
        "",
        _legend(plan),
        "",
        _steps(changed, plan.currency),
        "",
        *([*plan.notes, *describe_strays(plan), ""] if plan.notes or plan.strays else []),
        Paragraph(emphasise_head(summarise_plan(plan)), rest="  "),
        *(
            Paragraph(emphasise_head(line), rest="  ")
            for line in describe_plan_cost(plan).split("\n")
        ),
        *list_left_out(plan),
    ]


def _no_changes(plan: Plan) -> str:
    if not plan.steps and plan.left_out:
        return "No changes."
    return f"No changes. {describe_matches(plan)}"


def describe_matches(plan: Plan) -> str:
    """`3 edits match their results.`"""
    edits = len(plan.steps)
    return "1 edit matches its result." if edits == 1 else f"{edits} edits match their results."


def emphasise_head(line: str) -> list[Span]:
    """A line whose first word, `Plan:` or `Cost:`, stands out."""
    head, colon, rest = line.partition(":")
    return [Span(f"{head}{colon}", Style.STRONG), Span(rest)] if colon else [Span(line)]


def _legend(plan: Plan) -> Paragraph:
    used = {step.action for step in plan.unsettled}
    words: list[Span] = []
    for action in (action for action in _LEGEND if action in used):
        meaning = _LEGEND_WORDS.get(action, action.value)
        words += [Span(SYMBOLS[action], STYLES[action]), Span(f" {meaning}   ")]
    return Paragraph(words, "  ")


def describe_place(plan: Plan) -> str:
    """`realm mock, account default, endpoint mock, environment draft`: what the plan is for."""
    environment = "" if plan.environment == NO_ENVIRONMENT else f", environment {plan.environment}"
    return f"realm {plan.realm}, account {plan.account}, endpoint {plan.endpoint}{environment}"


def describe_left_out(plan: Plan) -> str:
    """`3 edits are left out, as asked for.`, or nothing."""
    verb = "is" if plan.left_out == 1 else "are"
    return (
        f"{format_count(plan.left_out, 'edit')} {verb} left out, as asked for."
        if plan.left_out
        else ""
    )


def list_left_out(plan: Plan) -> list[str]:
    """The same as lines: one or none."""
    return [describe_left_out(plan)] if plan.left_out else []


def describe_strays(plan: Plan) -> Iterator[str]:
    """Each stray with the ways to answer for it."""
    for stray in plan.strays:
        yield f"! stray: task {stray.task_id} ({stray.status})"
        yield (
            f"      made by a request of {stray.edit} that was given up; it is paid, and nobody"
            " waits for it"
        )
        yield f"        cutlist resolve {stray.edit} --adopt {stray.task_id} | --abandon"


def _steps(changed: Sequence[Step], currency: str) -> Table:
    """Symbol, name and output of each step, with what is said of it below."""
    rows = []
    for step, lead, rest in order_by_chain(changed):
        name = Span(f"{SYMBOLS[step.action]} {step.name}", STYLES[step.action])
        rows.append(
            Row(
                [[Span(lead), name], step.output if step.of_edit else ""],
                below=[
                    _below(step.reason, f"  {rest}    "),
                    *(_below(detail, f"  {rest}      ") for detail in step.details),
                    *_price_and_place(step, currency, f"  {rest}    "),
                ],
            )
        )
    return Table([Column(fit=Fit.MIDDLE), Column(fit=Fit.MIDDLE)], rows, indent="  ")


def _price_and_place(step: Step, currency: str, indent: str) -> Iterator[Paragraph]:
    """`at most 10.0 s billable, 1.00 USD  (specs/poster.yaml:12:16)`; nothing where there is
    nothing to pay or do.
    """
    price, place = describe_cost(step.cost, currency), str(step.place)
    if step.action is Action.RENDER and not step.paid_by:
        words = price
    elif step.action is Action.WAIT:
        later = "later, " if step.stuck else ""
        words = f"{later}at most {price}" if step.cost.billable_s else ""
    elif step.billed_at_end:
        words = f"{price} when it ends"
    elif step.action is Action.BLOCKED:
        words = f"paying again: {price}" if step.cost.billable_s else ""
    else:
        return
    where_it_is = Span(f"({place})" if words else place, Style.FAINT)
    yield _below([f"{words}  ", where_it_is] if words else where_it_is, indent)


def _below(words: Words, indent: str) -> Paragraph:
    """What is said of a step below it: the lines of the tree are before each of its lines."""
    return Paragraph(words, indent, indent)


def summarise_plan(plan: Plan) -> str:
    """`Plan: 2 to render, 1 to write, 0 to prune; 41 unchanged.`"""
    summary = plan.summary
    words = {Action.WAIT: "waiting", Action.BLOCKED: "blocked"}
    shown = [
        a
        for a in Action
        if a is not Action.KEEP
        and (summary[a.value] or a in (Action.RENDER, Action.WRITE, Action.PRUNE))
    ]
    parts = [f"{summary[a.value]} {words.get(a, f'to {a.value}')}" for a in shown]
    return f"Plan: {', '.join(parts)}; {summary['keep']} unchanged."


def describe_plan_cost(plan: Plan) -> str:
    """`Cost: 18.1 billable seconds, 1.81 USD now, at most 2.81 USD with what waits.`"""
    now, then = plan.total(Action.RENDER), plan.total(Action.RENDER, Action.WAIT)
    waits = plan.total(Action.WAIT).billable_s > 0
    flying = plan.total(Action.RESUME)
    besides = f"{_in_flight(flying, plan.currency)}{_held_up(plan)}"
    if not then.billable_s:
        more = " more" if flying.billable_s else " now" if besides else ""
        return f"Cost: nothing{more}{besides}."
    unknown = (
        f" ({format_count(then.unknown_inputs, 'input')} of unknown length counted at the longest)"
        if then.unknown_inputs
        else ""
    )
    seconds = f"Cost: {now.billable_s:.1f} billable seconds"
    if then.price is None or not plan.currency:
        later = f", at most {then.billable_s:.1f} with what waits" if waits else ""
        missing = f"{describe_total(then, plan.currency)}: {_names_none(plan)}"
        return f"{seconds}{later}{unknown}{_paid_jobs(plan)}; {missing}{besides}."
    about = "at most " if then.unknown_inputs else ""
    later = (
        f" now, at most {format_price(then.price, plan.currency)} with what waits" if waits else ""
    )
    mock = "\nThe mock spends nothing: this is what it would cost." if plan.realm == "mock" else ""
    price = f"{about}{format_price(now.price or 0.0, plan.currency)}{later}"
    return f"{seconds}, {price}{unknown}{_paid_jobs(plan)}{besides}.{mock}"


def _names_none(plan: Plan) -> str:
    return f"`prices` of cutlist.yaml names none for {', '.join(plan.unpriced)}"


def _held_up(plan: Plan) -> str:
    """`; what is held up would add at most 4.0 s billable, 0.40 USD`."""
    cost = plan.held_up
    if not cost.billable_s:
        return ""
    return f"; what is held up would add at most {describe_cost(cost, plan.currency)}"


def _paid_jobs(plan: Plan) -> str:
    """`; 2 edits, 1 paid job`, where some edits stand for the same."""
    edits = plan.summary["render"]
    shared = sum(1 for step in plan.by_action(Action.RENDER) if step.paid_by)
    return (
        f"; {format_count(edits, 'edit')}, {format_count(edits - shared, 'paid job')}"
        if shared
        else ""
    )


def _in_flight(cost: Cost, currency: str) -> str:
    """`; tasks in flight add 5.0 s billable, 0.50 USD`."""
    return (
        f"; tasks in flight are billed {describe_cost(cost, currency).replace(' billable', '')}"
        if cost.billable_s
        else ""
    )

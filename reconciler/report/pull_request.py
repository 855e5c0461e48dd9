"""What a pull request is told: the price before the merge, and what it truly cost after. Pure.

Whatever strangers wrote stands in <code> or <pre>, as report/markdown.py says; outside of them
stand only words and numbers of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from reconciler.errors import Fault
from reconciler.formats.words import format_count
from reconciler.plan.diff import Change, Comparison, Kind
from reconciler.plan.step import Action, Cost
from reconciler.report.diff import write_diff_markdown
from reconciler.report.markdown import MOST_CHARACTERS, escape_markdown, quote_code
from reconciler.report.money import UNKNOWN_PRICE, describe_total, format_price, is_known_in_part

_ROOM_FOR_FAULTS = 60_000  # characters
_ROOM_FOR_EDITS = 40_000
_ROOM_FOR_FAILED = 20_000
_MOST_OF_A_LINE = 1000  # characters of a fault or a budget
_MOST_FREE = 10  # names
_TO_PAY = (Action.RENDER, Action.WAIT)
_LONG_S = 120.0  # from here on people think in minutes


@dataclass(frozen=True, slots=True)
class StatusLine:
    """What the status of a commit says in one line."""

    state: Literal["success", "failure", "pending", "error"]
    words: str


@dataclass(frozen=True, slots=True)
class BilledEdit:
    """An edit that was rendered, and what that was billed; `price` is None where none is known."""

    name: str
    output: str
    billed_s: float
    price: float | None


@dataclass(frozen=True, slots=True)
class FailedEdit:
    """An edit that was to be rendered and was not, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class MergeBill:
    """What became of a merged pull request."""

    revision: str  # the commit that was applied
    currency: str
    rendered: tuple[BilledEdit, ...] = ()
    failed: tuple[FailedEdit, ...] = ()
    free: int = 0  # edits whose result was there already

    @property
    def price(self) -> float | None:
        """The sum; None where one part of it is not known."""
        prices = [edit.price for edit in self.rendered]
        known = [price for price in prices if price is not None]
        return round(sum(known), 4) if len(known) == len(prices) else None

    @property
    def billed_s(self) -> float:
        return round(sum(edit.billed_s for edit in self.rendered), 2)


# ------------------------------------------------------------------ one line


def describe_price_status(comparison: Comparison, *, refused: bool = False) -> StatusLine:
    """`1.40 USD for 3 edits, 12 s billable`. `refused`: a limit forbids to render it."""
    plan = comparison.plan
    paid = [step for step in plan.by_action(*_TO_PAY) if not step.stuck]
    people = plan.summary[Action.BLOCKED.value]
    needs = f"; {format_count(people, 'edit')} need{'s' if people == 1 else ''} a person"
    cost = plan.total(*_TO_PAY)
    if not comparison.changes:
        words = "No edit changes: nothing to pay"
    elif not cost.billable_s:
        words = f"Nothing to pay for {format_count(len(comparison.changes), 'change')}"
    else:
        for_what = f"{format_count(len(paid), 'edit')}, {_describe_length(cost.billable_s)}"
        words = _describe_money(cost, plan.currency)
        in_part = is_known_in_part(cost, plan.currency)
        words += f" ({for_what})" if in_part else f" for {for_what}"
        words += "; the mock spends nothing" if plan.realm == "mock" else ""
    if refused:
        return StatusLine("failure", f"{words}; over a limit")
    return StatusLine("success", f"{words}{needs if people else ''}")


def describe_fault_status(faults: Sequence[Fault]) -> StatusLine:
    """`2 faults in manifests: nothing can be rendered`."""
    count = len([fault for fault in faults if fault.severity == "error"])
    return StatusLine("failure", f"{format_count(count, 'fault')}: nothing can be rendered")


def describe_merge_status(bill: MergeBill, asked: float | None = None) -> StatusLine:
    """`Rendered 3 edits: 1.20 USD (asked 1.30)`; `asked` is the price before the merge."""
    words = "Nothing had to be rendered"
    if bill.rendered:
        beside = f" (asked {asked:.2f})" if asked is not None and bill.currency else ""
        count = format_count(len(bill.rendered), "edit")
        words = f"Rendered {count}: {_describe_bill(bill)}{beside}"
    if bill.failed:
        return StatusLine("failure", f"{words}; {format_count(len(bill.failed), 'edit')} failed")
    return StatusLine("success", words)


def _describe_money(cost: Cost, currency: str) -> str:
    words = describe_total(cost, currency)
    if words == UNKNOWN_PRICE:
        return words.capitalize()
    return f"{'at most ' if cost.unknown_inputs else ''}{words}"


def _describe_length(billable_s: float) -> str:
    if billable_s < _LONG_S:
        return f"{round(billable_s, 1):g} s billable"
    return f"{round(billable_s / 60)} min billable"


def _describe_bill(bill: MergeBill) -> str:
    if bill.price is None or not bill.currency:
        return f"{bill.billed_s:.1f} billable seconds"
    return format_price(bill.price, bill.currency)


# ------------------------------------------------------------------ comments


def write_price_comment(
    comparison: Comparison,
    *,
    rooms: Sequence[str] = (),
    refusals: Sequence[str] = (),
    most: int = MOST_CHARACTERS,
) -> str:
    """The price at the top, what would not be rendered and why, what is free, what the budgets
    leave (`rooms`), then what changes. At most `most` characters.
    """
    head = "\n".join(
        [
            f"### {describe_price_status(comparison, refused=bool(refusals)).words}",
            "",
            *_list_lines("Merging this renders nothing, for it is over a limit:", refusals),
            *_describe_free(comparison),
            *_list_lines("Budgets:", rooms),
            "",
        ]
    )
    return head + write_diff_markdown(comparison, most=most - len(head))


def write_faults_comment(faults: Sequence[Fault]) -> str:
    """Every fault with its place: errors first."""
    errors = [fault for fault in faults if fault.severity == "error"]
    warnings = [fault for fault in faults if fault.severity != "error"]
    shown = _keep_within(map(_escape_line, map(str, [*errors, *warnings])), _ROOM_FOR_FAULTS)
    more = len(faults) - len(shown)
    lines = [
        f"### {describe_fault_status(faults).words}",
        "",
        "<pre>",
        *shown,
        "</pre>",
        "",
        *([f"**{more} more are not shown.** `cutlist validate` shows all.", ""] if more else []),
        "There is no price before these are put right; `cutlist validate` finds them as well.",
        "",
    ]
    return "\n".join(lines)


def write_merge_comment(bill: MergeBill, asked: float | None) -> str:
    """What it truly cost, beside what it was `asked` (None: not known), edit by edit."""
    revision = quote_code(bill.revision[:12])
    words = describe_merge_status(bill, asked).words
    lines = [f"### Merged as {revision}", "", f"**{words}.**", ""]
    if bill.free:
        verb = "was" if bill.free == 1 else "were"
        lines += [f"{format_count(bill.free, 'edit')} {verb} there already, free of charge.", ""]
    if bill.failed:
        failed = (
            f"- {quote_code(edit.name)} {quote_code(edit.reason, _MOST_OF_A_LINE)}"
            for edit in bill.failed
        )
        shown = _keep_within(failed, _ROOM_FOR_FAILED)
        lines += ["Not rendered:", "", *shown, *_count_more(len(bill.failed) - len(shown)), ""]
    if bill.rendered:
        rows = (_write_row(edit, bill.currency) for edit in bill.rendered)
        shown = _keep_within(rows, _ROOM_FOR_EDITS)
        lines += ["| edit | output | billed |", "|---|---|---|", *shown]
        lines += [*_count_more(len(bill.rendered) - len(shown)), ""]
    return "\n".join(lines)


def _list_lines(head: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"**{head}**"
        yield ""
        yield from (f"- {quote_code(line, _MOST_OF_A_LINE)}" for line in lines)
        yield ""


def _describe_free(comparison: Comparison) -> Iterator[str]:
    free = [change for change in comparison.changes if _is_free(change)]
    if free:
        names = ", ".join(quote_code(change.name) for change in free[:_MOST_FREE])
        more = f" and {len(free) - _MOST_FREE} more" if len(free) > _MOST_FREE else ""
        yield f"**Free:** {names}{more}."
        yield ""


def _is_free(change: Change) -> bool:
    waits_for_a_person = change.action in (Action.BLOCKED, Action.SETTLE)
    return not (change.kind is Kind.REMOVED or change.cost.billable_s or waits_for_a_person)


def _escape_line(line: str) -> str:
    clipped = line if len(line) <= _MOST_OF_A_LINE else f"{line[: _MOST_OF_A_LINE - 1]}…"
    return escape_markdown(clipped)


def _write_row(edit: BilledEdit, currency: str) -> str:
    price = "" if edit.price is None or not currency else f", {format_price(edit.price, currency)}"
    return f"| {quote_code(edit.name)} | {quote_code(edit.output)} | {edit.billed_s:.1f} s{price} |"


def _keep_within(lines: Iterable[str], room: int) -> list[str]:
    """As many of the first lines as fit into so many characters."""
    kept = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _count_more(count: int) -> list[str]:
    return ["", f"**{count} more are not shown.** `cutlist log` shows all."] if count else []

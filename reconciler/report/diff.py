"""A comparison of two revisions as text, JSON, or a comment for a pull request. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.plan.diff import Change, Comparison, Kind
from reconciler.plan.step import Action
from reconciler.report.markdown import (
    MOST_CHARACTERS,
    CommentRow,
    describe_place_markdown,
    escape_markdown,
    join_paragraphs,
    quote_code,
    write_table_and_details,
)
from reconciler.report.money import describe_cost
from reconciler.report.page import Block, Paragraph, Span, Style, write_blocks
from reconciler.report.plan import describe_place, describe_plan_cost, emphasise_head
from reconciler.report.table import Column, Fit, Row, Table

SIGNS: Mapping[Kind, str] = {
    Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~", Kind.FORCED: "^", Kind.RENAMED: "=",
}  # fmt: skip
_ORDER = (Kind.CHANGED, Kind.ADDED, Kind.FORCED, Kind.RENAMED, Kind.REMOVED)
_STYLES: Mapping[Kind, Style] = {
    Kind.ADDED: Style.GOOD,
    Kind.REMOVED: Style.GONE,
    Kind.CHANGED: Style.CHANGE,
    Kind.FORCED: Style.CHANGE,
    Kind.RENAMED: Style.BUSY,
}


def write_diff(comparison: Comparison) -> str:
    """The changes for people, in lines of a screen's width."""
    return write_blocks(lay_out_diff(comparison))


def lay_out_diff(comparison: Comparison) -> list[Block | str]:
    """The changes for people."""
    plan = comparison.plan
    head = f"From {comparison.before.name} to {comparison.after.name}, {describe_place(plan)}."
    if not comparison.changes:
        return [head, _nothing(comparison)]
    used = {change.kind for change in comparison.changes}
    legend: list[Span] = []
    for kind in (kind for kind in Kind if kind in used):
        legend += [Span(SIGNS[kind], _STYLES[kind]), Span(f" {kind.value}   ")]
    return [
        head,
        "",
        Paragraph(legend, "  "),
        "",
        Table(
            [Column(fit=Fit.MIDDLE), Column(fit=Fit.MIDDLE)],
            [_table_row(change, plan.currency) for change in comparison.changes],
            indent="  ",
        ),
        "",
        *_total_lines(comparison),
    ]


def _total_lines(comparison: Comparison) -> Iterator[Paragraph]:
    for line in (_summary_line(comparison), *describe_plan_cost(comparison.plan).split("\n")):
        yield Paragraph(emphasise_head(line), rest="  ")


def _table_row(change: Change, currency: str) -> Row:
    return Row(
        [Span(f"{SIGNS[change.kind]} {change.name}", _STYLES[change.kind]), change.output],
        below=[
            Paragraph(change.reason, "      "),
            *(Paragraph(detail, "        ") for detail in change.details),
            Paragraph(f"{describe_price(change, currency)}  ({change.place})".strip(), "      "),
        ],
    )


def describe_price(change: Change, currency: str) -> str:
    """What a change costs, in words."""
    if not change.cost.billable_s:
        return change.paid
    words = describe_cost(change.cost, currency)
    return {
        Action.WAIT: f"at most {words}" + (f"; {change.paid}" if change.paid else ""),
        Action.RESUME: f"{change.paid}: {words} when it ends",
        Action.BLOCKED: f"{change.paid}; paying again: {words}",
    }.get(change.action, words)


def _nothing(comparison: Comparison) -> str:
    count = comparison.unchanged
    return f"No difference. {count} edit{' is' if count == 1 else 's are'} asked for alike."


def _summary_line(comparison: Comparison) -> str:
    counts = ", ".join(f"{count} {kind}" for kind, count in comparison.summary.items())
    return f"Diff: {counts}; {comparison.unchanged} unchanged."


# ------------------------------------------------------------------ Markdown


def write_diff_markdown(
    comparison: Comparison, below: Sequence[str] = (), most: int = MOST_CHARACTERS
) -> str:
    """Summary and cost first, then a table of changes, then reasons and differences, folded, then
    what is to stand `below` it all; never more than `most` characters.
    """
    changes = sorted(
        comparison.changes, key=lambda change: (_ORDER.index(change.kind), change.name)
    )
    text, end = "\n".join(_head(comparison)) + "\n", join_paragraphs(below)
    rows = [_row(change, comparison.plan.currency) for change in changes]
    most -= len(text) + len(end)
    return (
        text + (write_table_and_details(rows, "change", "cutlist diff", most) if rows else "") + end
    )


def _row(change: Change, currency: str) -> CommentRow:
    return CommentRow(
        SIGNS[change.kind],
        change.kind.value,
        change.name,
        change.output,
        change.reason,
        change.details,
        describe_price(change, currency),
        str(change.place),
    )


def _head(comparison: Comparison) -> Iterator[str]:
    plan = comparison.plan
    if comparison.changes:
        yield f"**{_summary_line(comparison)}**"
        yield ""
        yield f"**Cost:** {escape_markdown(describe_plan_cost(plan).removeprefix('Cost: '))}"
    else:
        yield f"**No difference.** {_nothing(comparison).removeprefix('No difference. ')}"
    yield ""
    sides = f"From {quote_code(comparison.before.name)} to {quote_code(comparison.after.name)}."
    yield f"{sides} {describe_place_markdown(plan)}"

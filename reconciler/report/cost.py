"""What was spent in words, with bars. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.formats.words import format_count
from reconciler.history.cost import Budget, CostReport
from reconciler.history.spending import WASTED, Fate, Sum, add_up, group_lines
from reconciler.report.money import describe_sum, format_price
from reconciler.report.page import Block, Span, Style, Words, write_blocks
from reconciler.report.table import Column, Fit, Row, Table

_BAR = 16
_MOCK = ": it is what the mock's work would have cost."
_FATE_WORDS = {
    Fate.SUPERSEDED: "not asked for any more",
    Fate.RUNNING: "billed when it succeeds",
    Fate.UNCERTAIN: "nobody can tell yet",
    Fate.LOST: "paid, and gone",
    Fate.TWICE: "another ledger of this store had it",
    Fate.STRAY: "of a request given up",
}


def write_cost(report: CostReport, by: str) -> str:
    """For people, in lines of a screen's width."""
    return write_blocks(lay_out_cost(report, by))


def lay_out_cost(report: CostReport, by: str) -> list[Block | str]:
    """For people: what became of the money, what reuse saved, and where it went by one of
    GROUPS.
    """
    spending, currency = report.spending, report.spending.currency
    spent, saved = add_up(spending.paid), add_up(spending.saved)
    where = f"realm {report.realm}, account {report.account}"
    if not spent.count and not saved.count:
        return [f"Nothing was spent yet ({where}).", *describe_today(report.budgets, currency)]
    fates = [(fate, spending.of(fate)) for fate in Fate]
    times = "once" if saved.count == 1 else f"{saved.count} times"
    wasted = spending.of(*WASTED)
    shown = _commit if by == "commit" else str
    return [
        f"Spent {describe_sum(spent, currency)} in {format_count(spent.count, 'task')}.",
        f"{where[0].upper()}{where[1:]}{_MOCK if report.realm == 'mock' else '.'}",
        "",
        _table(
            [
                (fate.value, amount, _FATE_WORDS.get(fate, ""))
                for fate, amount in fates
                if amount.count
            ],
            currency,
        ),
        "",
        f"Saved by reuse: {describe_sum(saved, currency)}{f', {times}' if saved.count else ''}.",
        *([f"Wasted: {describe_sum(wasted, currency)}."] if wasted.count else []),
        *describe_today(report.budgets, currency),
        "",
        f"By {by}",
        _table(
            [(shown(name), amount, "") for name, amount in group_lines(spending.paid, by)], currency
        ),
    ]


def describe_today(budgets: Sequence[Budget], currency: str) -> Iterator[str]:
    """What of each budget of a day is spent, a line each."""
    for budget in budgets:
        yield (
            f"Today: {budget.spent.price:.2f} of {format_price(budget.limit, currency)}"
            f" ({budget.name}; a day ends at 00:00 UTC)."
        )


def _table(rows: Sequence[tuple[str, Sum, str]], currency: str) -> Table:
    """A line each: name, money, seconds, and a bar beside the longest, or words."""
    sizes = [spent.price if currency else spent.billable_s for _, spent, _ in rows]
    most = max(sizes, default=0.0)
    columns = [
        Column(fit=Fit.MIDDLE),
        Column(right=True),
        Column(right=True),
        Column(drop=1),
    ]
    lines = []
    for (name, spent, words), size in zip(rows, sizes, strict=True):
        bar = "━" * max(round(_BAR * size / most), 1) if most and size else ""
        amount = format_price(spent.price, currency) if currency else ""
        cells: list[Words] = [name, amount, f"{spent.billable_s:.1f} s", Span(bar, Style.BUSY)]
        lines.append(Row(cells, note=words))
    return Table(columns, lines, indent="  ")


def _commit(name: str) -> str:
    return name if name.startswith("(") else f"{name[:12]}{'+' if name.endswith('+') else ''}"

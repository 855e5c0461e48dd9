"""Money and billable seconds in words: what something may cost, what it has cost, what was billed.
Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.plan.step import Action, Cost

if TYPE_CHECKING:
    from reconciler.apply.outcome import Report
    from reconciler.history.log import LogRecord
    from reconciler.history.spending import Sum

UNKNOWN_PRICE = "price not known here"


def format_price(price: float, currency: str) -> str:
    """`1.01 USD`."""
    return f"{price:.2f} {currency}"


def describe_cost(cost: Cost, currency: str) -> str:
    """What a step may cost: `10.1 s billable, 1.01 USD`; without any prices only the seconds."""
    seconds = f"{cost.billable_s:.1f} s billable"
    if not currency:
        return seconds
    price = UNKNOWN_PRICE if cost.price is None else format_price(cost.price, currency)
    return f"{seconds}, {price}"


def describe_total(total: Cost, currency: str) -> str:
    """What steps cost together: `1.01 USD`, `0.50 USD for what has a price; the rest is not known
    here`, or that nothing is known.
    """
    if is_known_in_part(total, currency):
        known = format_price(total.known_price, currency)
        return f"{known} for what has a price; the rest is not known here"
    if total.price is None or not currency:
        return UNKNOWN_PRICE
    return format_price(total.price, currency)


def is_known_in_part(total: Cost, currency: str) -> bool:
    """Whether some of the steps have a price here, and others none."""
    return bool(currency) and total.price is None and total.known_price > 0


def describe_sum(spent: Sum, currency: str) -> str:
    """What many requests have cost: `1.01 USD for 10.1 billable seconds`."""
    seconds = f"{spent.billable_s:.1f} billable seconds"
    if not currency or spent.unpriced_s == spent.billable_s > 0:
        return seconds
    unknown = f" ({spent.unpriced_s:.1f} of them of unknown price)" if spent.unpriced_s else ""
    return f"{format_price(spent.price, currency)} for {seconds}{unknown}"


def describe_charge(record: LogRecord) -> str:
    """What one request was billed: `10.1 s, 1.01 USD`; nothing for what was free."""
    if not record.billed_s:
        return ""
    seconds = f"{record.billed_s:.1f} s"
    currency = record.booking.currency if record.booking else ""
    if record.price is None or not currency:
        return seconds
    return f"{seconds}, {format_price(record.price, currency)}"


def describe_bill(report: Report) -> str:
    """What an apply was billed, beside what was planned: `10.1 billable seconds, 1.01 USD (planned
    1.01).`
    """
    seconds = f"{report.billed_s:.1f} billable seconds"
    currency = report.plan.currency
    if report.price is None or not currency:
        return f"{seconds}."
    planned = report.plan.total(Action.RENDER, Action.WAIT, Action.RESUME)
    about = "at most " if planned.unknown_inputs else ""
    beside = f" (planned {about}{planned.price:.2f})" if planned.price is not None else ""
    return f"{seconds}, {format_price(report.price, currency)}{beside}."

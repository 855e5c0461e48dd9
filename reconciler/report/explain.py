"""Why an edit will or will not be rendered, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.desired.references import show_url
from reconciler.plan.explain import Explanation, Part, Sign
from reconciler.plan.reasons import diff_words
from reconciler.plan.step import Action
from reconciler.report.money import describe_cost
from reconciler.report.page import Block, Paragraph, Span, Style, write_blocks
from reconciler.report.table import Column, Row, Table

_WILL: Mapping[Action, str] = {
    Action.RENDER: "will be rendered",
    Action.RESUME: "is being rendered",
    Action.SETTLE: "may be at the service already",
    Action.WRITE: "will be written, free",
    Action.WAIT: "will be rendered or written later",
    Action.BLOCKED: "is blocked",
    Action.KEEP: "is up to date",
}
_STYLES: Mapping[Sign, Style] = {
    Sign.SAME: Style.FAINT,
    Sign.CHANGED: Style.CHANGE,
    Sign.ADDED: Style.GOOD,
    Sign.REMOVED: Style.GONE,
    Sign.ALONE: Style.PLAIN,
}


def write_explanation(explanation: Explanation) -> str:
    """For people, in lines of a screen's width."""
    return write_blocks(lay_out_explanation(explanation))


def lay_out_explanation(explanation: Explanation) -> list[Block | str]:
    """For people."""
    step = explanation.step
    most = "at most " if step.action is Action.WAIT else ""
    price = (
        f" ({most}{describe_cost(step.cost, explanation.currency)})"
        if step.cost.billable_s and not step.paid_by
        else ""
    )
    # of what changed, the parts say more
    details = step.details if step.action is Action.BLOCKED else ()
    return [
        f"{step.name} {_WILL[step.action]}: {step.reason}{price}.",
        *(Paragraph(detail, "    ") for detail in details),
        "",
        Paragraph(f"{_key_words(explanation)} {_nearest_words(explanation)}", rest=""),
        "",
        _parts(explanation),
    ]


def _parts(explanation: Explanation) -> Table:
    """Each part of the key with its value."""
    rows = [
        Row([Span(part.sign.value, _STYLES[part.sign]), part.name], note=_value(part))
        for part in explanation.parts
    ]
    rows += [
        Row(["", name], note=f"{_shown(value)}: the default, so no part of the key")
        for name, value in explanation.defaults
    ]
    return Table([Column(), Column()], rows, indent="  ", gap=1)


def _key_words(explanation: Explanation) -> str:
    if explanation.key is None:
        return "Its key is known when what it waits for has a result; so far these are its parts."
    return f"Its key is {explanation.key[:12]}…, the digest of these parts."


def _nearest_words(explanation: Explanation) -> str:
    result = explanation.nearest
    if result is None:
        return "There is no earlier result to compare them with."
    of = "" if result.edit == explanation.step.name else f" of {result.edit}"
    commit = f", commit {result.commit[:8]}" if result.commit else ""
    which = (
        f"the result {result.digest[:12]}…{of}"
        if explanation.earlier == 1
        else f"the nearest of {explanation.earlier} results,"
    )
    which += "" if explanation.earlier == 1 else f" {result.digest[:12]}…{of}"
    return f"Beside them stands {which} ({result.stored_at[:16].replace('T', ' ')} UTC{commit})."


def _value(part: Part) -> str:
    if part.sign is Sign.REMOVED:
        return f"was {_shown(part.before)}"
    texts = (
        isinstance(part.before, str)
        and isinstance(part.value, str)
        and " " in part.before + part.value
    )
    if part.sign is Sign.CHANGED and texts:
        return diff_words(part.before, part.value, most=200)
    now = (
        f"{part.note} ({_shown(part.value)})"
        if part.note not in ("", part.value)
        else _shown(part.value)
    )
    return f"{now}, was {_shown(part.before)}" if part.sign is Sign.CHANGED else now


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = show_url(value) if isinstance(value, str) and "://" in value else str(value)
    if text.startswith("sha256:"):
        return f"{text[:19]}…"
    return text if len(text) <= 120 else f"{text[:119]}…"

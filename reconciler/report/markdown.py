"""A plan as a comment for a pull request. Pure.

Manifests come from strangers: whatever they wrote stands in <code> or <pre>, where nothing is a
link, a mention or markup, and every character that could end that is written as a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.formats.names import NO_ENVIRONMENT, make_plain
from reconciler.plan.step import SYMBOLS, Action, Plan, Step
from reconciler.report.money import describe_cost
from reconciler.report.plan import (
    describe_left_out,
    describe_matches,
    describe_plan_cost,
    describe_strays,
    summarise_plan,
)

MOST_CHARACTERS = 65_000  # GitHub refuses comments of more than 65,536
_FOR_THE_TABLE = 40_000
_FOR_THE_END = 300
_MOST_OF_A_CELL = 200
_MOST_NOTES = 10
# The last: at the beginning of a line GitLab takes a slash for a command.
_SPECIAL = re.compile(r"[^\w \-./,;()=%?…→\u00a0-\U0010ffff]|_|(?<=www)\.|\A */", re.IGNORECASE)
_ORDER = (
    Action.BLOCKED,
    Action.RENDER,
    Action.WAIT,
    Action.SETTLE,
    Action.RESUME,
    Action.WRITE,
    Action.PRUNE,
)


def write_plan_markdown(plan: Plan, below: Sequence[str] = ()) -> str:
    """Summary and cost first, then a table of steps, then reasons and differences, folded, then
    what is to stand `below` the plan. Never too long.
    """
    steps = sorted(
        (step for step in plan.unsettled if step.action is not Action.KEEP),
        key=lambda step: (_ORDER.index(step.action), step.name),
    )
    text, end = "\n".join(_head(plan, steps)) + "\n", join_paragraphs(below)
    followers = plan.describe_followers()
    rows = [_row(step, followers.get(step.name), plan.currency) for step in steps]
    most = MOST_CHARACTERS - len(text) - len(end)
    return (
        text + (write_table_and_details(rows, "step", "cutlist plan", most) if rows else "") + end
    )


def join_paragraphs(lines: Sequence[str]) -> str:
    """Each of these as a paragraph of its own, in bold."""
    return "".join(f"\n**{escape_markdown(line)}**\n" for line in lines)


def _row(step: Step, follow: str | None, currency: str) -> CommentRow:
    name = step.name if step.of_edit else ""
    return CommentRow(
        SYMBOLS[step.action],
        step.action.value,
        name,
        step.output,
        step.reason,
        (*step.details, *([follow] if follow else [])),
        _price(step, currency),
        str(step.place),
    )


def _head(plan: Plan, steps: Sequence[Step]) -> Iterator[str]:
    if steps:
        yield f"**{summarise_plan(plan)}**"
        yield ""
        yield f"**Cost:** {escape_markdown(describe_plan_cost(plan).removeprefix('Cost: '))}"
    else:
        yield f"**No changes.** {describe_matches(plan)}"
    yield ""
    yield f"{describe_place_markdown(plan)} {describe_left_out(plan)}".rstrip()
    notes = [*plan.notes, *(line.strip() for line in describe_strays(plan))]
    if notes:
        yield ""
        yield from (f"- {quote_code(note)}" for note in notes[:_MOST_NOTES])
        if len(notes) > _MOST_NOTES:
            yield f"- and {len(notes) - _MOST_NOTES} more notes, which `cutlist plan` shows."


def describe_place_markdown(plan: Plan) -> str:
    """`Realm mock, account default, endpoint mock, environment draft.`"""
    environment = (
        ""
        if plan.environment == NO_ENVIRONMENT
        else f", environment {quote_code(plan.environment)}"
    )
    return (
        f"Realm {plan.realm}, account {quote_code(plan.account)}, endpoint"
        f" {quote_code(plan.endpoint)}{environment}."
    )


@dataclass(frozen=True, slots=True)
class CommentRow:
    """One line of the table of a comment, and what is folded below it."""

    symbol: str
    kind: str
    name: str
    output: str
    reason: str
    details: tuple[str, ...]
    price: str
    place: str


def write_table_and_details(rows: Sequence[CommentRow], word: str, command: str, most: int) -> str:
    """A table of `rows`, each a `word`, then reasons and differences, folded; at most so many
    characters.

    What does not fit is counted in words, with the `command` that shows it.
    """
    text = f"\n| | {word} | edit | output | why | cost |\n|---|---|---|---|---|---|\n"
    for number, row in enumerate(rows):
        cells = " | ".join(
            quote_code(cell) for cell in (row.name, row.output, row.reason, row.price)
        )
        line = f"| <code>{escape_markdown(row.symbol)}</code> | {row.kind} | {cells} |\n"
        if len(text) + len(line) > _FOR_THE_TABLE:
            text += f"\n**{_not_shown(len(rows) - number, word)}** `{command}` shows all.\n"
            break
        text += line
    return text + _details(rows, word, command, most - len(text) - _FOR_THE_END)


def _details(rows: Sequence[CommentRow], word: str, command: str, most: int) -> str:
    text = ""
    detailed = [row for row in rows if row.details or len(row.reason) > _MOST_OF_A_CELL]
    for number, row in enumerate(detailed):
        lines = [row.reason, *row.details, row.price, row.place]
        body = "\n".join(escape_markdown(line) for line in lines if line)
        head = f"<code>{escape_markdown(row.symbol)}</code> {quote_code(row.name or row.output)}"
        block = f"\n<details><summary>{head}</summary>\n<pre>\n{body}\n</pre>\n</details>\n"
        if len(text) + len(block) > most:
            return (
                f"{text}\n**{_not_shown(len(detailed) - number, word)}** with reasons and"
                f" differences. `{command}` shows all.\n"
            )
        text += block
    return text


def _not_shown(count: int, word: str) -> str:
    return f"{count} more {word}{' is' if count == 1 else 's are'} not shown"


def _price(step: Step, currency: str) -> str:
    if step.paid_by:
        return f"paid once, by {step.paid_by}"
    if not step.cost.billable_s:
        return ""
    words = describe_cost(step.cost, currency)
    return {Action.WAIT: f"at most {words}", Action.BLOCKED: f"paying again: {words}"}.get(
        step.action, words
    )


def quote_code(text: str, most: int = _MOST_OF_A_CELL) -> str:
    """Somebody's words on one line, as they are, doing nothing; at most so many characters."""
    clipped = text if len(text) <= most else f"{text[: most - 1]}…"
    return f"<code>{escape_markdown(clipped)}</code>" if clipped else ""


def escape_markdown(text: str) -> str:
    """`text` with every character that could mean something written as a number; what hides or
    reorders is shown.
    """
    visible = make_plain(text.replace("\n", " ").replace("\t", " "))
    return _SPECIAL.sub(lambda match: "".join(f"&#{ord(c)};" for c in match[0]), visible)

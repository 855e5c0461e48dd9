"""A plan as a comment for a pull request. Pure.

Manifests come from strangers: whatever they wrote stands in <code> or <pre>, where nothing is a link, a mention or
markup, and every character that could end that is written as a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.names import NO_ENVIRONMENT, made_plain
from reconciler.plan.report import cost_line, left_out_line, money, stray_lines, summary_line
from reconciler.plan.step import SYMBOLS, Action, Plan, Step

MOST_CHARACTERS = 65_000  # GitHub refuses comments of more than 65,536
_FOR_THE_TABLE = 40_000
_FOR_THE_END = 300
_MOST_OF_A_CELL = 200
_MOST_NOTES = 10
_SPECIAL = re.compile(r"[^\w \-./,;()=%?…→\u00a0-\U0010ffff]|_|(?<=www)\.", re.IGNORECASE)
_ORDER = (Action.BLOCKED, Action.RENDER, Action.WAIT, Action.SETTLE, Action.RESUME, Action.WRITE, Action.PRUNE)


def plan_markdown(plan: Plan) -> str:
    """Summary and cost first, then a table of steps, then reasons and differences, folded. Never too long."""
    steps = sorted(
        (step for step in plan.steps if step.action is not Action.KEEP),
        key=lambda step: (_ORDER.index(step.action), step.name),
    )
    text = "\n".join(_head(plan, steps)) + "\n"
    if steps:
        text += _table(plan, steps, _FOR_THE_TABLE)
        text += _details(plan, steps, MOST_CHARACTERS - len(text) - _FOR_THE_END)
    return text


def _head(plan: Plan, steps: Sequence[Step]) -> Iterator[str]:
    if steps:
        yield f"**{summary_line(plan)}**"
        yield ""
        yield f"**Cost:** {escaped(cost_line(plan).removeprefix('Cost: '))}"
    else:
        count = len(plan.steps)
        yield f"**No changes.** {count} edit{' matches its result' if count == 1 else 's match their results'}."
    yield ""
    yield f"{where_markdown(plan)} {left_out_line(plan)}".rstrip()
    notes = [*plan.notes, *(line.strip() for line in stray_lines(plan))]
    if notes:
        yield ""
        yield from (f"- {code(note)}" for note in notes[:_MOST_NOTES])
        if len(notes) > _MOST_NOTES:
            yield f"- and {len(notes) - _MOST_NOTES} more notes, which `cutlist plan` shows."


def where_markdown(plan: Plan) -> str:
    """`Realm mock, account default, endpoint mock, environment draft.`"""
    environment = "" if plan.environment == NO_ENVIRONMENT else f", environment {code(plan.environment)}"
    return f"Realm {plan.realm}, account {code(plan.account)}, endpoint {code(plan.endpoint)}{environment}."


def _table(plan: Plan, steps: Sequence[Step], most: int) -> str:
    text = "\n| | step | edit | output | why | cost |\n|---|---|---|---|---|---|\n"
    for number, step in enumerate(steps):
        edit = code(step.name) if step.of_edit else ""
        cells = (edit, code(step.output), code(step.reason), code(_price(step, plan.currency)))
        row = f"| <code>{escaped(SYMBOLS[step.action])}</code> | {step.action.value} | {' | '.join(cells)} |\n"
        if len(text) + len(row) > most:
            return f"{text}\n**{not_shown(len(steps) - number, 'step')}** `cutlist plan` shows all.\n"
        text += row
    return text


def _details(plan: Plan, steps: Sequence[Step], most: int) -> str:
    text = ""
    told = [step for step in steps if step.details or len(step.reason) > _MOST_OF_A_CELL]
    for number, step in enumerate(told):
        lines = [step.reason, *step.details, _price(step, plan.currency), str(step.place)]
        body = "\n".join(escaped(line) for line in lines if line)
        head = f"<code>{escaped(SYMBOLS[step.action])}</code> {code(step.name)}"
        block = f"\n<details><summary>{head}</summary>\n<pre>\n{body}\n</pre>\n</details>\n"
        if len(text) + len(block) > most:
            words = not_shown(len(told) - number, "step")
            return f"{text}\n**{words}** with reasons and differences. `cutlist plan` shows all.\n"
        text += block
    return text


def not_shown(count: int, word: str) -> str:
    return f"{count} more {word}{' is' if count == 1 else 's are'} not shown"


def _price(step: Step, currency: str) -> str:
    if step.paid_by:
        return f"paid once, by {step.paid_by}"
    if not step.cost.billable_s:
        return ""
    words = money(step.cost, currency)
    return {Action.WAIT: f"at most {words}", Action.BLOCKED: f"paying again: {words}"}.get(step.action, words)


def code(text: str) -> str:
    """Somebody's words on one line, as they are, doing nothing."""
    clipped = text if len(text) <= _MOST_OF_A_CELL else f"{text[: _MOST_OF_A_CELL - 1]}…"
    return f"<code>{escaped(clipped)}</code>" if clipped else ""


def escaped(text: str) -> str:
    """`text` with every character that could mean something written as a number; what hides or reorders is shown."""
    visible = made_plain(text.replace("\n", " ").replace("\t", " "))
    return _SPECIAL.sub(lambda match: "".join(f"&#{ord(c)};" for c in match[0]), visible)

"""The graph of edits as a tree of text or in DOT, with what a plan says of each. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from reconciler.desired.job import Desired
from reconciler.plan.step import SYMBOLS, Action, Plan, Step
from reconciler.report.chains import BRANCH, LAST_BRANCH, NO_TRUNK, TRUNK
from reconciler.report.page import Paragraph, Span, written
from reconciler.report.plan import STYLES

_COLOURS: Mapping[Action, str] = {
    Action.RENDER: "palegreen",
    Action.RESUME: "lightskyblue",
    Action.SETTLE: "lightskyblue",
    Action.WRITE: "khaki",
    Action.WAIT: "lightgrey",
    Action.BLOCKED: "salmon",
    Action.KEEP: "white",
}


def graph_text(desired: Desired, plan: Plan) -> str:
    """The tree in lines of a screen's width."""
    return written(graph_blocks(desired, plan))


def graph_blocks(desired: Desired, plan: Plan) -> list[Paragraph | str]:
    """Every edit under each edit it builds on; one that stands in the tree already is not unfolded
    again.
    """
    steps = _steps(plan)
    below = _below(desired)
    drawn: set[str] = set()
    lines: list[Paragraph | str] = []
    for name in sorted(name for name, wanted in desired.edits.items() if not wanted.upstreams):
        lines += _tree(name, below, steps, drawn)
    return lines or ["There are no edits."]


def _tree(
    root: str, below: Mapping[str, Sequence[str]], steps: Mapping[str, Step], drawn: set[str]
) -> Iterator[Paragraph]:
    """Without recursion: chains may be thousands of edits long."""
    waiting = [(root, "", "")]
    while waiting:
        name, lead, rest = waiting.pop()
        again = name in drawn
        children = () if again else below[name]
        shown_above = "  (shown above)" if again and below[name] else ""
        yield Paragraph([*_label(name, steps), shown_above], lead, f"{rest}    ")
        drawn.add(name)
        for number, child in enumerate(reversed(children)):
            last = number == 0
            waiting.append(
                (
                    child,
                    f"{rest}{LAST_BRANCH if last else BRANCH}",
                    f"{rest}{NO_TRUNK if last else TRUNK}",
                )
            )


def _label(name: str, steps: Mapping[str, Step]) -> list[Span]:
    step = steps.get(name)
    if step is None or step.action is Action.KEEP:
        return [Span(name)]
    label = Span(f"{name}  {SYMBOLS[step.action]}", STYLES[step.action])
    return [label, Span(f" {step.reason}")]


def graph_dot(desired: Desired, plan: Plan) -> str:
    """For Graphviz: `cutlist graph --dot | dot -Tsvg`."""
    steps = _steps(plan)
    lines = [
        "digraph cutlist {",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fillcolor=white];',
    ]
    for name in sorted(desired.edits):
        step = steps.get(name)
        action = step.action if step is not None else Action.KEEP
        output = desired.edits[name].edit.output
        label = f"{name}\n{output}" + ("" if action is Action.KEEP else f"\n{action.value}")
        lines.append(f"  {_quoted(name)} [label={_quoted(label)}, fillcolor={_COLOURS[action]}];")
    for name in sorted(desired.edits):
        lines += [f"  {_quoted(up)} -> {_quoted(name)};" for up in desired.edits[name].upstreams]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    """A DOT string; JSON's escapes of quotes, backslashes and line ends are DOT's."""
    return json.dumps(text, ensure_ascii=False)


def _steps(plan: Plan) -> Mapping[str, Step]:
    return {step.name: step for step in plan.steps if step.action is not Action.PRUNE}


def _below(desired: Desired) -> Mapping[str, Sequence[str]]:
    below: dict[str, list[str]] = {name: [] for name in desired.edits}
    for name in sorted(desired.edits):
        for up in desired.edits[name].upstreams:
            below[up].append(name)
    return below

"""The graph of edits as a tree of text or in DOT, with what a plan says of each. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from reconciler.plan.graph import Graph, GraphNode
from reconciler.plan.step import SYMBOLS, Action
from reconciler.report.chains import BRANCH, LAST_BRANCH, NO_TRUNK, TRUNK
from reconciler.report.page import Paragraph, Span, write_blocks
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


def format_graph(graph: Graph) -> str:
    """The tree in lines of a screen's width."""
    return write_blocks(lay_out_graph(graph))


def lay_out_graph(graph: Graph) -> list[Paragraph | str]:
    """Every edit under each edit it builds on; one that stands in the tree already is not unfolded
    again.
    """
    used_by, shown = graph.map_used_by(), set[str]()
    lines: list[Paragraph | str] = []
    for name in graph.roots:
        lines += _draw_tree(name, graph, used_by, shown)
    return lines or ["There are no edits."]


def _draw_tree(
    root: str, graph: Graph, used_by: Mapping[str, Sequence[str]], shown: set[str]
) -> Iterator[Paragraph]:
    """Without recursion: chains may be thousands of edits long."""
    waiting = [(root, "", "", "")]
    while waiting:
        name, parent, lead, rest = waiting.pop()
        again = name in shown
        children = () if again else used_by[name]
        shown_above = "  (shown above)" if again and used_by[name] else ""
        label = _label(graph.nodes[name], list_excerpts(graph.nodes[name], parent))
        yield Paragraph([*label, shown_above], lead, f"{rest}    ")
        shown.add(name)
        for number, child in enumerate(reversed(children)):
            last = number == 0
            branch, trunk = (LAST_BRANCH, NO_TRUNK) if last else (BRANCH, TRUNK)
            waiting.append((child, name, f"{rest}{branch}", f"{rest}{trunk}"))


def list_excerpts(node: GraphNode, parent: str) -> list[str]:
    """What an edit takes of another one besides its video: NAME#last-frame."""
    return [taken for taken in node.takes if taken.startswith(f"{parent}#")]


def _label(node: GraphNode, excerpts: Sequence[str]) -> list[Span]:
    name = f"{node.name} ({', '.join(excerpts)})" if excerpts else node.name
    if node.action is Action.KEEP:
        return [Span(name)]
    label = Span(f"{name}  {SYMBOLS[node.action]}", STYLES[node.action])
    return [label, Span(f" {node.reason}")]


def format_dot(graph: Graph) -> str:
    """For Graphviz: `cutlist graph --dot | dot -Tsvg`."""
    lines = [
        "digraph cutlist {",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fillcolor=white];',
    ]
    for node in graph.nodes.values():
        label = f"{node.name}\n{node.output}"
        if node.action is not Action.KEEP:
            label += f"\n{node.action.value}"
        colour = _COLOURS[node.action]
        lines.append(f"  {_quote(node.name)} [label={_quote(label)}, fillcolor={colour}];")
    for node in graph.nodes.values():
        for upstream in node.builds_on:
            excerpts = ", ".join(
                each.removeprefix(upstream) for each in list_excerpts(node, upstream)
            )
            label = f" [label={_quote(excerpts)}]" if excerpts else ""
            lines.append(f"  {_quote(upstream)} -> {_quote(node.name)}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def _quote(text: str) -> str:
    """A DOT string; JSON's escapes of quotes, backslashes and line ends are DOT's."""
    return json.dumps(text, ensure_ascii=False)

"""The graph of edits: which builds on which, with what a plan says of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.desired.job import Desired, Wanted
from reconciler.plan.step import Action, Plan

GRAPH_VERSION = 1


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One edit, and its step; the reason is empty where a plan says nothing of it."""

    name: str
    output: str
    builds_on: tuple[str, ...]  # the names of the edits that it takes something of
    takes: tuple[str, ...]  # what it takes of them: NAME, NAME#last-frame
    action: Action = Action.KEEP
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """Every edit of a project, by its name, in the order of the names."""

    nodes: Mapping[str, GraphNode]

    @property
    def roots(self) -> Sequence[str]:
        """The names of the edits that build on no other."""
        return [name for name, node in self.nodes.items() if not node.builds_on]

    def map_used_by(self) -> Mapping[str, Sequence[str]]:
        """For every edit the names of those that build on it."""
        used_by: dict[str, list[str]] = {name: [] for name in self.nodes}
        for name, node in self.nodes.items():
            for upstream in node.builds_on:
                used_by[upstream].append(name)
        return used_by

    def to_json(self) -> dict[str, object]:
        """The same as plain data."""
        edits = [
            {
                "name": node.name,
                "output": node.output,
                "builds_on": list(node.builds_on),
                "takes": list(node.takes),
                "action": node.action.value,
                "reason": node.reason,
            }
            for node in self.nodes.values()
        ]
        return {"version": GRAPH_VERSION, "edits": edits}


def build_graph(desired: Desired, plan: Plan) -> Graph:
    """The graph of what is asked for, with the steps of a plan of it."""
    steps = {step.name: step for step in plan.steps if step.of_edit}
    nodes = {}
    for name in sorted(desired.edits):
        wanted, step = desired.edits[name], steps.get(name)
        node = GraphNode(name, wanted.edit.output, wanted.upstreams, _list_taken(wanted))
        if step is not None:
            node = replace(node, action=step.action, reason=step.reason)
        nodes[name] = node
    return Graph(nodes)


def _list_taken(wanted: Wanted) -> tuple[str, ...]:
    references = (source.medium.reference for source in wanted.sources)
    return tuple(dict.fromkeys(each.source for each in references if each.kind == "edit"))

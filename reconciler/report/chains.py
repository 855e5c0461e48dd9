"""The steps of a plan with what builds on them: chains in their order, under one another. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.plan.step import Step

_DEEPEST = 6  # further down, lines are not indented any more
BRANCH, LAST_BRANCH, TRUNK, NO_TRUNK = "├─ ", "└─ ", "│  ", "   "


def order_by_chain(steps: Sequence[Step]) -> Iterator[tuple[Step, str, str]]:
    """Each step once, under the edit it builds on, with the lines of the tree before it and before
    what is said of it below.

    One that builds on several stands under the one that comes last in its chain.
    """
    shown = {step.name: step for step in steps}
    below: dict[str, list[Step]] = {}
    roots: list[Step] = []
    deep = _depths(shown)
    for step in steps:
        above = [up for up in step.builds_on if up in shown]
        if above and deep.get(step.name, 0) > 0:
            below.setdefault(max(above, key=lambda up: (deep[up], up)), []).append(step)
        else:
            roots.append(step)
    waiting = [(step, "", "", 0) for step in reversed(roots)]
    while waiting:  # without recursion: chains may be thousands of edits long
        step, lead, rest, depth = waiting.pop()
        yield step, lead, rest
        trunk = rest if depth < _DEEPEST else rest[: -len(TRUNK)]
        for number, child in enumerate(reversed(below.get(step.name, ()))):
            branch, under = (LAST_BRANCH, NO_TRUNK) if number == 0 else (BRANCH, TRUNK)
            waiting.append((child, f"{trunk}{branch}", f"{trunk}{under}", depth + 1))


def _depths(shown: Mapping[str, Step]) -> Mapping[str, int]:
    """How many edits of a chain come before each; 0 also for those of a circle."""
    deep: dict[str, int] = {}
    for name in (name for name in shown if name not in deep):
        path, on_path = [name], {name}
        while path:
            last = path[-1]
            above = [up for up in shown[last].builds_on if up in shown]
            new = [up for up in above if up not in deep and up not in on_path]
            if new:
                path.append(new[0])
                on_path.add(new[0])
                continue
            circle = any(up not in deep for up in above)
            deep[last] = 0 if circle or not above else 1 + max(deep[up] for up in above)
            on_path.discard(path.pop())
    return deep

"""The steps of a plan with what builds on them: chains in their order, under one another. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.plan.step import Action, Plan, Step

_MOST_FOLLOWERS = 5
_DEEPEST = 6  # further down, lines are not indented any more
BRANCH, LAST_BRANCH, TRUNK, NO_TRUNK = "├─ ", "└─ ", "│  ", "   "


def in_chains(steps: Sequence[Step]) -> Iterator[tuple[Step, str, str]]:
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


def followers(plan: Plan) -> Mapping[str, str]:
    """Of every edit that is rendered, in words, which edits wait for it and are rendered after it."""
    below: dict[str, list[str]] = {}
    for step in plan.by_action(Action.WAIT):
        for up in step.builds_on:
            below.setdefault(up, []).append(step.name)
    told = {}
    for step in plan.by_action(Action.RENDER):
        found = _following(step.name, below)
        if found:
            more = " and more" if len(found) > _MOST_FOLLOWERS else ""
            verbs = "builds on it and follows" if len(found) == 1 else "build on it and follow"
            told[step.name] = f"{', '.join(found[:_MOST_FOLLOWERS])}{more} {verbs}"
    return told


def told(plan: Plan, step: Step) -> tuple[str, ...]:
    """The details of a step, and what follows it, for who does not see the chain."""
    follow = followers(plan).get(step.name)
    return (*step.details, *([follow] if follow else []))


def _following(name: str, below: Mapping[str, Sequence[str]]) -> list[str]:
    """The nearest edits below one, one more than are named."""
    found: dict[str, None] = {}
    waiting = [*below.get(name, ())]
    while waiting and len(found) <= _MOST_FOLLOWERS:
        each = waiting.pop(0)
        if each not in found:
            found[each] = None
            waiting += below.get(each, ())[: _MOST_FOLLOWERS + 1]
    return list(found)

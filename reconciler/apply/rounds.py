"""How often a run begins the same thing: nothing without end, whatever options say. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reconciler.apply.outcome import Outcome
from reconciler.errors import CutlistError
from reconciler.plan.step import Action, Step
from reconciler.service.codes import MOST_ROUNDS

_AGAIN_AND_AGAIN = {
    Action.WRITE: (
        "was written {times} times in this run, and each time something changed it again",
        "Find out what else writes there (another program, a folder that is kept in step).",
    ),
    Action.RESUME: (
        "was brought home {times} times in this run, and each time the store lost it again",
        "Look at the disk of the store with `cutlist verify --read-data`.",
    ),
}


class Rounds:
    """Counts by key what is rendered, since edits share keys, and by edit what is only moved."""

    def __init__(self) -> None:
        self._begun: Counter[tuple[Action, str]] = Counter()

    def begin(self, steps: Iterable[Step]) -> None:
        """Note that these are begun now; those of one key are one request."""
        self._begun.update({_what(step) for step in steps})

    def spent(self, step: Step) -> bool:
        """Whether a run has begun this as often as it may."""
        return self._begun[_what(step)] >= MOST_ROUNDS


def _what(step: Step) -> tuple[Action, str]:
    shared = step.action is Action.RENDER and step.key is not None
    return step.action, str(step.key) if shared else step.name


def report_undone(step: Step) -> Outcome:
    """The end of a step that went well as often as a run tries it, and is to be done again."""
    words, way = _AGAIN_AND_AGAIN[step.action]
    what = step.output if step.action is Action.WRITE else f"the video of {step.name}"
    message = f"{what} {words.format(times=MOST_ROUNDS)}."
    return Outcome(step, CutlistError(message, hint=f"{way} Nothing more was paid."))

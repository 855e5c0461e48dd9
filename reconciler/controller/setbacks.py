"""What the service refused or failed, so that a controller does not ask for the same again every
minute.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.apply.outcome import Report
from reconciler.errors import NotReached, ServiceError

LONGEST_S = 3600.0
_GROWTH = 2.0
MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class Setback:
    """One request that did not become a video."""

    edit: str
    tries: int
    next_at: float | None  # seconds since 1970; None: not before a person or a new commit asks
    words: str  # what the service said


class Setbacks:
    """By the key of a request: how often it failed, and when it may be asked for again.

    A changed edit has another key, and so another chance.
    """

    def __init__(self) -> None:
        self._by_key: dict[str, Setback] = {}

    def learn(self, report: Report, now: float, first_wait_s: float) -> None:
        """Take in how an apply ended. What never reached the service is nobody's failure, and what
        no edit asks for any more is forgotten.
        """
        for outcome in report.outcomes.values():
            key, error = outcome.step.key, outcome.error
            if not key:
                continue
            if error is None:
                self._by_key.pop(key, None)
            elif isinstance(error, ServiceError) and not isinstance(error, NotReached):
                before = self._by_key.get(key)
                tries = 1 if before is None else before.tries + 1
                wait_s = min(LONGEST_S, first_wait_s * _GROWTH ** (tries - 1))
                next_at = None if tries >= MOST_TRIES else now + wait_s
                self._by_key[key] = Setback(outcome.step.name, tries, next_at, str(error))
        asked = {step.key for step in report.left.steps}
        self._by_key = {key: back for key, back in self._by_key.items() if key in asked}

    def forget(self) -> None:
        """A person asks for everything again."""
        self._by_key.clear()

    def find_left_alone(self, now: float) -> tuple[str, ...]:
        """The keys that are not asked for at this moment."""
        return tuple(
            sorted(
                key
                for key, setback in self._by_key.items()
                if setback.next_at is None or _is_ahead(setback.next_at, now)
            )
        )

    def find_tried_again(self, now: float) -> frozenset[str]:
        """The edits that are left alone for a while, and need no person."""
        return frozenset(
            back.edit
            for back in self._by_key.values()
            if back.next_at is not None and _is_ahead(back.next_at, now)
        )

    def describe(self, now: float) -> str:
        """The first edit that is left alone, and why; empty where none is."""
        left = sorted(self.find_left_alone(now), key=lambda key: self._by_key[key].edit)
        if not left:
            return ""
        first = self._by_key[left[0]]
        others = f" So it is with {len(left) - 1} more." if len(left) > 1 else ""
        how = (
            "is not asked for again before a person or a commit does"
            if first.next_at is None
            else "is asked for again later"
        )
        return f"{first.edit} {how}, after {first.tries} tries: {first.words}{others}"


def _is_ahead(moment: float, now: float) -> bool:
    """Whether a moment is still to come. One that is further off than any that is ever set was set
    by a clock that was wrong.
    """
    return now < moment <= now + LONGEST_S

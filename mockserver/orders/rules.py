"""Lists of rules, as scenarios and faults have them: read, counted, shown and taken over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from mockserver.fields import Doc, read_all


class CountedRule(Protocol):
    """A rule that remembers how it was written and what it has done so far."""

    document: Doc
    seen: int
    used: int


RuleT = TypeVar("RuleT", bound=CountedRule)


class RuleBook(ABC, Generic[RuleT]):
    """Rules in order. A subclass reads one rule, and says what the rules decide."""

    PLACE = ""  # what its rules are called in messages

    def __init__(self, documents: object) -> None:
        self._initial = documents
        self._rules = self._read(documents)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, documents: object) -> None:
        """Add one rule, or a list of them, behind those that are there.

        Raises BadOrder when one of them cannot be read; then none is added.
        """
        self._rules += self._read(documents)

    def clear(self) -> None:
        """Drop every rule."""
        self._rules = []

    def reset(self) -> None:
        """Go back to the rules that the server was started with, with their counts at 0."""
        self._rules = self._read(self._initial)

    def show(self) -> list[Doc]:
        """Every rule as it was given, with `seen` (what fitted it) and `used` (what it decided)."""
        return [{**rule.document, "seen": rule.seen, "used": rule.used} for rule in self._rules]

    def restore(self, shown: list[Doc]) -> None:
        """Take over rules and their counts as `show` gave them."""
        counts = ("seen", "used")
        rules = self._read(
            [
                {name: value for name, value in document.items() if name not in counts}
                for document in shown
            ]
        )
        for rule, document in zip(rules, shown, strict=True):
            rule.seen, rule.used = document["seen"], document["used"]
        self._rules = rules

    def _read(self, documents: object) -> list[RuleT]:
        return read_all(documents, self._read_rule, self.PLACE)

    @abstractmethod
    def _read_rule(self, document: object, place: str) -> RuleT:
        """Read one rule. Raises BadOrder, naming `place`."""

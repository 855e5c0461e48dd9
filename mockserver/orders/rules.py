"""Reading what a person ordered (scenarios, faults, accounts) from YAML or JSON, with words for
what is wrong.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from mockserver.errors import ServerError

Doc = dict[str, Any]
Entry = TypeVar("Entry")


class BadOrder(ServerError):
    """Something that was ordered cannot be understood; the message says where, what, and what would
    do.
    """


class Fields:
    """The fields of one mapping, taken out one by one; what is left over in the end is an error."""

    def __init__(self, document: object, place: str) -> None:
        if not isinstance(document, Mapping):
            raise BadOrder(f"{place} should be a mapping, not {document!r}")
        self._left, self.place = dict(document), place
        self._known: list[str] = []

    def has(self, name: str) -> bool:
        """Whether a field is there and not null, and was not taken yet."""
        return self._left.get(name) is not None

    def take(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """The value of a field, or its default. Raises BadOrder for a value of another kind."""
        self._known.append(name)
        value = self._left.pop(name, None)
        if value is None:
            return default
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = " or ".join(each.__name__ for each in kinds)
            raise BadOrder(f"{self.place}.{name} should be of type {wanted}, not {value!r}")
        return value

    def number(self, name: str, least: float = 0, default: float | None = None) -> float | None:
        """A number of at least `least`."""
        value: float | None = self.take(name, (int, float), default)
        if value is not None and not least <= value < float("inf"):
            raise BadOrder(f"{self.place}.{name} should be a number from {least:g}, not {value!r}")
        return value

    def count(self, name: str, least: int = 1, default: int | None = None) -> int | None:
        """A whole number of at least `least`."""
        value: int | None = self.take(name, int, default)
        if value is not None and value < least:
            raise BadOrder(
                f"{self.place}.{name} should be a whole number from {least}, not {value!r}"
            )
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One of some words. Without a default it has to be there."""
        value = self.take(name, str, default)
        if value not in choices:
            raise BadOrder(
                f"{self.place}.{name} should be one of {', '.join(choices)}, not {value!r}"
                f"{did_you_mean(value, choices)}"
            )
        return str(value)

    def code(self, default: str) -> str:
        """An error code: any text, since a code that the service will have tomorrow must be
        rehearsable. Raises BadOrder for an empty one.
        """
        value: str = self.take("code", str, default)
        if not value.strip():
            raise BadOrder(f"{self.place}.code is empty; write a code, such as {default}")
        return value

    def numbers(self, name: str) -> tuple[int, ...]:
        """A whole number from 1, or a list of them."""
        value = self.take(name, (int, list), [])
        values = value if isinstance(value, list) else [value]
        if not all(type(each) is int and each >= 1 for each in values):
            raise BadOrder(f"{self.place}.{name} should be whole numbers from 1, not {value!r}")
        return tuple(values)

    def end(self) -> None:
        """Raise BadOrder when the mapping had fields that nobody took."""
        if self._left:
            unknown = sorted(str(name) for name in self._left)
            raise BadOrder(
                f"{self.place} has no field {', '.join(unknown)}; it knows"
                f" {', '.join(self._known)}{did_you_mean(unknown[0], self._known)}"
            )


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """`. Did you mean X?` where a known word is close to the one that was given, else nothing."""
    near = difflib.get_close_matches(str(given), list(known), n=1)
    return f". Did you mean {near[0]}?" if near else ""


def read_all(documents: object, read: Callable[[object, str], Entry], place: str) -> list[Entry]:
    """Each entry of a list by `read`; one mapping counts as a list of one, nothing as an empty
    list.
    """
    entries = documents if isinstance(documents, list) else [] if documents is None else [documents]
    return [read(entry, f"{place}[{i}]") for i, entry in enumerate(entries)]


class Counted(Protocol):
    """A rule that remembers how it was written and what it has done so far."""

    document: Doc
    seen: int
    used: int


Rule = TypeVar("Rule", bound=Counted)


class RuleBook(ABC, Generic[Rule]):
    """Rules in order, as scenarios and faults have them; a subclass reads one rule and says what
    the rules decide.
    """

    PLACE = ""  # what its rules are called in messages

    def __init__(self, documents: object) -> None:
        self._initial = documents
        self._rules = self._read(documents)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, documents: object) -> None:
        """Add rules behind those that are there: one, or a list. Raises BadOrder, and adds none
        then.
        """
        self._rules += self._read(documents)

    def clear(self) -> None:
        """Drop every rule."""
        self._rules = []

    def reset(self) -> None:
        """Back to the rules that the server was started with, uncounted."""
        self._rules = self._read(self._initial)

    def show(self) -> list[Doc]:
        """Every rule as it was given, with `seen` (what fitted it) and `used` (what it decided)."""
        return [{**rule.document, "seen": rule.seen, "used": rule.used} for rule in self._rules]

    def restore(self, shown: list[Doc]) -> None:
        """Take over what `show` gave."""
        rules = self._read(
            [{k: v for k, v in doc.items() if k not in ("seen", "used")} for doc in shown]
        )
        for rule, doc in zip(rules, shown, strict=True):
            rule.seen, rule.used = doc["seen"], doc["used"]
        self._rules = rules

    def _read(self, documents: object) -> list[Rule]:
        return read_all(documents, self._rule, self.PLACE)

    @abstractmethod
    def _rule(self, document: object, place: str) -> Rule:
        """One rule, read. Raises BadOrder, naming `place`."""

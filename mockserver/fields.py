"""Reads what a person wrote in YAML or JSON, field by field, and says what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from mockserver.errors import ServerError

Doc = dict[str, Any]
T = TypeVar("T")


class BadOrder(ServerError):
    """Something that was ordered cannot be understood.

    The message says where it stands, what was given, and what would be right.
    """


class Fields:
    """The fields of one mapping, taken out one by one; a field that nobody takes is an error.

    `place` names the mapping in messages, as in `faults[0]`. Every method that takes a field
    raises BadOrder for a value of another type or out of bounds.
    """

    def __init__(self, document: object, place: str) -> None:
        if not isinstance(document, Mapping):
            raise BadOrder(f"{place} should be a mapping, not {document!r}")
        self._left, self.place = dict(document), place
        self._known: list[str] = []

    def has(self, name: str) -> bool:
        """Whether a field is there and not null, and was not taken yet."""
        return self._left.get(name) is not None

    def take(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """Take the value of a field, or its default. A bool counts as a number only if asked."""
        self._known.append(name)
        value = self._left.pop(name, None)
        if value is None:
            return default
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            types = " or ".join(kind.__name__ for kind in kinds)
            raise BadOrder(f"{self.place}.{name} should be of type {types}, not {value!r}")
        return value

    def take_number(
        self, name: str, least: float = 0, default: float | None = None
    ) -> float | None:
        """Take a finite number of at least `least`."""
        value: float | None = self.take(name, (int, float), default)
        if value is not None and not least <= value < float("inf"):
            raise BadOrder(f"{self.place}.{name} should be a number from {least:g}, not {value!r}")
        return value

    def take_count(self, name: str, least: int = 1, default: int | None = None) -> int | None:
        """Take a whole number of at least `least`."""
        value: int | None = self.take(name, int, default)
        if value is not None and value < least:
            raise BadOrder(
                f"{self.place}.{name} should be a whole number from {least}, not {value!r}"
            )
        return value

    def take_choice(self, name: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """Take one of some words. Without a default the field has to be there."""
        value = self.take(name, str, default)
        if value not in choices:
            raise BadOrder(
                f"{self.place}.{name} should be one of {', '.join(choices)}, not {value!r}"
                f"{suggest(value, choices)}"
            )
        return str(value)

    def take_code(self, default: str) -> str:
        """Take the field `code`, an error code: any text that is not blank.

        Codes that are not known pass, since one that the service gets tomorrow must be
        rehearsable today.
        """
        value: str = self.take("code", str, default)
        if not value.strip():
            raise BadOrder(f"{self.place}.code is empty; write a code, such as {default}")
        return value

    def take_numbers(self, name: str) -> tuple[int, ...]:
        """Take a whole number from 1, or a list of them."""
        value = self.take(name, (int, list), [])
        numbers = value if isinstance(value, list) else [value]
        if not all(type(number) is int and number >= 1 for number in numbers):
            raise BadOrder(f"{self.place}.{name} should be whole numbers from 1, not {value!r}")
        return tuple(numbers)

    def end(self) -> None:
        """Raise BadOrder when the mapping has fields that nobody took."""
        if self._left:
            unknown = sorted(str(name) for name in self._left)
            raise BadOrder(
                f"{self.place} has no field {', '.join(unknown)}; it knows"
                f" {', '.join(self._known)}{suggest(unknown[0], self._known)}"
            )


def suggest(given: object, known: Iterable[str]) -> str:
    """Give `. Did you mean X?` where a known word is close to the given one, else nothing."""
    near = difflib.get_close_matches(str(given), list(known), n=1)
    return f". Did you mean {near[0]}?" if near else ""


def read_all(documents: object, read: Callable[[object, str], T], place: str) -> list[T]:
    """Read every item of a list with `read`, which gets the item and its place.

    One mapping counts as a list of one, and None as an empty list.
    """
    if documents is None:
        return []
    items = documents if isinstance(documents, list) else [documents]
    return [read(item, f"{place}[{i}]") for i, item in enumerate(items)]

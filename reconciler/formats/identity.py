"""Remembers what was made of an object, as long as it is that very object. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

A = TypeVar("A")
R = TypeVar("R")


class _Same:
    """An object that is the same as another one only if it is that one."""

    __slots__ = ("itself",)

    def __init__(self, itself: Any) -> None:
        self.itself = itself

    def __hash__(self) -> int:
        return id(self.itself)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.itself is self.itself


def cache_by_identity(most: int) -> Callable[[Callable[[A], R]], Callable[[A], R]]:
    """As functools.lru_cache, for a function of one object that nobody changes from then on and
    that may not be hashable. `most` are held at once.
    """

    def decorate(function: Callable[[A], R]) -> Callable[[A], R]:
        known = lru_cache(most)(lambda same: function(same.itself))

        @wraps(function)
        def ask(itself: A) -> R:
            return known(_Same(itself))

        return ask

    return decorate

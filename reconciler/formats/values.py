"""Dataclasses that are made by the ten thousand.

The type checker keeps them from being changed, and nothing does at run time: a frozen dataclass
takes eight times as long to make, since every field goes by `object.__setattr__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool):
        """As dataclasses.dataclass, with `frozen` left to the type checker."""
        assert frozen
        return dataclass(slots=slots, unsafe_hash=True)


__all__ = ["value"]

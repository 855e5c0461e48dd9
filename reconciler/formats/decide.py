"""Decides whether data keeps a JSON Schema: fast, and without a word of what is wrong. Pure.

`schema.py` words the faults. It asks here first, since nearly everything that is checked is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_MOST_SCHEMAS = 16  # that are kept compiled: more than one process needs


def keeps_schema(data: Any, rules: Mapping[str, Any]) -> bool:
    """Whether `data` certainly keeps the schema `rules`, which nobody changes from then on.

    False says only that somebody else has to look: also where the fast library is not installed,
    or does not take such data or such a schema.
    """
    decide = _compile(_Schema(rules))
    try:
        return decide is not None and decide(data)
    except ValueError:  # a key that is no text
        return False


@dataclass(frozen=True, slots=True, eq=False)
class _Schema:
    """A schema that is the same as another one only if it is that one."""

    rules: Mapping[str, Any]

    def __hash__(self) -> int:
        return id(self.rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Schema) and other.rules is self.rules


@lru_cache(_MOST_SCHEMAS)
def _compile(schema: _Schema) -> Callable[[Any], bool] | None:
    try:
        import jsonschema_rs  # lazy: start-up time
    except ImportError:
        return None
    try:
        rules = dict(schema.rules)
        return jsonschema_rs.Draft202012Validator(rules, retriever=_refuse).is_valid
    except ValueError:
        return None


def _refuse(address: str) -> Any:
    """A schema names no other one that would have to be fetched."""
    raise LookupError(address)

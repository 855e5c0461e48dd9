"""Decides whether data keeps a JSON Schema: fast, and without a word of what is wrong. Pure.

`schema.py` words the faults. It asks here first, since nearly everything that is checked is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.formats.identity import cache_by_identity

_MOST_SCHEMAS = 16  # that are kept compiled: more than one process needs


def keeps_schema(data: Any, rules: Mapping[str, Any]) -> bool:
    """Whether `data` certainly keeps the schema `rules`, which nobody changes from then on.

    False says only that somebody else has to look: also where the fast library is not installed,
    or does not take such data or such a schema.
    """
    decide = _compile(rules)
    try:
        return decide is not None and decide(data)
    except ValueError:  # a key that is no text
        return False


@cache_by_identity(_MOST_SCHEMAS)
def _compile(rules: Mapping[str, Any]) -> Callable[[Any], bool] | None:
    try:
        import jsonschema_rs  # lazy: start-up time
    except ImportError:
        return None
    try:
        return jsonschema_rs.Draft202012Validator(dict(rules), retriever=_refuse).is_valid
    except ValueError:
        return None


def _refuse(address: str) -> Any:
    """A schema names no other one that would have to be fetched."""
    raise LookupError(address)

"""Reads JSON files that we wrote and that anybody may have damaged since. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, TypeVar, get_origin, get_type_hints

T = TypeVar("T")


def parse_json(raw: bytes | str) -> Any:
    """JSON as data. Raises ValueError for text that is not JSON or nested too deep."""
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deep") from None


def build_record(kind: type[T], data: object) -> T:
    """Build a dataclass from plain data.

    Raises ValueError when a field is missing, unknown, or of another type.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{type(data).__name__} where an object is wanted")
    known, needed = _read_fields(kind)  # type: ignore[arg-type]  # every class is hashable
    if not needed <= data.keys() <= known.keys():
        raise ValueError("other fields than it should have")
    for name, value in data.items():
        if not isinstance(value, known[name]) or (
            isinstance(value, bool) and bool not in known[name]
        ):
            raise ValueError(f"{name} is {type(value).__name__}")
    return kind(**data)


@cache
def _read_fields(kind: Any) -> tuple[Mapping[str, tuple[type, ...]], frozenset[str]]:
    """The types that each field takes, and the names of those that have no default."""
    types = {name: get_origin(hint) or hint for name, hint in get_type_hints(kind).items()}
    known = {name: (int, float) if type_ is float else (type_,) for name, type_ in types.items()}
    return known, frozenset(field.name for field in fields(kind) if field.default is MISSING)

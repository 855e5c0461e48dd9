"""Reads JSON files that we wrote and that anybody may have damaged since. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache, lru_cache
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
    _check_types(kind, tuple(data), tuple(map(type, data.values())))  # type: ignore[arg-type]
    return kind(**data)


@lru_cache(maxsize=64)  # of many records nearly all are alike
def _check_types(kind: Any, names: tuple[str, ...], types: tuple[type, ...]) -> None:
    """Raises ValueError where a record of `kind` has no such fields of such types."""
    known, needed = _read_fields(kind)
    if not needed <= set(names) <= known.keys():
        raise ValueError("other fields than it should have")
    for name, given in zip(names, types, strict=True):
        if not issubclass(given, known[name]) or (given is bool and bool not in known[name]):
            raise ValueError(f"{name} is {given.__name__}")


@cache
def _read_fields(kind: Any) -> tuple[Mapping[str, tuple[type, ...]], frozenset[str]]:
    """The types that each field takes, and the names of those that have no default."""
    types = {name: get_origin(hint) or hint for name, hint in get_type_hints(kind).items()}
    known = {name: (int, float) if type_ is float else (type_,) for name, type_ in types.items()}
    return known, frozenset(field.name for field in fields(kind) if field.default is MISSING)

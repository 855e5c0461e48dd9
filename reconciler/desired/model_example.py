"""Makes an example manifest of a model from what its file says of each field. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.service.models import Model, Variant

_SUFFIXES = {"jpeg": "jpg"}
_MOST_ITEMS = 20  # of a list; a model file may ask for more, and an example shows no more
_NO_NAME = re.compile(r"[^a-z0-9.-]+")


def build_example(model: Model, variant: Variant) -> dict[str, Any]:
    """A manifest as small as it can be, with every field that the service requires, one of those of
    which it wants at least one, those whose absence is warned of, the field that sets the price,
    and the first of which the file has an example. Its media are relative paths.
    """
    name = "-".join(filter(None, (model.model, variant.function, "example")))
    spec: dict[str, Any] = {
        "model": model.model if model.model in model.names else next(iter(model.names)),
        "input": _build_section(model, variant, "input", {}),
    }
    parameters = _build_section(model, variant, "parameters", spec["input"])
    return {
        "apiVersion": "cutlist/v1",
        "kind": "Edit",
        "metadata": {"name": _NO_NAME.sub("-", name.lower())[-100:].strip("-.")},
        "spec": spec | ({"parameters": parameters} if parameters else {}),
    }


def _build_section(
    model: Model, variant: Variant, section: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """`input` or `parameters`; `given` is the input that parameters go with."""
    schema = variant.section(section)
    wanted = set(schema.get("required", ()))
    for note in ("x-exactly-one", "x-at-least-one"):
        wanted.update(schema.get(note, ())[:1])
    wanted.update(_list_exemplified(schema)[:1])
    tier = model.billing_tier
    return {
        name: _choose_value(model, name, field, given)
        for name, field in schema["properties"].items()
        if name in wanted or "x-warn-absent" in field or f"{section}.{name}" == tier
    }


def _list_exemplified(schema: Mapping[str, Any]) -> list[str]:
    """Fields for which the model's file has an example."""
    return [name for name, field in schema["properties"].items() if field.get("examples")]


def _choose_value(
    model: Model, name: str, field: Mapping[str, Any], given: Mapping[str, Any]
) -> Any:
    """What stands in a field: what its file gives as an example, or the first that is legal."""
    for source in ("const", "default"):
        if source in field:
            return field[source]
    if field.get("examples"):
        return field["examples"][0]
    if "enum" in field:
        return field["enum"][0]
    if "x-media" in field:
        return _write_path(model, name, field["x-media"])
    match field.get("type"):
        case "array":
            return _choose_items(model, name, field, given)
        case "object":
            parts = field.get("properties", {})
            required = (part for part in field.get("required", ()) if part in parts)
            return {part: _choose_value(model, part, parts[part], given) for part in required}
        case "integer" | "number":
            return field.get("minimum", 0)
        case "boolean":
            return True
    return "text"


def _choose_items(
    model: Model, name: str, field: Mapping[str, Any], given: Mapping[str, Any]
) -> list[Any]:
    items = field.get("items", {})
    for part, rule in items.get("properties", {}).items():
        if "x-media-by" in rule:
            by = rule["x-media-by"]
            roles = _list_roles(field, items["properties"][by]["enum"])
            return [{by: role, part: _write_path(model, role, role)} for role in roles]
    partner = given.get(field.get("x-same-length-as", "").rpartition(".")[2], ())
    count = len(partner) or field.get("minItems", 1)
    most = 1 if items.get("type") in ("array", "object") else _MOST_ITEMS  # lists of lists multiply
    return [_choose_value(model, name, items, given) for _ in range(min(count, most))]


def _list_roles(field: Mapping[str, Any], known: Sequence[str]) -> list[str]:
    """The types of media that must be there; where none must, the first one."""
    counts: Mapping[str, Sequence[int]] = field.get("x-counts", {})
    needed = [
        role for role, (least, _most) in counts.items() for _ in range(min(least, _MOST_ITEMS))
    ]
    return needed[:_MOST_ITEMS] or list(known[:1])


def _write_path(model: Model, name: str, limits: str) -> str:
    form = model.media[limits].formats[0]
    return f"./media/{name.removesuffix('_url')}.{_SUFFIXES.get(form, form)}"

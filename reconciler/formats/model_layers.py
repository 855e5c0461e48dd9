"""One model file laid over another: what `extends` means (docs/models.md). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

OWN_FIELDS = ("model", "title", "names", "extends")  # never taken from the model that is extended


def lay_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What `own` says of a model, over what `base` says of the one that it extends.

    Mappings are merged (a null takes away), lists and all else replace. Variants are matched by
    their function: those that `own` does not name stay, new ones come last.
    """
    common = {name: value for name, value in base.items() if name not in OWN_FIELDS}
    rest = {name: value for name, value in own.items() if name not in ("extends", "variants")}
    merged = _merge(common, rest)
    if isinstance(own.get("variants"), list):
        merged["variants"] = _merge_variants(base["variants"], own["variants"])
    return merged


def find_pointer(at: str, merged: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """Where in the model that came of a file stands what has the pointer `at` in the file."""
    parts = at.split("/")
    if parts[1:2] != ["variants"] or len(parts) < 3 or not isinstance(own["variants"], list):
        return at
    variant = own["variants"][int(parts[2])]
    function = variant.get("function") if isinstance(variant, Mapping) else None
    number = _find_number(merged["variants"], function)
    return at if number is None else "/".join(["", "variants", str(number), *parts[3:]])


def _merge(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """JSON merge patch (RFC 7396)."""
    merged = dict(base)
    for name, value in own.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            below = merged.get(name)
            merged[name] = _merge(below if isinstance(below, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def _merge_variants(
    base: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    functions = [variant.get("function") for variant in base]
    merged = [_lay_variant(variant, own) for variant in base]
    return [*merged, *(each for each in own if each.get("function") not in functions)]


def _lay_variant(base: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    number = _find_number(own, base.get("function"))
    if number is None:
        return base
    said = {name: value for name, value in own[number].items() if name != "function"}
    return _merge(base, said)


def _find_number(variants: Sequence[Any], function: object) -> int | None:
    numbers: Iterator[int] = (
        number
        for number, variant in enumerate(variants)
        if isinstance(variant, Mapping) and variant.get("function") == function
    )
    return next(numbers, None)

"""Which fields of a request the service refuses, in the words of its own checks.

The rules are the model files' JSON Schemas. Unknown keys and null values pass, as the vendor's own
clients send both. When the refusal comes is the caller's matter: `service` mode fails the task,
`strict` answers 400.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mockserver.catalogue import Doc, Model, Variant
from mockserver.errors import Fault

MODES = ("service", "strict")

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a valid string"),
    "integer": ((int,), "a valid integer"),
    "number": ((int, float), "a valid number"),
    "boolean": ((bool,), "a valid boolean"),
    "array": ((list,), "a valid list"),
    "object": ((dict,), "a valid dictionary"),
}


def without_nulls(value: Any) -> Any:
    """A null field is an absent field: the vendor's SDK sends null for what is unset."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def check(model: Model, request: Doc) -> tuple[Variant | None, list[Fault]]:
    """The variant that a request (without nulls) asks for, and what is wrong with its fields."""
    inputs, parameters = request.get("input"), request.get("parameters", {})
    if inputs is None:
        return None, [_invalid("Field required: input")]
    wrong = [
        name
        for name, value in (("input", inputs), ("parameters", parameters))
        if not isinstance(value, dict)
    ]
    if wrong:
        return None, [_invalid(f"Input should be a valid dictionary: {name}") for name in wrong]
    variant = model.variant(inputs.get("function"))
    if variant is None:
        functions = [v.function for v in model.variants]
        given = "function" in inputs
        return None, [
            _invalid(
                _one_of(functions, "input.function") if given else "Field required: input.function"
            )
        ]
    messages = [
        *_object(inputs, variant.input, "input"),
        *_notes(inputs, variant.input, "input"),
        *_object(parameters, variant.parameters, "parameters"),
        *_notes(parameters, variant.parameters, "parameters"),
        *_lengths(request, variant),
    ]
    return variant, [_invalid(message) for message in messages]


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameter", message)


def _value(value: Any, schema: Doc, place: str) -> Iterator[str]:
    if not _is(schema["type"], value):
        yield f"Input should be {_TYPES[schema['type']][1]}: {place}"
    elif "enum" in schema and value not in schema["enum"]:
        size = place.endswith(".size")
        yield f"The size is not match {value}" if size else _one_of(_default_first(schema), place)
    elif "anyOf" in schema:
        yield from _ranges(value, schema["anyOf"], place)
    elif schema["type"] in ("integer", "number"):
        yield from _bounds(value, schema, place)
    elif isinstance(value, str) and len(value) < schema.get("minLength", 0):
        yield f"String should have at least {schema['minLength']} character: {place}"
    elif isinstance(value, list):
        yield from _list(value, schema, place)
    elif isinstance(value, dict):
        yield from _object(value, schema, place)


def _is(name: str, value: Any) -> bool:
    return isinstance(value, _TYPES[name][0]) and (name == "boolean" or not isinstance(value, bool))


def _object(value: Doc, schema: Doc, place: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"Field required: {place}.{name}"
    for name, field in schema["properties"].items():
        if name in value and "const" not in field:
            yield from _value(value[name], field, f"{place}.{name}")


def _list(value: list[Any], schema: Doc, place: str) -> Iterator[str]:
    """The length has no upper check: of more references than it takes, VACE uses the first ones
    (the guide).
    """
    least = schema.get("minItems", 0)
    if len(value) < least:
        yield f"List should have at least {least} item after validation, not {len(value)}: {place}"
    for i, item in enumerate(value):
        yield from _value(item, schema["items"], f"{place}.{i}")
    if len(value) >= least and all(isinstance(item, dict) for item in value):
        for kind, (low, high) in schema.get("x-counts", {}).items():
            count = sum(item.get("type") == kind for item in value)
            if not low <= count <= high:
                wanted = str(low) if low == high else f"{low} to {high}"
                yield f"{place} should have {wanted} of type {kind}, not {count}"
    for item, most in schema.get("x-at-most", {}).items():
        if value.count(item) > most:
            yield f"{place} should have at most {most} {item}"


def _bounds(value: float, schema: Doc, place: str) -> Iterator[str]:
    if "minimum" in schema and value < schema["minimum"]:
        yield f"Input should be greater than or equal to {schema['minimum']:g}: {place}"
    elif "maximum" in schema and value > schema["maximum"]:
        yield f"Input should be less than or equal to {int(schema['maximum'])}: {place}"


def _ranges(value: float, choices: list[Doc], place: str) -> Iterator[str]:
    for choice in choices:
        if value == choice.get("const") or (
            "minimum" in choice and choice["minimum"] <= value <= choice["maximum"]
        ):
            return
    field = place.rpartition(".")[2].capitalize()
    span = next(choice for choice in choices if "minimum" in choice)
    yield f"{field} should be between {span['minimum']} and {span['maximum']}"


def _notes(value: Doc, schema: Doc, place: str) -> Iterator[str]:
    one, some = schema.get("x-exactly-one", ()), schema.get("x-at-least-one", ())
    given = [name for name in one if name in value]
    if one and len(given) > 1:
        yield f"Only one of {' and '.join(one)} is allowed: {place}"
    for names in (one, some):
        if names and not any(name in value for name in names):
            yield f"Field required: {' or '.join(f'{place}.{name}' for name in names)}"


def _lengths(request: Doc, variant: Variant) -> Iterator[str]:
    for name, other in variant.paired:
        mine, theirs = request.get("parameters", {}).get(name), request["input"].get(other)
        if isinstance(mine, list) and isinstance(theirs, list) and len(mine) != len(theirs):
            yield f"{other} and {name} must be the same length."


def _default_first(schema: Doc) -> list[Any]:
    """Measured answers name the default before the others: "'1080P' or '720P'"."""
    return sorted(schema["enum"], key=lambda item: item != schema.get("default"))


def _one_of(values: list[Any], place: str) -> str:
    quoted = [repr(value) for value in values]
    return (
        f"Input should be {' or '.join(filter(None, (', '.join(quoted[:-1]), quoted[-1])))}:"
        f" {place}"
    )

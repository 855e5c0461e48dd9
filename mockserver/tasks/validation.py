"""Which fields of a request the service refuses, in the words of its own checks.

The rules are the model files' JSON Schemas. Unknown keys and null values pass, as the vendor's own
clients send both. When the refusal comes is the caller's matter: `service` mode fails the task,
`strict` answers 400.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mockserver.catalogue import Doc, Model, Variant
from mockserver.errors import Failure

MODES = ("service", "strict")

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a valid string"),
    "integer": ((int,), "a valid integer"),
    "number": ((int, float), "a valid number"),
    "boolean": ((bool,), "a valid boolean"),
    "array": ((list,), "a valid list"),
    "object": ((dict,), "a valid dictionary"),
}


def check_request(model: Model, request: Doc) -> tuple[Variant | None, list[Failure]]:
    """The variant that a request (without nulls) asks for, and what is wrong with its fields."""
    inputs, parameters = request.get("input"), request.get("parameters", {})
    if inputs is None:
        return None, [_build_failure("Field required: input")]
    wrong = [
        name
        for name, value in (("input", inputs), ("parameters", parameters))
        if not isinstance(value, dict)
    ]
    if wrong:
        return None, [
            _build_failure(f"Input should be a valid dictionary: {name}") for name in wrong
        ]
    variant = model.find_variant(inputs.get("function"))
    if variant is None:
        message = "Field required: input.function"
        if "function" in inputs:
            functions = [variant.function for variant in model.variants]
            message = _name_choices(functions, "input.function")
        return None, [_build_failure(message)]
    messages = [
        *_check_object(inputs, variant.input, "input"),
        *_check_alternatives(inputs, variant.input, "input"),
        *_check_object(parameters, variant.parameters, "parameters"),
        *_check_alternatives(parameters, variant.parameters, "parameters"),
        *_check_paired_lists(request, variant),
    ]
    return variant, [_build_failure(message) for message in messages]


def join_failures(failures: list[Failure]) -> Failure:
    """Several failures as the service tells them.

    It has the first one's code, and the messages of that code joined by " & ".
    """
    code = failures[0].code
    messages = [failure.message for failure in failures if failure.code == code]
    return Failure(code, " & ".join(messages))


def _build_failure(message: str) -> Failure:
    return Failure("InvalidParameter", message)


# Each check yields the messages of what is wrong with the value at a place.


def _check_value(value: Any, schema: Doc, place: str) -> Iterator[str]:
    if not _is_of_type(schema["type"], value):
        yield f"Input should be {_TYPES[schema['type']][1]}: {place}"
    elif "enum" in schema and value not in schema["enum"]:
        if place.endswith(".size"):
            yield f"The size is not match {value}"
        else:
            yield _name_choices(_sort_default_first(schema), place)
    elif "anyOf" in schema:
        yield from _check_ranges(value, schema["anyOf"], place)
    elif schema["type"] in ("integer", "number"):
        yield from _check_bounds(value, schema, place)
    elif isinstance(value, str) and len(value) < schema.get("minLength", 0):
        yield f"String should have at least {schema['minLength']} character: {place}"
    elif isinstance(value, list):
        yield from _check_list(value, schema, place)
    elif isinstance(value, dict):
        yield from _check_object(value, schema, place)


def _is_of_type(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name][0])


def _check_object(value: Doc, schema: Doc, place: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"Field required: {place}.{name}"
    for name, field in schema["properties"].items():
        if name in value and "const" not in field:
            yield from _check_value(value[name], field, f"{place}.{name}")


def _check_list(value: list[Any], schema: Doc, place: str) -> Iterator[str]:
    """The length has no upper check.

    Of more references than it takes, VACE uses the first ones (the guide).
    """
    least = schema.get("minItems", 0)
    if len(value) < least:
        yield f"List should have at least {least} item after validation, not {len(value)}: {place}"
    for i, item in enumerate(value):
        yield from _check_value(item, schema["items"], f"{place}.{i}")
    if len(value) >= least and all(isinstance(item, dict) for item in value):
        for kind, (low, high) in schema.get("x-counts", {}).items():
            count = sum(item.get("type") == kind for item in value)
            if not low <= count <= high:
                expected = str(low) if low == high else f"{low} to {high}"
                yield f"{place} should have {expected} of type {kind}, not {count}"
    for item, most in schema.get("x-at-most", {}).items():
        if value.count(item) > most:
            yield f"{place} should have at most {most} {item}"


def _check_bounds(value: float, schema: Doc, place: str) -> Iterator[str]:
    if "minimum" in schema and value < schema["minimum"]:
        yield f"Input should be greater than or equal to {schema['minimum']:g}: {place}"
    elif "maximum" in schema and value > schema["maximum"]:
        yield f"Input should be less than or equal to {int(schema['maximum'])}: {place}"


def _check_ranges(value: float, choices: list[Doc], place: str) -> Iterator[str]:
    for choice in choices:
        if value == choice.get("const") or (
            "minimum" in choice and choice["minimum"] <= value <= choice["maximum"]
        ):
            return
    field = place.rpartition(".")[2].capitalize()
    span = next(choice for choice in choices if "minimum" in choice)
    yield f"{field} should be between {span['minimum']} and {span['maximum']}"


def _check_alternatives(value: Doc, schema: Doc, place: str) -> Iterator[str]:
    """Fields of which exactly one, or at least one, has to be there."""
    exclusive, needed = schema.get("x-exactly-one", ()), schema.get("x-at-least-one", ())
    present = [name for name in exclusive if name in value]
    if len(present) > 1:
        yield f"Only one of {' and '.join(exclusive)} is allowed: {place}"
    for names in (exclusive, needed):
        if names and not any(name in value for name in names):
            yield f"Field required: {' or '.join(f'{place}.{name}' for name in names)}"


def _check_paired_lists(request: Doc, variant: Variant) -> Iterator[str]:
    parameters, inputs = request.get("parameters", {}), request["input"]
    for name, field in variant.paired_lists:
        values, others = parameters.get(name), inputs.get(field)
        if isinstance(values, list) and isinstance(others, list) and len(values) != len(others):
            yield f"{field} and {name} must be the same length."


def _sort_default_first(schema: Doc) -> list[Any]:
    """The choices as measured answers name them, the default first: "'1080P' or '720P'"."""
    return sorted(schema["enum"], key=lambda item: item != schema.get("default"))


def _name_choices(values: list[Any], place: str) -> str:
    quoted = [repr(value) for value in values]
    words = [", ".join(quoted[:-1]), quoted[-1]]
    return f"Input should be {' or '.join(filter(None, words))}: {place}"

"""Which fields of a request the service refuses, in the words of its own checks.

The rules are the model files' JSON Schemas; each is made into a function when it is first needed,
since reading a schema takes longer than checking by it. Unknown keys and null values pass, as the
vendor's own clients send both. When the refusal comes is the caller's matter: `service` mode fails
the task, `strict` answers 400.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from mockserver.catalogue import Doc, Model, Variant
from mockserver.errors import Failure
from mockserver.media.references import list_references

# Gives the messages of what is wrong with a value at a place.
Check = Callable[[Any, str], Iterable[str]]

# JSON has no other types than these; a boolean is no number.
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
    if not isinstance(inputs, dict) or not isinstance(parameters, dict):
        return None, _name_missing_objects(inputs, parameters)
    variant = model.find_variant(inputs.get("function"))
    if variant is None:
        message = "Field required: input.function"
        if "function" in inputs:
            functions = [variant.function for variant in model.variants]
            message = _name_choices(functions, "input.function")
        return None, [_build_failure(message)]
    check_input, check_parameters = _build_checks(variant)
    messages = [*check_input(inputs, "input"), *check_parameters(parameters, "parameters")]
    if variant.paired_lists:
        messages += _check_paired_lists(inputs, parameters, variant)
    if variant.maxima_by_role and not messages:
        messages += _check_maxima_by_role(inputs, parameters, variant)
    return variant, [_build_failure(message) for message in messages]


def _name_missing_objects(inputs: Any, parameters: Any) -> list[Failure]:
    """What is wrong when `input` or `parameters` is no object."""
    if inputs is None:
        return [_build_failure("Field required: input")]
    wrong = [
        name
        for name, value in (("input", inputs), ("parameters", parameters))
        if not isinstance(value, dict)
    ]
    return [_build_failure(f"Input should be a valid dictionary: {name}") for name in wrong]


def join_failures(failures: list[Failure]) -> Failure:
    """Several failures as the service tells them.

    It has the first one's code, and the messages of that code joined by " & ".
    """
    code = failures[0].code
    messages = [failure.message for failure in failures if failure.code == code]
    return Failure(code, " & ".join(messages))


def _build_failure(message: str) -> Failure:
    return Failure("InvalidParameter", message)


# ---- functions made of schemas


@functools.cache
def _build_checks(variant: Variant) -> tuple[Check, Check]:
    """The checks of a variant's `input` and of its `parameters`."""
    return _build_top_check(variant.input), _build_top_check(variant.parameters)


def _build_top_check(schema: Doc) -> Check:
    """The check of an object's fields, and of those of which not all have to be there."""
    check_fields = _build_object_check(schema)
    exclusive, needed = schema.get("x-exactly-one", ()), schema.get("x-at-least-one", ())
    if not exclusive and not needed:
        return check_fields

    def check(value: Doc, place: str) -> Iterable[str]:
        alternatives = _check_alternatives(value, exclusive, needed, place)
        return [*check_fields(value, place), *alternatives]

    return check


def _build_check(schema: Doc) -> Check:
    """The check of a value by its schema: its type, its choices, and what else its type has."""
    types, words = _TYPES[schema["type"]]
    choices = schema.get("enum")
    check_further = _build_further_check(schema)

    def check(value: Any, place: str) -> Iterable[str]:
        if type(value) not in types:
            return (f"Input should be {words}: {place}",)
        if choices is not None and value not in choices:
            return (_name_wrong_choice(value, schema, place),)
        return check_further(value, place) if check_further is not None else ()

    return check


def _build_further_check(schema: Doc) -> Check | None:
    """The check of a value that has the right type; None when every such value is right."""
    if "anyOf" in schema:
        return functools.partial(_check_ranges, schema["anyOf"])
    match schema["type"]:
        case "integer" | "number" if "minimum" in schema or "maximum" in schema:
            return functools.partial(_check_bounds, schema)
        case "string" if "minLength" in schema:
            return functools.partial(_check_length, schema["minLength"])
        case "array":
            return _build_list_check(schema)
        case "object":
            return _build_object_check(schema)
    return None


def _list_settled_types(schema: Doc) -> tuple[type, ...]:
    """The types of which every value is right."""
    if "enum" in schema or _build_further_check(schema) is not None:
        return ()
    return _TYPES[schema["type"]][0]


def _build_object_check(schema: Doc) -> Check:
    required = tuple(schema.get("required", ()))
    fields = [
        (name, _list_settled_types(field), _build_check(field))
        for name, field in schema["properties"].items()
        if "const" not in field
    ]

    def check(value: Doc, place: str) -> Iterable[str]:
        messages: list[str] = []
        for name in required:
            if name not in value:
                messages.append(f"Field required: {place}.{name}")
        for name, settled, check_field in fields:
            if name in value and type(value[name]) not in settled:
                messages += check_field(value[name], f"{place}.{name}")
        return messages

    return check


def _build_list_check(schema: Doc) -> Check:
    """The length has no upper check.

    Of more references than it takes, VACE uses the first ones (the guide).
    """
    least = schema.get("minItems", 0)
    counts, limits = schema.get("x-counts", {}), schema.get("x-at-most", {})
    combinations = [set(each) for each in schema.get("x-combinations", ())]
    sums = schema.get("x-counts-together", ())
    check_item = _build_check(schema["items"])

    def check(value: list[Any], place: str) -> Iterable[str]:
        messages: list[str] = []
        if len(value) < least:
            words = f"List should have at least {least} item after validation, not {len(value)}"
            messages.append(f"{words}: {place}")
        for i, item in enumerate(value):
            messages += check_item(item, f"{place}.{i}")
        if counts and len(value) >= least:
            messages += _check_counts(counts, value, place)
        if (combinations or sums) and value and not messages:
            messages += _check_roles(combinations, sums, value, place)
        for item, most in limits.items():
            if value.count(item) > most:
                messages.append(f"{place} should have at most {most} {item}")
        return messages

    return check


# ---- checks that are the same for every schema


def _check_counts(counts: Doc, value: list[Any], place: str) -> Iterable[str]:
    """How many items there may be of each type; nothing is said of a list with other items."""
    messages: list[str] = []
    kinds = [item.get("type") for item in value if isinstance(item, dict)]
    if len(kinds) < len(value):
        return messages
    for kind, (low, high) in counts.items():
        count = kinds.count(kind)
        if not low <= count <= high:
            expected = str(low) if low == high else f"{low} to {high}"
            messages.append(f"{place} should have {expected} of type {kind}, not {count}")
    return messages


def _check_roles(
    combinations: list[set[str]], sums: list[Doc], value: list[Doc], place: str
) -> Iterable[str]:
    """Which types may stand together, and how many of some of them taken together."""
    types = [item["type"] for item in value]
    if combinations and set(types) not in combinations:
        yield f"{place}: the combination of {', '.join(dict.fromkeys(types))} is not supported"
    for rule in sums:
        low, high = rule["count"]
        count = sum(each in rule["types"] for each in types)
        if not low <= count <= high:
            names = " and ".join(rule["types"])
            yield f"{place} should have {low} to {high} of {names}, not {count}"


def _check_maxima_by_role(inputs: Doc, parameters: Doc, variant: Variant) -> Iterable[str]:
    roles = {reference.role for reference in list_references(variant, inputs)}
    for name, maxima in variant.maxima_by_role:
        for role, most in maxima.items():
            if role in roles and parameters.get(name, 0) > most:
                yield f"Input should be less than or equal to {most}: parameters.{name}"


def _check_length(least: int, value: str, place: str) -> Iterable[str]:
    if len(value) >= least:
        return ()
    return (f"String should have at least {least} character: {place}",)


def _check_bounds(schema: Doc, value: float, place: str) -> Iterable[str]:
    if "minimum" in schema and value < schema["minimum"]:
        return (f"Input should be greater than or equal to {schema['minimum']:g}: {place}",)
    if "maximum" in schema and value > schema["maximum"]:
        return (f"Input should be less than or equal to {int(schema['maximum'])}: {place}",)
    return ()


def _check_ranges(choices: list[Doc], value: float, place: str) -> Iterable[str]:
    for choice in choices:
        if value == choice.get("const") or (
            "minimum" in choice and choice["minimum"] <= value <= choice["maximum"]
        ):
            return ()
    field = place.rpartition(".")[2].capitalize()
    span = next(choice for choice in choices if "minimum" in choice)
    return (f"{field} should be between {span['minimum']} and {span['maximum']}",)


def _check_alternatives(
    value: Doc, exclusive: list[str], needed: list[str], place: str
) -> Iterable[str]:
    """Fields of which exactly one, or at least one, has to be there."""
    present = [name for name in exclusive if name in value]
    if len(present) > 1:
        yield f"Only one of {' and '.join(exclusive)} is allowed: {place}"
    for names in (exclusive, needed):
        if names and not any(name in value for name in names):
            yield f"Field required: {' or '.join(f'{place}.{name}' for name in names)}"


def _check_paired_lists(inputs: Doc, parameters: Doc, variant: Variant) -> Iterable[str]:
    for name, field in variant.paired_lists:
        values, others = parameters.get(name), inputs.get(field)
        if isinstance(values, list) and isinstance(others, list) and len(values) != len(others):
            yield f"{field} and {name} must be the same length."


def _name_wrong_choice(value: Any, schema: Doc, place: str) -> str:
    """What is said of a value that is none of the choices.

    Measured answers name them with the default first: "'1080P' or '720P'".
    """
    if place.endswith(".size"):
        return f"The size is not match {value}"
    choices = sorted(schema["enum"], key=lambda item: item != schema.get("default"))
    return _name_choices(choices, place)


def _name_choices(values: list[Any], place: str) -> str:
    quoted = [repr(value) for value in values]
    words = [", ".join(quoted[:-1]), quoted[-1]]
    return f"Input should be {' or '.join(filter(None, words))}: {place}"

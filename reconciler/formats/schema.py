"""Words the faults of a JSON Schema: what was given, what is legal, what was meant. Pure.

A fast library decides whether anything is wrong. jsonschema, slow to import and slow to check, is
loaded only to say what.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from reconciler.errors import Fault
from reconciler.formats.decide import keeps_schema
from reconciler.formats.document import Document, join_pointer, name_field
from reconciler.formats.names import suggest_name

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def validate_document(
    document: Document, schema: Mapping[str, Any], *, at: str = ""
) -> Sequence[Fault]:
    """Everything in which `document` breaks `schema`, each at its own line and column.

    `at` is the pointer the checked data has in the document, for schemas of a part.
    """
    data, above = document.data, at.split("/")[1:]
    for part in above:
        data = data[part]
    if keeps_schema(data, schema):
        return []
    faults: dict[tuple[str, str], Fault] = {}
    errors = list(_load_validator()(schema).iter_errors(data))
    mistyped = [error.absolute_path for error in errors if error.validator == "type"]
    for error in errors:
        if error.validator != "type" and error.absolute_path in mistyped:
            continue  # of the wrong type: which values are legal is the second question
        for where, key, message in _explain_error(error, [*above, *error.absolute_path]):
            there = "".join(join_pointer("", part) for part in where)
            faults.setdefault((there, message), Fault(document.place(there, key=key), message))
    return sorted(faults.values())


@cache
def _load_validator() -> Any:
    """The validator of the draft, whose patterns end where JSON Schema says that they end.

    In ECMA 262 a `$` is the end of the text. Python's also lets a line break follow, which would
    become part of a host name or of a path.
    """
    from jsonschema import Draft202012Validator, ValidationError, validators  # lazy: start-up time

    def pattern(_validator: Any, rule: str, text: object, _schema: Any) -> Iterator[Any]:
        strict = re.sub(r"(?<!\\)\$$", r"\\Z", rule)
        if isinstance(text, str) and not re.search(strict, text):
            yield ValidationError(f"{text!r} does not match {rule!r}")

    extend: Any = validators.extend
    return extend(Draft202012Validator, {"pattern": pattern})


def _explain_error(
    error: Any, path: Sequence[str | int]
) -> Iterator[tuple[Sequence[str | int], bool, str]]:
    """(path, whether the key rather than the value is meant, message) for one jsonschema error at
    `path`.
    """
    name, given, schema, rule = (
        _name_path(path),
        error.instance,
        error.schema,
        error.validator_value,
    )
    known = schema.get("properties", {})
    if "propertyNames" in error.relative_schema_path:
        words = _show_value(given, quote=True)
        legal = schema.get("x-legal", rule)
        yield [*path, given], True, f"{name} has the name {words}; legal is {legal}."
    elif error.validator == "additionalProperties":
        fields = sorted(field for field, part in known.items() if not part.get("deprecated"))
        for extra in sorted(set(given) - set(known)):
            if extra in schema.get("x-elsewhere", ()):
                words = f"{name} takes no field {extra}: `{extra}` {schema['x-elsewhere-says']}."
                yield [*path, extra], True, words
            else:
                yield [*path, extra], True, _describe_unknown_field(extra, fields, name)
    elif error.validator == "required":
        for missing in (field for field in rule if field not in given):
            meaning = _describe_field(known.get(missing, {}))
            yield path, True, f'{name} lacks "{missing}"{meaning}'
    else:
        yield path, False, _describe_value_fault(error.validator, name, given, schema, rule)


def _describe_value_fault(
    keyword: str, name: str, given: Any, schema: Mapping[str, Any], rule: Any
) -> str:
    """What is wrong with a value that breaks the rule `keyword` of its schema."""
    if keyword in ("minItems", "maxItems", "minLength", "maxLength", "minProperties"):
        return _describe_length(name, given, keyword, rule)
    if keyword in _FAULTS:
        return _FAULTS[keyword](name, given, schema, rule)
    return f"{name} breaks the rule {keyword}: {_show_value(rule)}."


def _describe_type(name: str, given: Any, schema: Mapping[str, Any], rule: Any) -> str:
    if "enum" in schema and not isinstance(given, list | dict):
        return _describe_enum(name, given, schema["enum"])
    legal = [_TYPES[type_name] for type_name in ([rule] if isinstance(rule, str) else rule)]
    return f"{name} is {_show_value(given, quote=True)}; it must be {' or '.join(legal)}."


def _describe_unknown_field(extra: str, legal: Sequence[str], name: str) -> str:
    inside = f" in {name}" if name != "the document" else ""
    meant = suggest_name(extra, legal)
    return f'unknown field "{_clip_text(extra)}"{inside}; legal are {", ".join(legal)}.{meant}'


def _describe_range(schema: Mapping[str, Any]) -> str:
    if "x-legal" in schema:
        return str(schema["x-legal"])
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    above = "more than" if "exclusiveMinimum" in schema else "at least"
    if low is None or high is None:
        return f"{above} {low}" if high is None else f"at most {high}"
    return f"{low} to {high}"


def _describe_counts(name: str, given: Sequence[Any], schema: Mapping[str, Any]) -> str:
    """`input.media has 2 of type video; exactly 1 is legal.`"""
    part = schema["contains"]
    wanted = part["properties"]["type"]["const"] if "properties" in part else part["const"]
    count = sum(
        1 for item in given if (item.get("type") if isinstance(item, dict) else item) == wanted
    )
    low, high = schema.get("minContains", 1), schema.get("maxContains")
    legal = (
        f"exactly {low}" if low == high else f"at most {high}" if not low else f"{low} to {high}"
    )
    of = "of type " if "properties" in part else "of "
    return (
        f"{name} has {count} {of}{wanted}; {legal} {'is' if legal.endswith(' 1') else 'are'} legal."
    )


def _describe_enum(name: str, given: Any, rule: Sequence[Any]) -> str:
    """What is legal instead of `given`; a number is spelled like the text that it is a part of."""
    legal = ", ".join(_show_value(choice) for choice in rule)
    meant = suggest_name(str(given), map(str, rule), cutoff=0.8)
    return f"{name} is {_show_value(given, quote=True)}; legal are {legal}.{meant}"


def _describe_length(name: str, given: Any, rule: str, bound: int) -> str:
    """`account has 101 characters; at most 100 are legal.`"""
    if not given:
        return f"{name} is empty; it must not be."
    one, many = ("character", "characters") if "Length" in rule else ("entry", "entries")
    legal = (
        f"at {'most' if rule.startswith('max') else 'least'} {bound}"
        f" {'is' if bound == 1 else 'are'} legal."
    )
    return f"{name} has {len(given)} {one if len(given) == 1 else many}; {legal}"


def _describe_choice(
    name: str, given: Any, schema: Mapping[str, Any], options: Sequence[Mapping[str, Any]]
) -> str:
    fields = [option["required"][0] for option in options if option.get("required")]
    if fields and isinstance(given, dict):
        there = [field for field in fields if field in given]
        if there:
            return (
                f"{name} has both {' and '.join(there)}; exactly one of {', '.join(fields)} is"
                " legal."
            )
        return f"{name} needs one of {', '.join(fields)}."
    return (
        f"{name} is {_show_value(given, quote=True)}; legal is"
        f" {schema.get('x-legal') or schema.get('description', '')}."
    )


def _name_path(path: Sequence[str | int]) -> str:
    return (
        name_field([_clip_text(part) if isinstance(part, str) else part for part in path])
        or "the document"
    )


def _show_value(value: Any, *, quote: bool = False) -> str:
    if isinstance(value, str):
        return json.dumps(_clip_text(value), ensure_ascii=False) if quote else _clip_text(value)
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "empty" if value is None else json.dumps(value)


def _clip_text(text: str) -> str:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


def _describe_field(schema: Mapping[str, Any]) -> str:
    """`: Which function to run. Legal are …`: of a field that is not there."""
    about = str(schema.get("description", "")).split(". ")[0].rstrip(".")
    legal = f" Legal are {', '.join(map(str, schema['enum']))}." if "enum" in schema else ""
    return f": {about}.{legal}" if about else ""


def _describe_out_of_range(name: str, given: Any, schema: Mapping[str, Any], _rule: Any) -> str:
    return f"{name} is {_show_value(given)}; legal is {_describe_range(schema)}."


def _describe_contains(name: str, given: Any, schema: Mapping[str, Any], _rule: Any) -> str:
    return _describe_counts(name, given, schema)


# By keyword of JSON Schema: (name, what was given, its schema, the rule) → the fault in words.
_FAULTS: Mapping[str, Callable[[str, Any, Mapping[str, Any], Any], str]] = {
    "enum": lambda name, given, _schema, rule: _describe_enum(name, given, rule),
    "type": _describe_type,
    "const": lambda name, given, _schema, rule: (
        f"{name} is {_show_value(given, quote=True)}; legal is {_show_value(rule)}."
    ),
    "minimum": _describe_out_of_range,
    "maximum": _describe_out_of_range,
    "exclusiveMinimum": _describe_out_of_range,
    "contains": _describe_contains,
    "minContains": _describe_contains,
    "maxContains": _describe_contains,
    "anyOf": _describe_choice,
    "oneOf": _describe_choice,
    "pattern": lambda name, given, schema, rule: (
        f"{name} is {_show_value(given, quote=True)}; legal is {schema.get('x-legal', rule)}."
    ),
    "not": lambda name, _given, schema, _rule: f"{name}: {schema.get('x-legal', 'not allowed')}.",
    "uniqueItems": lambda name, *_: f"{name} names the same entry twice.",
}

"""Words the faults of a JSON Schema: what was given, what is legal, what was meant. Pure.

jsonschema is slow to import and is loaded only when something has to be checked; what was checked
is remembered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from reconciler.errors import Fault
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


def _explain_error(  # noqa: C901  (a case a keyword)
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
    if "propertyNames" in error.relative_schema_path:
        legal = schema.get("x-legal", rule)
        yield (
            [*path, given],
            True,
            f"{name} has the name {_show_value(given, quote=True)}; legal is {legal}.",
        )
        return
    match error.validator:
        case "additionalProperties":
            known = schema.get("properties", {})
            legal = sorted(field for field, part in known.items() if not part.get("deprecated"))
            for extra in sorted(set(given) - set(known)):
                yield [*path, extra], True, _describe_unknown_field(extra, legal, name)
        case "required":
            known = schema.get("properties", {})
            for missing in (field for field in rule if field not in given):
                yield (
                    path,
                    True,
                    f'{name} lacks "{missing}"{_describe_field(known.get(missing, {}))}',
                )
        case "enum":
            yield path, False, _describe_enum(name, given, rule)
        case "type" if "enum" in schema and not isinstance(given, list | dict):
            yield path, False, _describe_enum(name, given, schema["enum"])
        case "const":
            yield (
                path,
                False,
                f"{name} is {_show_value(given, quote=True)}; legal is {_show_value(rule)}.",
            )
        case "type":
            legal = [_TYPES[name] for name in ([rule] if isinstance(rule, str) else rule)]
            yield (
                path,
                False,
                f"{name} is {_show_value(given, quote=True)}; it must be {' or '.join(legal)}.",
            )
        case "minimum" | "maximum" | "exclusiveMinimum":
            yield (
                path,
                False,
                f"{name} is {_show_value(given)}; legal is {_describe_range(schema)}.",
            )
        case "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties":
            yield path, False, _describe_length(name, given, error.validator, rule)
        case "contains" | "minContains" | "maxContains":
            yield path, False, _describe_counts(name, given, schema)
        case "anyOf" | "oneOf":
            yield path, False, _describe_choice(name, given, schema, rule)
        case "pattern":
            yield (
                path,
                False,
                f"{name} is {_show_value(given, quote=True)};"
                f" legal is {schema.get('x-legal', rule)}.",
            )
        case "not":
            yield path, False, f"{name}: {schema.get('x-legal', 'not allowed')}."
        case "uniqueItems":
            yield path, False, f"{name} names the same entry twice."
        case _:
            yield path, False, f"{name} breaks the rule {error.validator}: {_show_value(rule)}."


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
    """`: What VACE does. Legal are …`: of a field that is not there."""
    about = str(schema.get("description", "")).split(". ")[0].rstrip(".")
    legal = f" Legal are {', '.join(map(str, schema['enum']))}." if "enum" in schema else ""
    return f": {about}.{legal}" if about else ""

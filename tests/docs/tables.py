"""The tables of docs/manifest.md, docs/models.md and docs/sync-documents.md that are made from the
schemas, so that they cannot say anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reconciler.system import shipped

_PLACE = re.compile(
    r"(<!-- table: (?P<name>[a-z0-9. -]+) -->\n).*?(<!-- end of table -->)", re.DOTALL
)


def filled(page_text: str) -> str:
    """A page with every table between its marks made anew."""
    return _PLACE.sub(
        lambda match: f"{match[1]}\n{_TABLES[match['name']]()}\n{match[3]}", page_text
    )


def names(page_text: str) -> set[str]:
    """The tables that a page has marks for."""
    return {match["name"] for match in _PLACE.finditer(page_text)}


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


# ------------------------------------------------------------------ models


def _models() -> str:
    rows = []
    for model in shipped.read_model_documents():
        for name, regions in model["names"].items():
            warned = {"discouraged": " (a warning)"}
            where = ", ".join(f"{region}{warned.get(how, '')}" for region, how in regions.items())
            usual, limits, billing = model["usual"], model["limits"], model["billing"]
            rows.append(
                [
                    f"`{name}`",
                    where,
                    " + ".join(billing["seconds"]),
                    f"`{billing['tier']}`" if billing["tier"] else "—",
                    str(limits["submits_per_s"]),
                    str(limits["running_tasks"]),
                    f"{usual['shortest_s'] // 60} to {round(usual['longest_s'] / 60)} min",
                ]
            )
    head = [
        "model",
        "regions",
        "billed seconds",
        "price by",
        "submits per second",
        "tasks at once",
        "a task takes",
    ]
    return _table(head, rows)


def _media(model: str) -> Callable[[], str]:
    def write_table() -> str:
        document = _model(model)
        rows = []
        for name, limits in document["media"].items():
            used = ", ".join(_used(document, name)) or f"`type: {name}`"
            rows.append([used, *_limits(limits)])
        return _table(
            ["of", "formats", "length", "sides", "aspect ratio", "size", "as Base64"], rows
        )

    return write_table


def _limits(limits: Mapping[str, Any]) -> list[str]:
    formats = ", ".join(name.upper() for name in limits["formats"])
    low, high = limits.get("duration_s", (0, 0))
    length = (f"{low} to {high} s" if low else f"at most {high} s") if high else "—"
    sides = "{} to {} px".format(*limits["side_px"]) if "side_px" in limits else "—"
    aspect = (
        f"1:{1 / limits['aspect'][0]:g} to {limits['aspect'][1]:g}:1" if "aspect" in limits else "—"
    )
    size = f"at most {limits['size_bytes'] >> 20} MB" if "size_bytes" in limits else "—"
    return [
        formats + (", no transparency" if limits.get("alpha") is False else ""),
        length,
        sides,
        aspect,
        size,
        "yes" if limits["data_uri"] else "no",
    ]


def _used(model: Mapping[str, Any], kind: str) -> list[str]:
    """Fields that hold this kind of medium; with their functions where elsewhere they hold another
    kind.
    """
    kinds: dict[str, dict[str, list[str]]] = {}
    for variant in model["variants"]:
        for name, field in variant["input"]["properties"].items():
            media_kind = field.get("x-media") or field.get("items", {}).get("x-media")
            if media_kind:
                kinds.setdefault(name, {}).setdefault(media_kind, []).append(variant["function"])
    used = []
    for name, by_kind in kinds.items():
        if kind in by_kind:
            among = " and ".join(f"`{function}`" for function in by_kind[kind])
            used.append(f"`{name}`" if len(by_kind) == 1 else f"`{name}` of {among}")
    return used


def _sizes() -> str:
    sizes = _model("wan2.7-videoedit")["variants"][0]["output"]["sizes"]
    head = ["", *next(iter(sizes.values()))]
    return _table(
        head,
        [[tier, *(size.replace("*", "×") for size in row.values())] for tier, row in sizes.items()],
    )


def _fields(model: str) -> Callable[[], str]:
    def write_table() -> str:
        document = _model(model)
        by_function = document["variants"][0]["function"] is not None
        rows = []
        for section, name, field, functions in _grouped(document):
            everywhere = len(functions) == len(document["variants"])
            among = "all" if everywhere else ", ".join(f"`{function}`" for function in functions)
            if name == "function":
                field = {"enum": [variant["function"] for variant in document["variants"]], **field}
            cells = [
                f"`{section}.{name}`",
                legal(field),
                default(field),
                field.get("description", ""),
            ]
            rows.append([cells[0], among, *cells[1:]] if by_function else cells)
        head = ["field", "functions", "legal", "default", "meaning"]
        return _table(
            head if by_function else [title for title in head if title != "functions"], rows
        )

    return write_table


def _grouped(model: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any], list[str]]]:
    """(section, field, its schema, functions that have it so): fields that are alike in several
    functions once.
    """
    fields: dict[tuple[str, str], list[tuple[Mapping[str, Any], list[str]]]] = {}
    for variant in model["variants"]:
        for section in ("input", "parameters"):
            required = variant[section].get("required", ())
            for name, field in variant[section]["properties"].items():
                field = {**field, "required": name in required}
                field.pop("const", None)
                alike = fields.setdefault((section, name), [])
                for known, functions in alike:
                    if known == field:
                        functions.append(variant["function"])
                        break
                else:
                    alike.append((field, [variant["function"]]))
    for section in ("input", "parameters"):
        for (where, name), alike in fields.items():
            if where == section:
                yield from ((section, name, field, functions) for field, functions in alike)


def legal(field: Mapping[str, Any]) -> str:
    """What may stand in a field, in words."""
    items = field.get("items", {})
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "enum" in items:
        return f"a list of {' or '.join(f'`{value}`' for value in items['enum'])}"
    if "x-legal" in field:
        return str(field["x-legal"])
    if "x-media" in field:
        return "a media URL"
    if "minItems" in field and "maxItems" in field:
        return f"{field['minItems']} to {field['maxItems']} media URLs"
    if "x-counts" in field:
        return "a list of `{type, url}`"
    if "minimum" in field and "maximum" in field:
        whole = "whole numbers " if field["type"] == "integer" else ""
        return f"{whole}{field['minimum']} to {field['maximum']}"
    if "minimum" in field:
        return f"whole numbers from {field['minimum']}"
    return {
        "string": "text",
        "boolean": "`true`, `false`",
        "object": "a mapping",
        "array": "a list",
    }[field["type"]]


def default(field: Mapping[str, Any]) -> str:
    """What the service takes when the field is left out, and whether the vendor promises it."""
    if field.get("required"):
        return "required"
    value = field.get("default")
    shown = (
        "—" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    )
    if field.get("x-default") == "undocumented":
        return "the service's own" if value is None else f"{shown}, not promised"
    return shown


def _model(name: str) -> Mapping[str, Any]:
    return next(model for model in shipped.read_model_documents() if model["model"] == name)


# ------------------------------------------------------------------ where the facts stand

_VENDORS = ("G", "R", "Z", "D", "V")  # guides, reference, SDK: the vendor's own
_MARKS = {**dict.fromkeys(_VENDORS, "V"), "M": "T", "T": "T", "A": "A"}
_LENGTHS = {"like-input": "as long as the input", "by-parameter": "as long as is asked for"}


def _facts() -> str:
    """Every fact of every shipped model, with who says so."""
    rows = []
    for document in shipped.read_model_documents():
        facts = [*_list_facts(document)]
        firsts = [f"`{document['model']}`", *[""] * (len(facts) - 1)]
        rows += [[first, *fact] for first, fact in zip(firsts, facts, strict=True)]
    return _table(["model", "of", "legal or so", "default", "says"], rows)


def _list_facts(model: Mapping[str, Any]) -> Iterator[list[str]]:
    limits, usual, billing = model["limits"], model["usual"], model["billing"]
    tier = f", price by `{billing['tier']}`" if billing["tier"] else ""
    requests = f"{limits['submits_per_s']} a second, {limits['running_tasks']} tasks at once"
    took = f"{usual['shortest_s']} to {usual['longest_s']} s"
    yield ["billing", f"seconds of {' and '.join(billing['seconds'])}{tier}", "—", mark(billing)]
    yield ["requests", requests, "—", mark(limits)]
    yield ["a task", took, "—", mark(usual)]
    outputs: dict[str, list[str]] = {}
    for variant in model["variants"]:
        words = f"{_describe_output(variant['output'])} / {mark(variant['output'])}"
        outputs.setdefault(words, []).append(variant["function"])
    for words, functions in outputs.items():
        described, _, says = words.partition(" / ")
        yield [f"output{_name_functions(model, functions)}", described, "—", says]
    for name, medium in model["media"].items():
        cells = [cell for cell in _limits(medium)[:-1] if cell != "—"]
        yield [f"medium `{name}`", "; ".join(cells), "—", mark(medium)]
    for section, name, field, functions in _grouped(model):
        if name != "function":
            among = _name_functions(model, functions)
            yield [f"`{section}.{name}`{among}", legal(field), default(field), mark(field)]


def _name_functions(model: Mapping[str, Any], functions: list[str]) -> str:
    if len(functions) == len(model["variants"]):
        return ""
    return f" of {', '.join(f'`{function}`' for function in functions)}"


def _describe_output(output: Mapping[str, Any]) -> str:
    rule = output["duration"]
    parts = [
        f"{output['container'].upper()}, {output['fps']} frames a second",
        _LENGTHS.get(rule, f"{rule} s"),
        *([f"at most {output['longest_s']} s"] if "longest_s" in output else []),
        *([f"at most {output['uses_s']} s of the input"] if "uses_s" in output else []),
        "with sound" if output["audio"] else "without sound",
    ]
    return ", ".join(parts)


def mark(fact: Mapping[str, Any]) -> str:
    """Who says a fact: V the vendor, T a third party, A nobody, it is assumed."""
    return ", ".join(dict.fromkeys(_MARKS[letter] for letter in fact["x-source"]))


# ------------------------------------------------------------------ the project file


def project_fields() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(dotted name, schema) of every field of cutlist.yaml."""
    yield from _walk(shipped.read_schema("project"), "")


def _walk(
    schema: Mapping[str, Any], above: str, *, items: bool = False
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every field; with `items` also those of the mappings in a list."""
    for name, field in schema.get("properties", {}).items():
        yield f"{above}{name}", field
        yield from _walk(field, f"{above}{name}.", items=items)
        if items:
            yield from _walk(field.get("items", {}), f"{above}{name}[].", items=items)


def _project() -> str:
    rows = []
    for name, field in project_fields():
        if name in ("apiVersion", "kind"):
            rows.append([f"`{name}`", f"`{field['const']}`", "required", field["description"]])
        elif "description" in field:
            value = field.get("default")
            listed = f"[{', '.join(value)}]" if isinstance(value, list) else value
            rows.append(
                [
                    f"`{name}`",
                    _project_legal(name, field),
                    default({"default": listed}),
                    field["description"],
                ]
            )
    return _table(["field", "legal", "default", "meaning"], rows)


def _project_legal(name: str, field: Mapping[str, Any]) -> str:
    if name == "spec.endpoint":
        return "`mock`, `singapore`, `beijing`, a URL"
    if name == "spec.prices.models":
        return "a price, or a price for each tier"
    if "maximum" in field and field["maximum"] >= 10**9:
        return f"{field['minimum']} or more"
    if field.get("pattern", "").startswith("^[a-z0-9]"):
        return "`a-z`, `0-9`, `-`, `.`"
    return legal(field)


# ------------------------------------------------------------------ documents of the controller


def sync_fields() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(dotted name, schema) of every field of a `kind: Sync` document."""
    yield from _walk(shipped.read_schema("sync"), "", items=True)


def _sync() -> str:
    needed = {"apiVersion", "kind", *_list_required(shipped.read_schema("sync"), "")}
    rows = []
    for name, field in sync_fields():
        if "description" not in field:
            continue
        value = field.get("default")
        shown = {**field, "default": f"[{', '.join(value)}]" if isinstance(value, list) else value}
        rows.append(
            [
                f"`{name}`",
                f"`{field['const']}`" if "const" in field else _project_legal(name, field),
                default({**shown, "required": name in needed}),
                field["description"],
            ]
        )
    return _table(["field", "legal", "default", "meaning"], rows)


def _list_required(schema: Mapping[str, Any], above: str) -> Iterator[str]:
    """Fields that stand in every document, or wherever what holds them does."""
    yield from (f"{above}{name}" for name in schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        yield from _list_required(field, f"{above}{name}.")
        yield from _list_required(field.get("items", {}), f"{above}{name}[].")


SYNC_TABLES = frozenset({"sync"})
_TABLES: Mapping[str, Callable[[], str]] = {
    "models": _models,
    "facts of models": _facts,
    "project": _project,
    "sync": _sync,
    "sizes of wan2.7-videoedit": _sizes,
    **{
        f"fields of {document['model']}": _fields(document["model"])
        for document in shipped.read_model_documents()
    },
    **{
        f"media of {document['model']}": _media(document["model"])
        for document in shipped.read_model_documents()
        if document["media"]
    },
}
MODEL_TABLES = frozenset({"facts of models"})
TABLES = frozenset(_TABLES) - SYNC_TABLES - MODEL_TABLES

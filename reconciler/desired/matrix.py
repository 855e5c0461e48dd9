"""Expands a document with a `matrix` into one edit for every cell of its product. Pure.

`${{ matrix.x }}` is replaced in every string of the document. A string that is nothing else takes
the value itself, a number as a number; within other text, and in metadata, it takes the value as
text.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.errors import Fault
from reconciler.formats import schema
from reconciler.formats.digest import hash_bytes, is_same_json
from reconciler.formats.document import Document, join_pointer
from reconciler.formats.names import suggest_name
from reconciler.formats.values import value

MAX_CELLS = 10_000  # edits of one matrix
LONGEST_VALUE = 40  # characters of a value in a name
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "description": (
        "Lists of values: the edit is made once for every combination, with ${{ matrix.NAME }}"
        " replaced."
    ),
    "examples": [{"look": ["snow", "rain"], "resolution": ["720P", "1080P"]}],
    "propertyNames": {
        "pattern": "^[a-z][a-z0-9_-]{0,39}$",
        "x-legal": "a-z, 0-9, - and _ (beginning with a letter, at most 40)",
    },
    "properties": {
        name: {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            },
            "description": text,
        }
        for name, text in (
            (
                "exclude",
                (
                    "Combinations to leave out; one that names a part of the lists leaves out all"
                    " that fit."
                ),
            ),
            ("include", "Further combinations, each with a value for every list."),
        )
    },
    "additionalProperties": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": ["string", "number", "boolean"]},
    },
}
_OUTPUT = "/spec/output"
_HOLE = re.compile(r"\$\{\{((?:(?!\}\}).)*)\}\}", re.DOTALL)
_AXIS = re.compile(r"\s*matrix\.([A-Za-z0-9_-]+)\s*\Z")
_PLAIN = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9._*:+-]*\Z")

Values = Mapping[str, Any]


@value(frozen=True, slots=True)
class Cell:
    """One edit of a document: the document with the values put in, and what its name ends with."""

    document: Document
    suffix: str  # "[look=snow,resolution=720P]"; empty where there is no matrix
    aliases: tuple[str, ...] = ()  # what its name ends with where no environment says otherwise


def expand_matrix(
    document: Document, overlay: Mapping[str, Any] | None = None
) -> tuple[Sequence[Cell], Sequence[Fault]]:
    """The edits that a document stands for; with faults there may be none.

    `overlay` is what the chosen environment lays over every edit. Where it says otherwise than a
    list of the matrix, the cell has its value, also in its name: no name says 1080P of a video that
    is 720P. Cells that differ in nothing else are one.
    """
    data = document.data
    spec = data.get("spec") if isinstance(data, dict) else None
    if not isinstance(spec, dict) or "matrix" not in spec:
        holes = _find_holes(data) if _may_have_holes(data) else ()
        return [Cell(document, "")], [
            _build_missing_matrix_fault(document, *hole) for hole in holes
        ]
    faults = list(schema.validate_document(document, SCHEMA, at="/spec/matrix"))
    if faults:
        return [], faults
    axes = {
        name: values
        for name, values in spec["matrix"].items()
        if name not in ("include", "exclude")
    }
    included = spec["matrix"].get("include", [])
    names = list(axes) or list(included[0] if included else ())
    faults = [*_check_entries(document, spec["matrix"], names), *_check_hole_names(document, names)]
    count = math.prod(len(values) for values in axes.values()) + len(included)
    if count > MAX_CELLS:
        sizes = " × ".join(f"{len(values)} {name}" for name, values in axes.items())
        message = (
            f"the matrix has {count:,} cells ({sizes}); at most {MAX_CELLS:,} are made of one edit"
        )
        faults.append(Fault(document.place("/spec/matrix", key=True), message))
    if faults:
        return [], faults
    cells = list(_list_cells(axes, names, included, spec["matrix"].get("exclude", [])))
    if not cells:
        place = document.place("/spec/matrix/exclude", key=True)
        return [], [
            Fault(place, "every cell of the matrix is excluded; leave one, or take the edit out")
        ]
    overlaid = _find_overlaid_lists(document, overlay or {}, names)
    return _name_cells(document, cells, overlaid), _warn_about_idle_lists(document, axes)


def _name_cells(
    document: Document, cells: Sequence[Values], overlaid: Mapping[str, Any]
) -> Sequence[Cell]:
    """Each cell with the values that it has in the end, once, and the names it has otherwise."""
    usual: dict[str, list[str]] = {}
    final: dict[str, Values] = {}
    for cell in cells:
        values: Values = {**cell, **overlaid}
        mark = json.dumps(values)
        final.setdefault(mark, values)
        usual.setdefault(mark, []).append(_build_suffix(cell))
    named = []
    for mark, values in final.items():
        suffix = _build_suffix(values)
        aliases = tuple(alias for alias in usual[mark] if alias != suffix)
        named.append(Cell(_fill_document(document, values), suffix, aliases))
    return named


def _find_overlaid_lists(
    document: Document, overlay: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Any]:
    """Lists whose values count for nothing, since each of them only fills a field of which the
    overlay says something else, and names: by list, the value of the overlay.
    """
    given: dict[str, Any] = {"/spec/model": overlay["model"]} if "model" in overlay else {}
    for section, start in (
        ("input", "/spec/input"), ("parameters", "/spec/parameters"), ("labels", "/metadata/labels")
    ):  # fmt: skip
        given |= {
            join_pointer(start, name): section_values
            for name, section_values in overlay.get(section, {}).items()
        }
    uses: dict[str, set[str]] = {}
    for at, text in _find_holes(document.data):
        match = _AXIS.match(text)
        if match:
            uses.setdefault(match[1], set()).add(at)
    overlaid = {}
    for name in names:
        fields = [at for at in uses.get(name, ()) if not at.startswith(("/metadata/name", _OUTPUT))]
        values = [given[at] for at in fields if at in given]
        if values and len(values) == len(fields) and all(value == values[0] for value in values):
            overlaid[name] = values[0]
    return overlaid


def _list_cells(
    axes: Mapping[str, Sequence[Any]],
    names: Sequence[str],
    included: Sequence[Values],
    excluded: Sequence[Values],
) -> Iterator[Values]:
    """Every cell once: the product in the order of its lists, then what is included."""
    product = (
        (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
        if axes
        else ()
    )
    seen = set()
    for cell in itertools.chain(
        product, ({name: entry[name] for name in names} for entry in included)
    ):
        mark = json.dumps(cell)
        left_out = any(
            all(is_same_json(cell[name], value) for name, value in entry.items())
            for entry in excluded
        )
        if mark not in seen and not left_out:
            seen.add(mark)
            yield cell


def _check_entries(
    document: Document, matrix: Mapping[str, Any], names: Sequence[str]
) -> Iterator[Fault]:
    """Entries of `include` name every list, entries of `exclude` some; neither names another."""
    for section in ("include", "exclude"):
        for index, entry in enumerate(matrix.get(section, ())):
            at = f"/spec/matrix/{section}/{index}"
            for name in entry:
                if name not in names:
                    message = (
                        f'the matrix has no list "{name}"; it has {", ".join(names) or "none"}.'
                        f"{suggest_name(name, names)}"
                    )
                    yield Fault(document.place(join_pointer(at, name), key=True), message)
            missing = [name for name in names if name not in entry] if section == "include" else []
            if missing or not entry:
                what = f"lacks {', '.join(missing)}" if missing else "names nothing"
                yield Fault(document.place(at), f"this entry of {section} {what}")


def _warn_about_idle_lists(document: Document, axes: Mapping[str, Sequence[Any]]) -> list[Fault]:
    """Lists that nothing asks for make edits which differ in nothing but their names."""
    used = {match[1] for _, text in _find_holes(document.data) if (match := _AXIS.match(text))}
    return [
        Fault(
            document.place(join_pointer("/spec/matrix", name), key=True),
            f"nothing uses ${{{{ matrix.{name} }}}}: its {len(values)} values make the same job",
            "warning",
        )
        for name, values in axes.items()
        if name not in used and len(values) > 1
    ]


# ------------------------------------------------------------------ names


def _build_suffix(cell: Values) -> str:
    return f"[{','.join(f'{name}={_shorten_for_name(value)}' for name, value in cell.items())}]"


def _shorten_for_name(value: Any) -> str:
    """A value as a part of a name: itself where it is short and plain, else its words and a mark of
    its own.
    """
    text = _write_text(value)
    if len(text) <= LONGEST_VALUE and _PLAIN.match(text):
        return text
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:24].rstrip("-")
    return f"{words}~{hash_bytes(text.encode('utf-8', 'surrogatepass'))[:6]}".lstrip("~")


def _write_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# ------------------------------------------------------------------ holes


def _may_have_holes(data: Any) -> bool:
    """Whether a text of a document has the beginning of a hole."""
    if isinstance(data, str):
        return "${{" in data
    if isinstance(data, dict):
        return any(map(_may_have_holes, data.values()))
    return isinstance(data, list) and any(map(_may_have_holes, data))


def _find_holes(data: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """(pointer, what stands between the braces) of every ${{ … }} of a document, but for the matrix
    itself.
    """
    if at == "/spec/matrix":
        return
    if isinstance(data, str):
        yield from ((at, match[1]) for match in _HOLE.finditer(data))
    elif isinstance(data, dict):
        for name, value in data.items():
            yield from _find_holes(value, join_pointer(at, name))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _find_holes(value, join_pointer(at, index))


def _build_missing_matrix_fault(document: Document, at: str, text: str) -> Fault:
    return Fault(
        document.place(at),
        f"${{{{{text}}}}} stands for a value of spec.matrix, and the edit has none",
    )


def _check_hole_names(document: Document, names: Sequence[str]) -> Iterator[Fault]:
    for at, text in _find_holes(document.data):
        match = _AXIS.match(text)
        if match is None or match[1] not in names:
            legal = ", ".join(f"${{{{ matrix.{name} }}}}" for name in names)
            yield Fault(
                document.place(at),
                f"${{{{{text}}}}} names no list of the matrix; legal are {legal}."
                f"{suggest_name(match[1] if match else text, names)}",
            )


def _fill_document(document: Document, cell: Values) -> Document:
    """The document of one cell: without the matrix, its values in the places that ask for them."""
    spec = {name: value for name, value in document.data["spec"].items() if name != "matrix"}
    data = {
        name: _fill_value(value, cell, whole=False)
        for name, value in document.data.items()
        if name != "spec"
    }
    return Document(
        document.file,
        {**data, "spec": _fill_value(spec, cell, whole=True)},
        document.marks,
        document.inherited,
    )


def _fill_value(value: Any, cell: Values, *, whole: bool) -> Any:
    if isinstance(value, str):
        if "${{" not in value:
            return value
        only = _HOLE.fullmatch(value)
        if whole and only:
            return cell[_read_list_name(only)]
        return _HOLE.sub(lambda match: _write_text(cell[_read_list_name(match)]), value)
    if isinstance(value, dict):
        return {name: _fill_value(part, cell, whole=whole) for name, part in value.items()}
    if isinstance(value, list):
        return [_fill_value(part, cell, whole=whole) for part in value]
    return value


def _read_list_name(hole: re.Match[str]) -> str:
    match = _AXIS.match(hole[1])
    assert match is not None  # `_check_hole_names` has looked
    return match[1]

"""Raises `take` in the text of a manifest and leaves every other byte as it is. Pure.

The changed text is parsed before it is returned, and has to mean the same but for that number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from reconciler.desired.edit_schema import MAX_TAKE
from reconciler.errors import CutlistError, UsageError
from reconciler.formats.document import Document
from reconciler.formats.parsing import compose_nodes, parse_documents

_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class RaisedTake:
    """A manifest with one number raised."""

    raw: bytes
    before: int
    after: int


def raise_take(raw: bytes, file: str, index: int) -> RaisedTake:
    """The manifest `raw`, which is valid, with the `take` of its document number `index` raised
    by one.

    Raises UsageError where that is not one number, or as high as it gets, and CutlistError where it
    has to be done by hand.
    """
    documents, _ = parse_documents(raw, file)
    document = documents[index]
    place, take = document.place("/spec/take"), document.data["spec"].get("take", 1)
    if isinstance(take, str):
        hint = (
            "Add the next number to the list of the matrix that it names: that asks for the further"
            " take, and no other."
        )
        raise UsageError(f"{place}: take is {take}, and no number that could be raised.", hint=hint)
    before, after = int(take), int(take) + 1
    if after > MAX_TAKE:
        raise UsageError(f"{place}: take is {before}, and no higher one is legal.")
    text = raw.decode("utf-8-sig")
    mark = raw[: len(raw) - len(text.encode())]  # of the byte order, where there is one
    for changed in _list_ways(text, _find_spec(text, index), after):
        changed_bytes = mark + changed.encode()
        if _has_same_meaning(changed_bytes, file, documents, index, after):
            return RaisedTake(changed_bytes, before, after)
    raise CutlistError(
        f"{place}: take cannot be raised here without touching other text.",
        hint=f"Nothing was written. Write it yourself: `take: {after}` in `spec`.",
    )


def _has_same_meaning(
    raw: bytes, file: str, before: Sequence[Document], index: int, take: int
) -> bool:
    """Whether `raw` says what the documents `before` said, with this one take."""
    after, faults = parse_documents(raw, file)
    if faults or len(after) != len(before) or after[index].data["spec"].get("take") != take:
        return False
    both = ([document.data for document in documents] for documents in (before, after))
    old, new = (
        [_drop_take(data) if at == index else data for at, data in enumerate(texts)]
        for texts in both
    )
    # 1, 1.0 and true are three things, and so is another order
    return json.dumps(old) == json.dumps(new)


def _drop_take(data: dict[str, Any]) -> dict[str, Any]:
    spec = {name: value for name, value in data["spec"].items() if name != "take"}
    return {**data, "spec": spec}


# ------------------------------------------------------------------ places in the text


def _find_spec(text: str, index: int) -> Any:
    """The node of `spec` in the document number `index`; documents without anything in them do not
    count.
    """
    roots = [node for node in compose_nodes(text) if isinstance(node, yaml.MappingNode)]
    return _find_value(roots[index], "spec")


def _find_value(mapping: Any, name: str) -> Any:
    """The node of the value of a key; None where there is none."""
    return next((value for key, value in mapping.value if key.value == name), None)


def _list_ways(text: str, spec: Any, take: int) -> Iterator[str]:
    """The text with this take, from the most natural way to write it to the plainest."""
    there = _find_value(spec, "take")
    if there is not None:
        yield _splice(text, there.start_mark.index, str(take), until=there.end_mark.index)
        return
    quote = spec.value[0][0].style or ""
    entry = f"{quote}take{quote}: {take}"
    yield from (
        _insert_in_flow(text, spec, entry)
        if spec.flow_style
        else _insert_in_block(text, spec, entry)
    )


def _insert_in_flow(text: str, spec: Any, entry: str) -> Iterator[str]:
    """On a line of its own before the last entry, where that stands on a line of its own; else
    behind it.
    """
    key, value = spec.value[-1]
    start = _find_line_start(text, key.start_mark.index)
    indent = text[start : key.start_mark.index]
    if start > spec.start_mark.index and not indent.strip():
        yield _splice(text, start, f"{indent}{entry},{_find_break_before(text, start)}")
    yield _splice(text, value.end_mark.index, f", {entry}")


def _insert_in_block(text: str, spec: Any, entry: str) -> Iterator[str]:
    """On a line of its own: below the last line of `spec`, or else above the first."""
    first = spec.value[0][0].start_mark.index
    start = _find_line_start(text, first)
    indent = text[start:first]
    if indent.strip():
        return
    end = _find_end(spec)
    # the blank lines below a block of text may be a part of it
    for at in (len(text[:end].rstrip()), end):
        if at == _find_line_start(text, at):
            yield _splice(text, at, f"{indent}{entry}{_find_break_before(text, at)}")
        elif match := _BREAK.search(text, at):
            yield _splice(text, match.end(), f"{indent}{entry}{match[0]}")
        else:
            yield _splice(text, len(text), f"{_find_break_before(text, at)}{indent}{entry}")
    yield _splice(text, start, f"{indent}{entry}{_find_break_before(text, start)}")


def _splice(text: str, at: int, new: str, *, until: int | None = None) -> str:
    return text[:at] + new + text[at if until is None else until :]


def _find_end(node: Any) -> int:
    """Where the last thing in a node ends: the end of a block itself is only found where the next
    thing begins.
    """
    while not isinstance(node, yaml.ScalarNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _find_line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _find_break_before(text: str, at: int) -> str:
    """How the line above ends."""
    breaks = _BREAK.findall(text, 0, at)
    return breaks[-1] if breaks else "\n"

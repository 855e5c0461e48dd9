"""Checks many documents that differ in little, the cells of a matrix, against the schema. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.errors import Fault
from reconciler.formats import schema
from reconciler.formats.document import Document
from reconciler.service.models import Models

_RULES_OF_TEXT = frozenset({"enum", "const", "pattern", "maxLength"})


class DocumentChecker:
    """Checks documents against a schema, and one document for all that differ only in free texts.

    Of 10,000 cells that differ in their prompts, one is checked.
    """

    def __init__(self, rules: Mapping[str, Any], models: Models) -> None:
        self._rules = rules
        self._free = frozenset(_find_free_fields(models))
        self._passed: set[str] = set()

    def check(self, document: Document) -> list[Fault]:
        """Everything in which a document breaks the schema."""
        shape = json.dumps(self._shape(document.data))
        if shape in self._passed:
            return []
        faults = list(schema.validate_document(document, self._rules))
        if not faults:
            self._passed.add(shape)
        return faults

    def _shape(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """A document with one and the same text for every text that may be any."""
        spec = data.get("spec")
        if not isinstance(spec, dict):
            return data
        shape = dict(spec)
        if isinstance(spec.get("input"), dict):
            shape["input"] = {
                name: _replace_text(value) if name in self._free else _replace_links(value)
                for name, value in spec["input"].items()
            }
        if "output" in spec:
            shape["output"] = _replace_text(spec["output"])
        return {**data, "spec": shape}


def _replace_text(value: Any) -> Any:
    return "text" if isinstance(value, str) and value else value


def _replace_links(value: Any) -> Any:
    """A list of media with one and the same link in each entry."""
    if not isinstance(value, list):
        return value
    return [
        {**entry, "url": _replace_text(entry["url"])}
        if isinstance(entry, dict) and "url" in entry
        else entry
        for entry in value
    ]


def _find_free_fields(models: Models) -> Iterator[str]:
    """Fields of `input` that take any text but none in every model that has them."""
    bound: set[str] = set()
    free: set[str] = set()
    for model in models.by_name.values():
        for variant in model.variants:
            for section, name, rule in variant.fields():
                if section == "input":
                    text = rule.get("type") == "string" and not rule.keys() & _RULES_OF_TEXT
                    (free if text else bound).add(name)
    yield from free - bound

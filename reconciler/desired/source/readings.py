"""Reads a manifest file once: what it says is remembered by its bytes and its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.desired import manifest
from reconciler.desired.manifest import Edit, Reading, Rules
from reconciler.desired.references import show_url
from reconciler.desired.tree import Tree, Unusable
from reconciler.errors import Fault, Place
from reconciler.formats.digest import digest_json, hash_bytes
from reconciler.formats.document import MAX_BYTES, Document
from reconciler.formats.names import is_plain
from reconciler.system import shipped
from reconciler.system.cache import Cache


def read_cached(tree: Tree, file: str, rules: Rules, context: str, cache: Cache) -> Reading:
    if not is_plain(file):
        fault = Fault(
            Place(show_url(file)),
            "the manifest's name has control characters or marks that reorder text",
        )
        return Reading([], [fault])
    try:
        raw = tree.read(file, MAX_BYTES + 1)
    except Unusable as error:
        return Reading([], [Fault(Place(file), f"the manifest {error}")])
    key = f"{hash_bytes(raw)}:{context[:16]}:{file}"
    known = cache.get("manifests", key)
    if known is not None:
        return _load_reading(known, file)
    reading = manifest.read_manifest(raw, file, rules)
    if not any(fault.severity == "error" for fault in reading.faults):
        cache.put("manifests", key, _dump_reading(reading))
    return reading


def compute_context(rules: Rules) -> str:
    """What a reading depends on besides the file's own bytes: the rules as shipped, the defaults,
    the region.
    """
    spec = rules.project.data.get("spec") or {}
    layers = [spec.get("defaults"), spec.get("environments"), rules.environment]
    marks = {
        at: mark
        for at, mark in rules.project.marks.items()
        if at.startswith(("/spec/defaults", "/spec/environments"))
    }
    return digest_json([shipped.compute_fingerprint(), rules.region, layers, marks])


def _dump_reading(reading: Reading) -> dict[str, Any]:
    """As JSON; the cells of a matrix share the marks of their document."""
    documents = {id(edit.document.marks): edit.document.marks for edit in reading.edits}
    numbers = {document: number for number, document in enumerate(documents)}
    return {
        "marks": list(documents.values()),
        "edits": [
            {
                "name": edit.name,
                "labels": edit.labels,
                "model": edit.model,
                "input": edit.input,
                "parameters": edit.parameters,
                "take": edit.take,
                "suspend": edit.suspend,
                "protect": edit.protect,
                "output": edit.output,
                "aliases": list(edit.aliases),
                "document": numbers[id(edit.document.marks)],
                "inherited": {
                    at: [p.file, p.line, p.column] for at, p in edit.document.inherited.items()
                },
            }
            for edit in reading.edits
        ],
        "warnings": [
            [f.place.file, f.place.line, f.place.column, f.message] for f in reading.faults
        ],
    }


def _load_reading(data: Mapping[str, Any], file: str) -> Reading:
    edits = []
    for entry in data["edits"]:
        inherited = {at: Place(*place) for at, place in entry["inherited"].items()}
        document = Document(file, None, data["marks"][entry["document"]], inherited)
        fields = {
            name: value
            for name, value in entry.items()
            if name not in ("document", "inherited", "aliases")
        }
        fields["aliases"] = tuple(entry.get("aliases", ()))
        edits.append(Edit(document=document, **fields))
    warnings = [
        Fault(Place(name, line, column), text, "warning")
        for name, line, column, text in data["warnings"]
    ]
    return Reading(edits, warnings)

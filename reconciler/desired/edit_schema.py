"""Builds the JSON Schema of a manifest from what the models accept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.desired.matrix import SCHEMA as MATRIX
from reconciler.formats.identity import cache_by_identity
from reconciler.service.models import Model, Models, Variant

MAX_TAKE = 1_000_000
_MOST_SCHEMAS = 8  # that are held: of the shipped models, and of some projects with their own
NAME_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"


@cache_by_identity(_MOST_SCHEMAS)
def build_manifest_schema(models: Models) -> Mapping[str, Any]:
    """The JSON Schema of one edit: a document whose matrix values are already put in. Nobody
    changes it.
    """
    unique = {model.model: model for model in models.by_name.values()}.values()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cutlist edit manifest",
        "description": (
            "One edit of a video. `spec` is the request body of the DashScope video-editing task"
            " API."
        ),
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {
                "const": "cutlist/v1",
                "description": "The version of the manifest's form.",
            },
            "kind": {"const": "Edit", "description": "What this document is."},
            "metadata": _METADATA,
            "spec": {
                "type": "object",
                "additionalProperties": False,
                "required": ["input"],
                "description": "The request, as the service takes it, and where its video goes.",
                "properties": {
                    "model": {
                        "type": "string",
                        "enum": sorted(models.by_name),
                        "description": "The model. May be left to `defaults` in cutlist.yaml.",
                    },
                    "input": {
                        "type": "object",
                        "description": "Prompt and media, as the model takes them.",
                    },
                    "parameters": {
                        "type": "object",
                        "description": "How to render. Defaults come from cutlist.yaml.",
                    },
                    **_SPEC,
                },
            },
        },
        "allOf": [_build_model_rules(model) for model in unique],
    }


_METADATA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {
            "type": "string",
            "pattern": NAME_PATTERN,
            "maxLength": 100,
            "description": "Unique in the project.",
            "examples": ["clothes-swap"],
            "x-legal": "a-z, 0-9, - and . (beginning and ending with a letter or digit)",
        },
        "labels": {
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": 100},
            "description": "Names and values to select edits by.",
            "examples": [{"campaign": "spring"}],
        },
    },
}
_SPEC: Mapping[str, Any] = {
    "take": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_TAKE,
        "default": 1,
        "description": (
            "Raise it to render the same request again on purpose. It costs money again."
        ),
    },
    "matrix": MATRIX,
    "suspend": {
        "type": "boolean",
        "default": False,
        "description": "Leave the edit alone: nothing is submitted, written or pruned for it.",
    },
    "protect": {
        "type": "boolean",
        "default": False,
        "description": "Never prune its output, not even when the edit itself is taken out.",
    },
    "output": {
        "type": "string",
        "minLength": 1,
        "description": "Where the video goes, relative to the project. Default renders/NAME.mp4.",
        "examples": ["renders/clothes-swap.mp4"],
    },
}


def _build_model_rules(model: Model) -> dict[str, Any]:
    """The rules that apply once `spec.model` names this model."""
    named = {
        "properties": {
            "spec": {"properties": {"model": {"enum": sorted(model.names)}}, "required": ["model"]}
        }
    }
    if model.functions:
        field = model.variants[0].input["properties"].get("function", {})
        functions = {
            "properties": {
                "function": {
                    "type": "string",
                    "enum": list(model.functions),
                    "description": field.get("description", "Which function to run."),
                }
            },
            "required": ["function"],
        }
        then: dict[str, Any] = {
            "properties": {"spec": {"properties": {"input": functions}}},
            "allOf": [
                {"if": _match_function(str(variant.function)), "then": _build_field_rules(variant)}
                for variant in model.variants
            ],
        }
    else:
        then = _build_field_rules(model.variants[0])
    return {"if": named, "then": then}


def _match_function(function: str) -> dict[str, Any]:
    there = {"properties": {"function": {"const": function}}, "required": ["function"]}
    return {"properties": {"spec": {"properties": {"input": there}, "required": ["input"]}}}


def _build_field_rules(variant: Variant) -> dict[str, Any]:
    sections = {
        name: _build_standard_schema(variant.section(name)) for name in ("input", "parameters")
    }
    return {"properties": {"spec": {"properties": sections}}}


def _build_standard_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Our notes (x-…) as standard JSON Schema, recursively."""
    rules: dict[str, Any] = {}
    for name, value in schema.items():
        match name:
            case "properties":
                rules[name] = {field: _build_standard_schema(part) for field, part in value.items()}
            case "items":
                rules[name] = _build_standard_schema(value)
            case "x-counts":
                rules["allOf"] = [
                    _build_count_rule(
                        {
                            "type": "object",
                            "properties": {"type": {"const": kind}},
                            "required": ["type"],
                        },
                        *range_,
                    )
                    for kind, range_ in value.items()
                ]
            case "x-at-most":
                rules["allOf"] = [
                    _build_count_rule({"const": kind}, 0, most) for kind, most in value.items()
                ]
            case "x-exactly-one":
                rules["oneOf"] = [{"required": [field]} for field in value]
            case "x-at-least-one":
                rules["anyOf"] = [{"required": [field]} for field in value]
            case "x-legal":
                rules[name] = value
            case _ if not name.startswith("x-"):
                rules[name] = value
    for field in schema.get("x-ignored", ()):
        rules["properties"][field] = dict(_IGNORED)
    return rules


_IGNORED = {
    "deprecated": True,  # so editors strike it out, and no list of legal fields names it
    "description": "Not read by the service here; left out of the request.",
}


def _build_count_rule(what: Mapping[str, Any], low: int, high: int) -> dict[str, Any]:
    return {"contains": what, "minContains": low, "maxContains": high}


# ------------------------------------------------------------------ for editors

_ANNOTATIONS = ("description", "default", "examples")
_HOLE = {"type": "string", "pattern": r"^\$\{\{.*\}\}$", "description": "A value of the matrix."}
_HOLE_IN_TEXT = {**_HOLE, "pattern": r"\$\{\{.*\}\}"}


def build_editor_schema(models: Models) -> dict[str, Any]:
    """The same as it is written (schemas/manifest.schema.json): `${{ matrix.x }}` may stand where a
    value is wanted.
    """
    return _allow_holes(build_manifest_schema(models))


def _allow_holes(schema: Mapping[str, Any]) -> dict[str, Any]:
    loose = dict(schema)
    if "properties" in schema:
        loose["properties"] = {
            name: part if name in ("apiVersion", "kind", "matrix") else _allow_holes(part)
            for name, part in schema["properties"].items()
        }
    for name in ("items", "then"):
        if name in schema:
            loose[name] = _allow_holes(schema[name])
    if "allOf" in schema:
        loose["allOf"] = [_allow_holes(part) for part in schema["allOf"]]
    if not schema.keys() & {"enum", "const", "pattern"} and schema.get("type") not in (
        "integer",
        "number",
        "boolean",
    ):
        return loose
    rules = {name: part for name, part in loose.items() if name not in _ANNOTATIONS}
    notes = {name: part for name, part in loose.items() if name in _ANNOTATIONS}
    return {**notes, "anyOf": [rules, _HOLE_IN_TEXT if schema.get("type") == "string" else _HOLE]}

"""Merges the defaults and the overlay of the chosen environment into every edit. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from reconciler.errors import Fault, Place
from reconciler.formats.document import Document, join_pointer
from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.service.models import Models


def get_overlay(project: Document, environment: str) -> Mapping[str, Any]:
    """What an environment lays over every edit; empty for one that says nothing."""
    spec = project.data.get("spec") if isinstance(project.data, dict) else None
    overlay: Mapping[str, Any] = ((spec or {}).get("environments") or {}).get(environment) or {}
    return overlay


def merge_layers(
    document: Document, project: Document, models: Models, environment: str
) -> Document:
    """The document of an edit with defaults where it says nothing, and with what the environment
    says instead.
    """
    spec = document.data.get("spec")
    layers = project.data.get("spec") or {}
    defaults, overlay = layers.get("defaults", {}), get_overlay(project, environment)
    if not isinstance(spec, dict) or not (defaults or overlay):
        return document
    layer = _Layer(document, project, models)
    layer.lay(defaults, "/spec/defaults", wins=False)
    layer.lay(overlay, f"/spec/environments/{environment}", wins=True)
    return Document(document.file, layer.data, document.marks, layer.inherited)


class _Layer:
    """A copy of a document's data that takes layers, and the places in the project file of what
    they put in.
    """

    def __init__(self, document: Document, project: Document, models: Models) -> None:
        self.data: dict[str, Any] = {**document.data, "spec": dict(document.data["spec"])}
        self.inherited: dict[str, Place] = {}
        self._project, self._models = project, models

    def lay(self, layer: Mapping[str, Any], source: str, *, wins: bool) -> None:
        """Put in what a layer says: a field that the model knows, where nothing stands yet or the
        layer wins.
        """
        if not layer:
            return
        spec = self.data["spec"]
        if "model" in layer:
            self._put(spec, "/spec", "model", layer["model"], source, wins=wins)
        model, given = self._models.get(spec.get("model")), spec.get("input")
        variant = (
            model.variant(given.get("function")) if model and isinstance(given, dict) else None
        )
        for section in ("input", "parameters"):
            own = spec.get(section, {})
            if not variant or not isinstance(own, dict):
                continue
            known = variant.section(section)["properties"]
            fitting = {
                name: value for name, value in layer.get(section, {}).items() if name in known
            }
            if fitting:
                spec[section] = dict(own)
            for name, value in fitting.items():
                self._put(
                    spec[section], f"/spec/{section}", name, value, f"{source}/{section}", wins=wins
                )
        self._lay_labels(layer.get("labels", {}), wins=wins)

    def _put(
        self, holder: dict[str, Any], at: str, name: str, value: Any, source: str, *, wins: bool
    ) -> None:
        if wins or name not in holder:
            holder[name] = value
            self.inherited[join_pointer(at, name)] = self._project.place(join_pointer(source, name))

    def _lay_labels(self, labels: Mapping[str, str], *, wins: bool) -> None:
        metadata = self.data.get("metadata")
        if labels and isinstance(metadata, dict) and isinstance(metadata.get("labels", {}), dict):
            own = metadata.get("labels", {})
            self.data["metadata"] = {
                **metadata,
                "labels": {**own, **labels} if wins else {**labels, **own},
            }


def place_output(environment: str, output: str) -> str:
    """Where an environment puts an output: in a folder of its own, below the first one. No two can
    share a file.
    """
    path = posixpath.normpath(output)
    if environment == NO_ENVIRONMENT or path.startswith(("/", "..", "~")):
        return path
    first, slash, rest = path.partition("/")
    return f"{first}/{environment}/{rest}" if slash else f"{environment}/{first}"


def check_output_folder(document: Document, output: str, project: Document) -> Fault | None:
    """An output in a folder that belongs to an environment would be shared with it."""
    environments = (project.data.get("spec") or {}).get("environments", {})
    parts = posixpath.normpath(output).split("/")
    name = next((part for part in parts[:-1][:2] if part in environments), None)
    if name is None:
        return None
    message = (
        f"output is {output}; the folder {name}/ belongs to the environment {name}: choose another"
    )
    return Fault(document.place("/spec/output"), message)

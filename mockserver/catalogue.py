"""What the service offers: models, their fields, limits, outputs and prices, and the service's
own figures.

All of it is read from the data files in `schemas/`, which the reconciler reads too; no figure
stands in code.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mockserver.errors import ServerError

ROOT = Path(__file__).resolve().parent.parent
Doc = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """One set of fields of a model: the whole model, or one `input.function` of VACE."""

    function: str | None
    input: Doc
    parameters: Doc
    output: Doc

    @functools.cached_property
    def paired(self) -> tuple[tuple[str, str], ...]:
        """The list parameters that have to be as long as a list of the input: (parameter, field)."""
        marks = {
            name: field.get("x-same-length-as", "")
            for name, field in self.parameters["properties"].items()
        }
        return tuple((name, mark.rpartition(".")[2]) for name, mark in marks.items() if mark)


@dataclass(frozen=True)
class Model:
    """A model file as data; `names` maps each callable name to the regions that know it."""

    name: str
    names: dict[str, dict[str, str]]
    running_tasks: int
    submits_per_s: int
    usual: Doc
    billed: tuple[str, ...]
    media: dict[str, Doc]
    variants: tuple[Variant, ...]

    def variant(self, function: str | None) -> Variant | None:
        """The fields for a function; models without functions have one variant and ignore it."""
        if self.variants[0].function is None:
            return self.variants[0]
        return next((v for v in self.variants if v.function == function), None)


@dataclass(frozen=True)
class Catalogue:
    """Every model by each of its names, and the figures of `service.yaml`."""

    models: dict[str, Model]
    service: Doc

    def model(self, name: object, region: str | None) -> Model | None:
        """The model behind a name in a region (None: any region), or None where the region does not
        know it.
        """
        model = self.models.get(name) if isinstance(name, str) else None
        if (
            model is None
            or not isinstance(name, str)
            or (region is not None and region not in model.names[name])
        ):
            return None
        return model

    def region_id(self, region: str | None) -> str:
        """The region's identifier as the task list shows it; the first region where an account has
        none.
        """
        regions = self.service["regions"]
        return str(regions[region or next(iter(regions))]["region_id"])


def schemas_folder(root: Path = ROOT) -> Path:
    """Where the data files are: in a checkout beside the package, in an installed wheel in
    `cutlist_data`.
    """
    for folder in (root / "schemas", root / "cutlist_data" / "schemas"):
        if (folder / "service.yaml").is_file():
            return folder
    raise ServerError(
        f"no schemas/service.yaml below {root}: the installation is incomplete, install it again"
    )


@functools.cache
def load(folder: Path | None = None) -> Catalogue:
    """Read the data files, once in a process. Raises ServerError when they are missing."""
    folder = folder or schemas_folder()
    models = [_model(read_file(path)) for path in sorted((folder / "models").glob("*.yaml"))]
    return Catalogue(
        {name: model for model in models for name in model.names},
        read_file(folder / "service.yaml"),
    )


def read_file(path: Path) -> Doc:
    """One of the data files, which holds a mapping."""
    doc = yaml.load(
        path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    assert isinstance(doc, dict), path
    return doc


def _model(doc: Doc) -> Model:
    return Model(
        name=doc["model"],
        names=doc["names"],
        running_tasks=doc["limits"]["running_tasks"],
        submits_per_s=doc["limits"]["submits_per_s"],
        usual=doc["usual"],
        billed=tuple(doc["billing"]["seconds"]),
        media=doc["media"],
        variants=tuple(
            Variant(v["function"], v["input"], v["parameters"], v["output"])
            for v in doc["variants"]
        ),
    )

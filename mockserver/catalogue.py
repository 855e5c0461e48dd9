"""What the service offers: its models, with fields, limits, outputs and prices, and its figures.

All of it is read from the data files in `schemas/`, which the reconciler reads too; no figure
stands in code.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mockserver.errors import ServerError
from mockserver.model_files import complete_models, read_models

ROOT = Path(__file__).resolve().parent.parent
LONGEST_NAME = 200  # characters of a model's name that the generic model answers to
Doc = dict[str, Any]


def _names_media(field: Doc) -> bool:
    """Whether a field is a medium, a list of media, or a list of objects that each have one."""
    items = field.get("items", {})
    named_by_type = "x-media-by" in items.get("properties", {}).get("url", {})
    return "x-media" in field or "x-media" in items or named_by_type


@dataclass(frozen=True, eq=False)
class Variant:
    """One set of fields of a model: the whole model, or one `input.function` of VACE.

    It is itself and no other, so that what follows from it can be kept by it.
    """

    function: str | None
    input: Doc
    parameters: Doc
    output: Doc

    @functools.cached_property
    def paired_lists(self) -> tuple[tuple[str, str], ...]:
        """List parameters that must be as long as a list of the input: (parameter, field)."""
        marks = {
            name: field.get("x-same-length-as", "")
            for name, field in self.parameters["properties"].items()
        }
        return tuple((name, mark.rpartition(".")[2]) for name, mark in marks.items() if mark)

    @functools.cached_property
    def maxima_by_role(self) -> tuple[tuple[str, Doc], ...]:
        """Parameters whose largest value depends on the media: (parameter, most by role)."""
        fields = self.parameters["properties"].items()
        return tuple(
            (name, field["x-maximum-with"]) for name, field in fields if "x-maximum-with" in field
        )

    @functools.cached_property
    def defaults(self) -> Doc:
        """The documented defaults of the parameters."""
        fields = self.parameters["properties"].items()
        return {
            name: field["default"]
            for name, field in fields
            if field.get("x-default") == "documented"
        }

    @functools.cached_property
    def media_fields(self) -> tuple[tuple[str, Doc], ...]:
        """The fields of the input that name media (x-media), with their schemas."""
        return tuple(
            (name, field) for name, field in self.input["properties"].items() if _names_media(field)
        )

    @property
    def media_anywhere(self) -> str | None:
        """The limits of media that may stand in any field of the input; None for known fields."""
        limits: str | None = self.input.get("x-media-anywhere")
        return limits


@dataclass(frozen=True, eq=False)
class Model:
    """A model file as data. `names` maps each callable name to the regions that know it."""

    name: str
    names: dict[str, dict[str, str]]
    running_tasks: int
    submits_per_s: int
    usual: Doc
    billed: tuple[str, ...]
    media: dict[str, Doc]
    variants: tuple[Variant, ...]
    file: str | None = None  # where it is described, if it is one of the user's own

    def find_variant(self, function: str | None) -> Variant | None:
        """The fields for a function; a model without functions has one variant for all of them."""
        if self.variants[0].function is None:
            return self.variants[0]
        return next((item for item in self.variants if item.function == function), None)


@dataclass(frozen=True)
class Catalogue:
    """Every model by each of its names, and the figures of `service.yaml`.

    `generic` stands for models that it has no file of, where `any_model` says so.
    """

    models: dict[str, Model]
    service: Doc
    generic: Model
    any_model: bool = False

    def find_model(self, name: object, region: str | None) -> Model | None:
        """The model behind a name in a region (None: any region).

        None where there is no such model or the region does not know it.
        """
        if not isinstance(name, str):
            return None
        if name not in self.models:
            is_name = 0 < len(name) <= LONGEST_NAME and name.isprintable()
            return _name_generic(self.generic, name) if self.any_model and is_name else None
        model = self.models[name]
        if region is not None and region not in model.names[name]:
            return None
        return model

    def get_model(self, name: str) -> Model:
        """The model of a task, also where the server has no file of it any more."""
        return self.models.get(name) or _name_generic(self.generic, name)

    def get_region_id(self, region: str | None) -> str:
        """The identifier of a region as the task list shows it.

        For an account without a region it is that of the first one.
        """
        regions = self.service["regions"]
        return str(regions[region or next(iter(regions))]["region_id"])


@functools.lru_cache(maxsize=256)
def _name_generic(generic: Model, name: str) -> Model:
    """The generic model under a name, so that limits count for each name apart."""
    return dataclasses.replace(generic, name=name)


def find_schemas_folder(root: Path = ROOT) -> Path:
    """Where the data files are: beside the package, or in an installed wheel in `cutlist_data`.

    Raises ServerError when they are in neither place.
    """
    for folder in (root / "schemas", root / "cutlist_data" / "schemas"):
        if (folder / "service.yaml").is_file():
            return folder
    raise ServerError(
        f"no schemas/service.yaml below {root}: the installation is incomplete, install it again"
    )


def load_catalogue(folder: Path | None = None, own: Sequence[Path] = ()) -> Catalogue:
    """Read the data files, once in a process, and model files of one's own, at each call.

    `own` are files or folders. Raises ServerError when data files are missing, and for files of
    one's own that cannot be used.
    """
    folder = folder or find_schemas_folder()
    if not own:
        return _load_shipped(folder)
    shipped = {document["model"]: document for document in _read_shipped(folder)}
    schema = folder / "model.schema.json"
    documents = read_models(own, shipped, read_data_file(schema) if schema.is_file() else {})
    catalogue = _load_shipped(folder)
    models = {name: model for model in map(_build_own, documents) for name in model.names}
    return dataclasses.replace(catalogue, models={**catalogue.models, **models})


@functools.cache
def _load_shipped(folder: Path) -> Catalogue:
    models = [_build_model(document) for document in _read_shipped(folder)]
    return Catalogue(
        models={name: model for model in models for name in model.names},
        service=read_data_file(folder / "service.yaml"),
        generic=_build_model(read_data_file(folder / "any-model.yaml")),
    )


@functools.cache
def _read_shipped(folder: Path) -> tuple[Doc, ...]:
    paths = sorted((folder / "models").glob("*.yaml"))
    return complete_models([{**read_data_file(path), "file": path.name} for path in paths])


def read_data_file(path: Path) -> Doc:
    """Read one of the data files, which holds a mapping."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    assert isinstance(document, dict), path
    return document


def _build_own(document: Doc) -> Model:
    """The model of a file of the user's own. Raises ServerError for one that lacks something."""
    try:
        return _build_model(document)
    except (KeyError, TypeError, AttributeError) as error:
        words = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ServerError(f"{document['file']} is not whole: {words}") from error


def _build_model(document: Doc) -> Model:
    variants = (
        Variant(item["function"], item["input"], item["parameters"], item["output"])
        for item in document["variants"]
    )
    return Model(
        name=document["model"],
        names=document["names"],
        running_tasks=document["limits"]["running_tasks"],
        submits_per_s=document["limits"]["submits_per_s"],
        usual=document["usual"],
        billed=tuple(document["billing"]["seconds"]),
        media=document["media"],
        variants=tuple(variants),
        file=document.get("file"),
    )

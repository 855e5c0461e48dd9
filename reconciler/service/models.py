"""What each model accepts, read from schemas/models. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from reconciler.formats.document import join_pointer
from reconciler.formats.values import value


@value(frozen=True, slots=True)
class MediaLimits:
    """What the service takes for one kind of medium; None where the vendor states no limit."""

    name: str
    kind: str  # "video", "image" or "audio"
    formats: tuple[str, ...]
    data_uri: bool
    mask: bool = False  # white is edited, black kept
    alpha: bool | None = None
    duration_s: tuple[float, float] | None = None
    side_px: tuple[int, int] | None = None
    aspect: tuple[float, float] | None = None
    size_bytes: int | None = None
    sources: tuple[str, ...] = ()  # where the figures stand, by letter


_BEYOND_SCHEMA = frozenset(
    {
        "x-warn-absent",
        "x-truncated-at",
        "x-warn-more-than",
        "x-same-length-as",
        "x-only-with",
        "x-combinations",
        "x-counts-together",
        "x-maximum-with",
    }
)
_NO_BILL_S = 1e9  # so long is no video, whoever says so
VIDEO_SUFFIX = ".mp4"  # of what a model makes that is not known (any more)
_KINDS = {"mp4": "video", "mov": "video", "webm": "video", "png": "image", "jpeg": "image"}


@value(frozen=True, slots=True)
class OutputForm:
    """What a model makes: what kind of file, how it is named, and where its length is told."""

    kind: str  # "video" or "image": as what it is probed
    suffix: str  # ".mp4"
    length_fields: tuple[str, ...]  # of `usage`: the length of the output in seconds
    billed_fields: tuple[str, ...]  # of `usage`: what is billed, in seconds

    @classmethod
    def of(cls, output: Mapping[str, Any]) -> OutputForm:
        """Read it from `output` of a variant (schemas/models/*.yaml)."""
        durations = [name for name in output["usage"] if name.endswith("duration")]
        lengths = [name for name in durations if "_" in name and not name.startswith("input_")]
        billed = [name for name in durations if not name.startswith(("input_", "output_"))]
        container = output["container"]
        return cls(_KINDS[container], f".{container}", tuple(lengths), tuple(billed))


@value(frozen=True, slots=True)
class Variant:
    """One set of fields: those of a model, or of one of its functions."""

    function: str | None
    title: str
    input: Mapping[str, Any]
    parameters: Mapping[str, Any]
    output: Mapping[str, Any]
    # those of `fields` that have a rule which JSON Schema cannot say, or a warning
    noted_fields: tuple[tuple[str, str, Mapping[str, Any]], ...] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        noted = (entry for entry in self.fields() if not _BEYOND_SCHEMA.isdisjoint(entry[2]))
        object.__setattr__(self, "noted_fields", tuple(noted))

    @property
    def output_form(self) -> OutputForm:
        """What comes of a request: the kind of file, its suffix, and where its length is told."""
        return OutputForm.of(self.output)

    def section(self, name: str) -> Mapping[str, Any]:
        """The JSON Schema of `input` or `parameters`."""
        return self.input if name == "input" else self.parameters

    def fields(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """(section, field, its schema) for every field."""
        for section in ("input", "parameters"):
            for name, schema in self.section(section)["properties"].items():
                yield section, name, schema

    def media(self, given: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
        """(pointer below `spec`, URL, kind of medium) for every media reference in the `input` of
        an edit.
        """
        for name, schema in self.input["properties"].items():
            value = given.get(name)
            if isinstance(value, str) and "x-media" in schema:
                yield join_pointer("/input", name), value, schema["x-media"]
            elif isinstance(value, list):
                yield from _media_items(
                    value, join_pointer("/input", name), schema.get("items", {})
                )

    def ignored(self, section: str) -> Sequence[str]:
        """Names that requests carry in this section and the service does not read."""
        return tuple(self.section(section).get("x-ignored", ()))

    def default(self, section: str, field: str) -> Any:
        """The documented default of a field; None when there is none, or the vendor does not
        promise it.
        """
        schema = self.section(section)["properties"].get(field, {})
        return schema.get("default") if schema.get("x-default") == "documented" else None


def _media_items(
    items: Sequence[Any], at: str, schema: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    for index, item in enumerate(items):
        if isinstance(item, str) and "x-media" in schema:
            yield join_pointer(at, index), item, schema["x-media"]
        elif isinstance(item, dict):
            for name, part in schema.get("properties", {}).items():
                if not isinstance(item.get(name), str):
                    continue
                if "x-media" in part:
                    yield join_pointer(join_pointer(at, index), name), item[name], part["x-media"]
                if "x-media-by" not in part:
                    continue
                kind = str(item.get(part["x-media-by"]))
                # another one is a fault of the schema
                if kind in schema["properties"][part["x-media-by"]]["enum"]:
                    yield join_pointer(join_pointer(at, index), name), item[name], kind


@value(frozen=True, slots=True)
class Model:
    """One model of the service and its figures (schemas/models/*.yaml)."""

    model: str
    title: str
    names: Mapping[str, Mapping[str, str]]  # name → region → allowed | discouraged
    submits_per_s: float
    running_tasks: int
    usual_s: float
    shortest_s: float
    poll_interval_s: float
    billing_seconds: tuple[str, ...]
    billing_tier: str | None
    media: Mapping[str, MediaLimits]
    variants: tuple[Variant, ...]
    file: str = ""  # of the project, that says so; empty: it is one of the program's

    def variant(self, function: Any) -> Variant | None:
        """The fields that apply to `input.function`; None when there is no such function."""
        for variant in self.variants:
            if variant.function is None or variant.function == function:
                return variant
        return None

    @property
    def functions(self) -> tuple[str, ...]:
        return tuple(variant.function for variant in self.variants if variant.function is not None)


_UNKNOWN = Model(
    model="",
    title="",
    names={},
    submits_per_s=1.0,
    running_tasks=1,
    usual_s=300.0,
    shortest_s=60.0,
    poll_interval_s=15.0,
    billing_seconds=(),
    billing_tier=None,
    media={},
    variants=(),
)


@value(frozen=True, slots=True)
class Models:
    """All models, by every name they have in some region. `fingerprint` tells a project's own from
    others; it is empty where there are none.
    """

    by_name: Mapping[str, Model]
    fingerprint: str = ""

    @classmethod
    def of(cls, documents: Sequence[Mapping[str, Any]], fingerprint: str = "") -> Models:
        """The models of these documents; a later one takes the names of an earlier one."""
        models = [_model(document) for document in documents]
        return cls({name: model for model in models for name in model.names}, fingerprint)

    def find(self, name: str) -> Model:
        """The model of that name. One that is not known any more, as a task of it is brought home,
        has the figures of the most patient client.
        """
        return self.by_name.get(name, _UNKNOWN)

    def get(self, name: Any) -> Model | None:
        """The model of that name, in whichever region it has it; None for one we do not know."""
        return self.by_name.get(name) if isinstance(name, str) else None

    @property
    def length_fields(self) -> tuple[str, ...]:
        """Every field of `usage` in which some model tells the length of its output."""
        fields = [field for form in self._output_forms() for field in form.length_fields]
        return tuple(dict.fromkeys(fields))

    def read_billed_seconds(self, usage: Mapping[str, object]) -> float:
        """What the service says it bills for a task of whichever model; 0 where it does not say."""
        for name in dict.fromkeys(f for form in self._output_forms() for f in form.billed_fields):
            value = usage.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            if 0 < value < _NO_BILL_S:
                return float(value)
        return 0.0

    def _output_forms(self) -> Iterator[OutputForm]:
        for model in self.by_name.values():
            for variant in model.variants:
                yield variant.output_form

    def find_variant(self, request: Mapping[str, object]) -> Variant | None:
        """The fields that apply to a request (`model`, `input`); None for a model or a function
        that we do not know.
        """
        model, fields = self.get(request.get("model")), request.get("input")
        function = fields.get("function") if isinstance(fields, Mapping) else None
        return model.variant(function) if model is not None else None

    def find_output_form(self, request: Mapping[str, object]) -> OutputForm | None:
        """What comes of a request, as its model says; None as in `find_variant`."""
        variant = self.find_variant(request)
        return variant.output_form if variant is not None else None


def _model(data: Mapping[str, Any]) -> Model:
    return Model(
        model=data["model"],
        title=data["title"],
        names=data["names"],
        submits_per_s=data["limits"]["submits_per_s"],
        running_tasks=data["limits"]["running_tasks"],
        usual_s=data["usual"]["duration_s"],
        shortest_s=data["usual"]["shortest_s"],
        poll_interval_s=data["usual"]["poll_interval_s"],
        billing_seconds=tuple(data["billing"]["seconds"]),
        billing_tier=data["billing"].get("tier"),
        media={name: _limits(name, limits) for name, limits in data["media"].items()},
        variants=tuple(
            Variant(
                variant["function"],
                variant.get("title", data["title"]),
                variant["input"],
                variant["parameters"],
                variant["output"],
            )
            for variant in data["variants"]
        ),
        file=data.get("file", ""),
    )


def _limits(name: str, data: Mapping[str, Any]) -> MediaLimits:
    def pair(field: str) -> Any:
        return tuple(data[field]) if field in data else None

    return MediaLimits(
        name=name,
        kind=data["kind"],
        formats=tuple(data["formats"]),
        data_uri=data["data_uri"],
        mask=data.get("mask", False),
        alpha=data.get("alpha"),
        duration_s=pair("duration_s"),
        side_px=pair("side_px"),
        aspect=pair("aspect"),
        size_bytes=data.get("size_bytes"),
        sources=tuple(data.get("x-source", ())),
    )

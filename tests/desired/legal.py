"""Legal edits, made from schemas/models: whatever the files say may be written is tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from reconciler.service.models import Model, Variant
from tests.making import MODELS

URLS = ["./a.mp4", "./b.mp4", "edit://upstream", "https://example.com/c.mp4", "oss://bucket/d.mp4"]
PICTURES = [
    "./a.png",
    "./b.png",
    "https://example.com/c.png",
    "data:image/png;base64,aGF0",
    "oss://bucket/d.png",
]
SOUNDS = ["./a.mp3", "https://example.com/c.wav", "oss://bucket/d.mp3"]
BY_KIND = {"video": URLS, "image": PICTURES, "audio": SOUNDS}
_WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), include_characters="\n\t"),
    min_size=1,
    max_size=30,
)
Spec = dict[str, Any]


def variants() -> Iterator[tuple[str, Model, Variant]]:
    """(name of the model, model, variant) for every set of fields there is."""
    for name, model in MODELS.by_name.items():
        for variant in model.variants:
            yield name, model, variant


VARIANTS = list(variants())
IDS = [f"{name}:{variant.function or 'edit'}" for name, _, variant in VARIANTS]


def specs() -> st.SearchStrategy[Spec]:
    """Any legal `spec`."""
    return st.sampled_from(VARIANTS).flatmap(lambda each: _spec(*each))


@st.composite
def _spec(draw: Any, name: str, model: Model, variant: Variant) -> Spec:
    input_ = {
        field: draw(_values(schema, model))
        for field, schema in _chosen(draw, variant, "input").items()
    }
    parameters = {
        field: draw(_values(schema, model))
        for field, schema in _chosen(draw, variant, "parameters").items()
    }
    if "obj_or_bg" in parameters:
        count = len(input_["ref_images_url"])
        parameters["obj_or_bg"] = draw(
            st.sampled_from([["obj"] * count, ["bg"] + ["obj"] * (count - 1)])
        )
    spec: Spec = {"model": name, "input": input_}
    if parameters or draw(st.booleans()):
        spec["parameters"] = parameters
    if draw(st.booleans()):
        spec["take"] = draw(st.integers(1, 9))
    return spec


def _chosen(draw: Any, variant: Variant, section: str) -> Mapping[str, Mapping[str, Any]]:
    rule = variant.section(section)
    fields = rule["properties"]
    names = {*rule.get("required", ())}
    if one := rule.get("x-exactly-one"):
        names.add(draw(st.sampled_from(one)))
    if some := rule.get("x-at-least-one"):
        names.update(draw(st.lists(st.sampled_from(some), min_size=1, unique=True)))
    free = [
        each
        for each in fields
        if each not in [*rule.get("x-exactly-one", ()), *rule.get("x-at-least-one", ())]
    ]
    names.update(draw(st.lists(st.sampled_from(free), unique=True)) if free else ())
    return {each: fields[each] for each in sorted(names)}


def _values(schema: Mapping[str, Any], model: Model) -> st.SearchStrategy[Any]:
    """Legal values of one field."""
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    if "anyOf" in schema:
        return st.one_of(
            *(_values({"type": schema["type"], **option}, model) for option in schema["anyOf"])
        )
    match schema["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            most = min([schema.get("maximum", 10_000), *schema.get("x-maximum-with", {}).values()])
            return st.integers(schema["minimum"], most)
        case "number":
            return st.floats(schema["minimum"], schema["maximum"], allow_subnormal=False)
        case "array" if "x-counts" in schema and "video" not in schema["x-counts"]:
            return st.sampled_from(list_media(schema, model))
        case "array" if "x-counts" in schema:
            pictures = st.lists(st.sampled_from(PICTURES), max_size=4)
            return st.tuples(st.sampled_from(URLS), pictures).map(lambda each: media(*each))
        case "array":
            return st.lists(
                _values(schema["items"], model), min_size=schema.get("minItems", 1), max_size=3
            )
        case _ if "x-media" in schema:
            return st.sampled_from(BY_KIND[model.media[schema["x-media"]].kind])
        case _:
            return _WORDS


def list_media(schema: Mapping[str, Any], model: Model) -> list[list[dict[str, str]]]:
    """Some legal lists of media of a model whose roles may stand together in many ways."""
    together = schema.get("x-counts-together") or [{"types": [*schema["x-counts"]]}]
    sets = schema.get("x-combinations") or [[role] for each in together for role in each["types"]]
    return [
        [{"type": role, "url": BY_KIND[model.media[role].kind][number]} for role in roles]
        for roles in sets
        for number in (0, 1)
    ]


def media(url: str, pictures: Sequence[str] = ()) -> list[dict[str, str]]:
    """The media of wan2.7-videoedit."""
    images = [{"type": "reference_image", "url": each} for each in pictures]
    return [{"type": "video", "url": url}, *images]


def samples(schema: Mapping[str, Any], model: Model) -> list[Any]:
    """Some legal values of one field, no two the same; for an enum or a boolean all of them."""
    if "enum" in schema:
        return list(schema["enum"])
    match schema["type"]:
        case "boolean":
            return [True, False]
        case "integer" if "anyOf" in schema:
            return [0, 2, 3, 10]
        case "integer" if "default" in schema:
            return [schema["minimum"], schema["default"], schema["maximum"]]
        case "integer":
            return [schema["minimum"], schema["minimum"] + 1, schema.get("maximum", 99)]
        case "number":
            low, high = schema["minimum"], schema["maximum"]
            return [low, low + (high - low) / 20, low + (high - low) / 2, high]
        case "array" if "x-counts" in schema and "video" not in schema["x-counts"]:
            return list_media(schema, model)
        case "array" if "x-counts" in schema:
            return [
                media(URLS[0]),
                media(URLS[1]),
                media(URLS[0], PICTURES[:1]),
                media(URLS[0], PICTURES[:2]),
                media(URLS[0], PICTURES[1::-1]),
            ]
        case "array" if "x-same-length-as" in schema:
            return [["obj"], ["bg"]]
        case "array":
            return [PICTURES[:1], PICTURES[1:2], PICTURES[:2]]
        case _ if "x-media" in schema:
            return BY_KIND[model.media[schema["x-media"]].kind]
        case _:
            return ["Make it blue", "Make it blue.", "make it blue"]


def smallest(name: str, model: Model, variant: Variant) -> Spec:
    """A legal `spec` with nothing in it that could be left out."""
    rule = variant.input
    names = [
        *rule.get("required", ()),
        *rule.get("x-exactly-one", ())[:1],
        *rule.get("x-at-least-one", ())[:1],
    ]
    fields = {each: rule["properties"][each] for each in names}
    return {
        "model": name,
        "input": {
            each: f["const"] if "const" in f else samples(f, model)[0] for each, f in fields.items()
        },
        "parameters": {},
    }

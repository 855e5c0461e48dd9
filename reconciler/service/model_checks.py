"""What a model file may contradict itself in, beyond what its JSON Schema says. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from reconciler.formats.document import Document, join_pointer
from reconciler.formats.names import suggest_name
from reconciler.formats.schema import validate_document

Slip = tuple[str, str]  # a pointer into the file, and what is wrong there
_RANGES = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"))
_NOTES_ON_FIELDS = ("x-exactly-one", "x-at-least-one", "required")


def find_slips(model: Mapping[str, Any], regions: Collection[str]) -> Iterator[Slip]:
    """Everything in which a model that keeps the schema contradicts itself; `regions` are those of
    the service.
    """
    yield from _check_names(model["names"], regions)
    if "output" not in model["billing"]["seconds"]:
        yield "/billing/seconds", "seconds must name output: what is made is what is paid for"
    usual = model["usual"]
    if not usual["shortest_s"] <= usual["duration_s"] <= usual["longest_s"]:
        yield "/usual", "usual: shortest_s, duration_s and longest_s must be in this order"
    for name, limits in model["media"].items():
        for field in ("duration_s", "side_px", "aspect"):
            low, high = limits.get(field, (0, 0))
            if low > high:
                at = join_pointer("/media", name)
                yield f"{at}/{field}", f"{field}: the least ({low}) is above the most ({high})"
    yield from _check_functions(model["variants"])
    for number, variant in enumerate(model["variants"]):
        for at, words in _check_variant(variant, model):
            yield f"/variants/{number}{at}", words


def _check_names(names: Mapping[str, Any], regions: Collection[str]) -> Iterator[Slip]:
    for name, known in names.items():
        for region in known:
            if region not in regions:
                at = join_pointer(join_pointer("/names", name), region)
                there = f"there is no region {region}; the service has {', '.join(regions)}"
                yield at, f"{there}.{suggest_name(region, regions)}"


def _check_functions(variants: Sequence[Mapping[str, Any]]) -> Iterator[Slip]:
    functions = [variant["function"] for variant in variants]
    if None in functions and len(functions) > 1:
        yield "/variants", "variants: several of them need a function each, and one has none"
    for number, function in enumerate(functions):
        at = f"/variants/{number}"
        if function in functions[:number]:
            yield f"{at}/function", f"function {function} is there twice"
        fields = variants[number]["input"]
        named = fields["properties"].get("function", {})
        if function is not None and (
            named.get("const") != function or "function" not in fields.get("required", ())
        ):
            must = f"its input must require `function`, with const: {function}"
            yield f"{at}/input", must


def _check_variant(variant: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[Slip]:
    media = model["media"]
    for section in ("input", "parameters"):
        fields = variant[section]
        for note in _NOTES_ON_FIELDS:
            for name in fields.get(note, ()):
                if name not in fields["properties"]:
                    said = suggest_name(name, fields["properties"])
                    yield f"/{section}/{note}", f"{note} names {name}, which is no field.{said}"
        for name, field in fields["properties"].items():
            at = join_pointer(f"/{section}/properties", name)
            yield from _check_field(field, at, media)
            yield from _check_partners(field, at, variant, section, media)
    yield from _check_output(variant, model)


def _check_field(field: Mapping[str, Any], at: str, media: Collection[str]) -> Iterator[Slip]:
    """One field, and those inside it."""
    for low, high in _RANGES:
        if field.get(low, 0) > field.get(high, float("inf")):
            yield f"{at}/{low}", f"{low} is above {high}"
    yield from _check_values(field, at)
    if "x-media" in field and field["x-media"] not in media:
        yield f"{at}/x-media", _tell_no_medium(field["x-media"], media)
    parts = field.get("properties", {})
    for name, part in parts.items():
        inside = join_pointer(f"{at}/properties", name)
        yield from _check_field(part, inside, media)
        if "x-media-by" in part:
            yield from _check_kinds(parts.get(part["x-media-by"], {}), inside, media)
    if "items" in field:
        yield from _check_field(field["items"], f"{at}/items", media)
    yield from _check_counts(field, at)


def _check_values(field: Mapping[str, Any], at: str) -> Iterator[Slip]:
    """What a field gives as its default and as examples is what it takes."""
    plain = {name: rule for name, rule in field.items() if not name.startswith("x-")}
    given = [("default", field["default"])] if "default" in field else []
    given += [("examples", value) for value in field.get("examples", ())]
    for name, value in given:
        if validate_document(Document("", value), plain):
            yield f"{at}/{name}", f"{name}: {value!r} is not what the field itself takes"


def _check_kinds(by: Mapping[str, Any], at: str, media: Collection[str]) -> Iterator[Slip]:
    """The field that says which kind of medium another one is."""
    if not by.get("enum"):
        yield f"{at}/x-media-by", "x-media-by names no field beside it with an enum"
    for kind in by.get("enum", ()):
        if kind not in media:
            yield f"{at}/x-media-by", _tell_no_medium(kind, media)


def _check_counts(field: Mapping[str, Any], at: str) -> Iterator[Slip]:
    kinds = field.get("items", {}).get("properties", {}).get("type", {}).get("enum", ())
    for kind, (low, high) in field.get("x-counts", {}).items():
        if kind not in kinds:
            yield f"{at}/x-counts", f"x-counts names {kind}, which is no type of its items"
        if low > high:
            yield f"{at}/x-counts", f"x-counts: of {kind} the least is above the most"
    together = field.get("x-counts-together", ())
    named = [("x-combinations", each) for each in field.get("x-combinations", ())]
    named += [("x-counts-together", rule["types"]) for rule in together]
    for note, roles in named:
        for role in set(roles).difference(kinds):
            yield f"{at}/{note}", f"{note} names {role}, which is no type of its items"


def _tell_no_medium(name: object, media: Collection[str]) -> str:
    known = ", ".join(media) or "none"
    return f"there is no medium {name}; `media` has {known}.{suggest_name(name, media)}"


def _check_partners(
    field: Mapping[str, Any],
    at: str,
    variant: Mapping[str, Any],
    section: str,
    media: Collection[str],
) -> Iterator[Slip]:
    """Other fields and media that a field's notes name."""
    partner = field.get("x-same-length-as")
    if partner is not None:
        other = variant["input"]["properties"].get(partner.removeprefix("input."), {})
        if other.get("type") != "array" or field.get("type") != "array":
            yield f"{at}/x-same-length-as", f"{partner} and this field must both be lists"
    for role in field.get("x-maximum-with", {}):
        if role not in media:
            yield f"{at}/x-maximum-with", _tell_no_medium(role, media)
    for name in field.get("x-only-with", {}):
        if name not in variant[section]["properties"]:
            yield f"{at}/x-only-with", f"x-only-with names {name}, which is no field"


def _check_output(variant: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[Slip]:
    output, parameters = variant["output"], variant["parameters"]["properties"]
    if not any(_is_billed(name) for name in output["usage"]):
        must = (
            "usage must name the field that is billed: one that ends in duration, as video_duration"
        )
        yield "/output/usage", must
    needs = {"by-ratio": ("ratio",), "by-size": ("size",)}.get(output["size"], ())
    for name in needs:
        if name not in parameters:
            yield "/output/size", f"{output['size']} needs the parameter {name}"
    tier = (model["billing"].get("tier") or "").removeprefix("parameters.")
    if tier and tier not in parameters and "resolution" not in output:
        yield "/parameters", f"the price goes by parameters.{tier}, which is no field here"
    if output["duration"] == "by-parameter" and "default" not in parameters.get("duration", {}):
        yield "/output/duration", "by-parameter needs the parameter duration, with a default"
    missing = set(parameters.get(tier, {}).get("enum", ())) - set(output.get("areas", {}))
    if output["size"] == "by-tier" and (missing or not tier):
        yield "/output/areas", f"by-tier needs an area for each tier: {', '.join(sorted(missing))}"
    if output["size"] == "by-ratio":
        yield from _check_sizes(output, parameters, tier)
    follows = "like-input" in (output["size"], output["duration"])
    has_video = any(limits["kind"] == "video" for limits in model["media"].values())
    if (follows or "input" in model["billing"]["seconds"]) and not has_video:
        yield "/output", "it goes by the input video, and no medium of the model is one"


def _check_sizes(
    output: Mapping[str, Any], parameters: Mapping[str, Any], tier: str
) -> Iterator[Slip]:
    sizes = output.get("sizes", {})
    for each in parameters.get(tier, {}).get("enum", ()):
        missing = set(parameters.get("ratio", {}).get("enum", ())) - set(sizes.get(each, {}))
        if each not in sizes:
            yield "/output/sizes", f"sizes has no {each}"
        elif missing:
            yield f"/output/sizes/{each}", f"{each} has no {', '.join(sorted(missing))}"


def _is_billed(name: str) -> bool:
    return name.endswith("duration") and not name.startswith(("input_", "output_"))

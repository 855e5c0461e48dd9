"""Models of the service in words: what they make, take, cost, and how one is asked. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.desired.model_example import build_example
from reconciler.formats.values import value
from reconciler.plan.model_view import ModelView
from reconciler.report.page import Block, Line, Page, Paragraph, Span, Style, Words, spell
from reconciler.report.table import Column, Row, Table
from reconciler.service.models import MediaLimits, Model, Variant

MARKS = (
    "G guide, R API reference, Z guide (zh), V pages of the vendor, D SDK or other documentation,"
    " M measured, T third parties, A assumed"
)
_LENGTHS = {"like-input": "as long as the input", "by-parameter": "as long as is asked for"}
_TYPES = {"string": "text", "boolean": "true, false", "object": "a mapping", "array": "a list"}


@value(frozen=True, slots=True)
class Verbatim:
    """Lines that are shown as they are, to be copied: none is broken or shortened."""

    text: str

    def lines(self, page: Page) -> Iterator[Line]:
        for line in self.text.splitlines():
            yield spell([line], page)


# ------------------------------------------------------------------ all of them


def lay_out_models(views: Sequence[ModelView]) -> list[Block | str]:
    """A line for each name."""
    columns = [
        Column("model"),
        Column("regions", drop=3),
        Column("makes", drop=1),
        Column("billed", drop=2),
        Column("price of a second"),
    ]
    rows = [
        Row([Span(name, Style.STRONG), *cells], below=below)
        for view in views
        for name, cells, below in _list_names(view)
    ]
    return [
        Table(columns, rows),
        "",
        "cutlist models NAME  shows limits, fields and an example",
    ]


def _list_names(view: ModelView) -> Iterator[tuple[str, list[Words], list[Block | str]]]:
    model = view.model
    for number, (name, known) in enumerate(model.names.items()):
        cells: list[Words] = [
            _describe_regions(known),
            _describe_kinds(model),
            " + ".join(model.billing_seconds),
            _describe_prices(view, name),
        ]
        where = f"{model.file}: " if model.file else ""
        words = f"{where}{model.title}" if number == 0 else f"see {model.model}"
        title: Block | str = Paragraph(words, "    ")
        yield name, cells, [title]


def _describe_regions(known: Mapping[str, str]) -> str:
    warned = {"discouraged": " (warned)"}
    return ", ".join(f"{region}{warned.get(how, '')}" for region, how in known.items())


def _describe_kinds(model: Model) -> str:
    forms = (variant.output["container"] for variant in model.variants)
    return ", ".join(dict.fromkeys(forms))


def _describe_prices(view: ModelView, name: str) -> str:
    """`720P 0.1, 1080P 0.15 USD`, or a dash where the project names no price."""
    prices = {
        price.removeprefix(name).strip(): each
        for price, each in view.list_prices().items()
        if price.partition(" ")[0] == name
    }
    if not prices:
        return "—"
    listed = ", ".join(f"{tier} {price:g}".strip() for tier, price in prices.items())
    return f"{listed} {view.currency}".strip()


# ------------------------------------------------------------------ one of them


def lay_out_model(view: ModelView) -> list[Block | str]:
    """Names, billing, limits, media, and of each function its fields and a manifest to paste."""
    model = view.model
    lines: list[Block | str] = [Paragraph([Span(model.model, Style.STRONG), f"  {model.title}"])]
    names = "; ".join(f"{name}: {_describe_regions(model.names[name])}" for name in model.names)
    tier = f", the price by {model.billing_tier}" if model.billing_tier else ""
    rows = [
        ("names", names),
        *([("file", model.file)] if model.file else []),
        ("billed", f"seconds of {' and '.join(model.billing_seconds)}{tier}"),
        ("price", _describe_all_prices(view)),
        (
            "limits",
            f"{model.submits_per_s:g} requests a second, {model.running_tasks} tasks at once",
        ),
        ("time", f"usually {model.usual_s:g} s, at least {model.shortest_s:g} s"),
    ]
    lines += [Paragraph(words, f"  {title:<7}  ") for title, words in rows]
    if model.media:
        lines += ["", Paragraph("media:"), _lay_out_media(model.media)]
    for variant in model.variants:
        lines += ["", *_lay_out_variant(model, variant)]
    return [*lines, "", Paragraph(f"sources: {MARKS}")]


def _describe_all_prices(view: ModelView) -> str:
    named = [name for name in view.model.names if _describe_prices(view, name) != "—"]
    if not named:
        return "`prices` of cutlist.yaml names none"
    return "; ".join(f"{name}: {_describe_prices(view, name)} a second" for name in named)


def _lay_out_media(media: Mapping[str, MediaLimits]) -> Table:
    columns = [Column(), Column(), Column(), Column(drop=1)]
    rows = [
        Row(
            [Span(name, Style.STRONG), ", ".join(limits.formats), _describe_length(limits),
             ", ".join(limits.sources)],
            note=_describe_limits(limits),
        )
        for name, limits in media.items()
    ]  # fmt: skip
    return Table(columns, rows, indent="  ")


def _describe_length(limits: MediaLimits) -> str:
    if limits.duration_s is None:
        return ""
    least, most = limits.duration_s
    return f"{least:g} to {most:g} s" if least else f"at most {most:g} s"


def _describe_limits(limits: MediaLimits) -> str:
    """Everything but formats and length, in words."""
    parts = []
    if limits.side_px is not None:
        parts.append("sides of {} to {} px".format(*limits.side_px))
    if limits.aspect is not None:
        narrow, wide = limits.aspect
        parts.append(f"1:{1 / narrow:g} to {wide:g}:1" if narrow else f"at most {wide:g}:1")
    if limits.size_bytes is not None:
        parts.append(f"at most {limits.size_bytes / 2**20:g} MB")
    if limits.mask:
        parts.append("white is edited, black kept")
    if limits.alpha is False:
        parts.append("no transparency")
    if limits.data_uri:
        parts.append("also as a data URI")
    return ", ".join(parts)


def _lay_out_variant(model: Model, variant: Variant) -> Iterator[Block | str]:
    """The fields of a function, or of a model that has none, and an example."""
    if variant.function is not None:
        yield Paragraph([Span(variant.function, Style.STRONG), f"  {variant.title}"])
    yield Paragraph(f"makes {_describe_output(variant)}", "  ")
    rows = [
        Row(
            [
                Span(f"{section}.{name}", Style.STRONG),
                _describe_default(variant, section, name),
                ", ".join(field.get("x-source", ())),
            ],
            note=describe_legal(field),
            below=[Paragraph(str(field.get("description", "")), "      ")],
        )
        for section, name, field in variant.fields()
    ]
    columns = [Column("field"), Column("default"), Column("source", drop=1)]
    yield Table(columns, rows, indent="  ", note_title="legal")
    yield from ("", Paragraph("example:", "  "), Verbatim(write_manifest(model, variant)))


def _describe_output(variant: Variant) -> str:
    output = variant.output
    rule = output["duration"]
    length = f"of {rule} s" if not isinstance(rule, str) else _LENGTHS.get(rule, rule)
    if "longest_s" in output:
        length += f", at most {output['longest_s']:g} s"
    if "uses_s" in output:
        length += f", of at most {output['uses_s']:g} s of the input"
    sound = "with sound" if output["audio"] else "without sound"
    return f"{output['container']} {length}, {sound}"


def describe_legal(field: Mapping[str, Any]) -> str:
    """What may stand in a field, in words."""
    items, kind = field.get("items", {}), str(field.get("type", "anything"))
    if "const" in field:
        return str(field["const"])
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if "enum" in items:
        return f"a list of {' or '.join(map(str, items['enum']))}"
    if "x-legal" in field:
        return str(field["x-legal"])
    if "x-media" in field:
        return f"a URL of {field['x-media']}"
    if "x-combinations" in field:
        return "; ".join(" and ".join(roles) for roles in field["x-combinations"])
    if "x-counts" in field:
        return ", ".join(
            _describe_count(role, *range_) for role, range_ in field["x-counts"].items()
        )
    if "x-media" in items:
        return (
            f"{_describe_range(field, 'minItems', 'maxItems')} URLs of {items['x-media']}".strip()
        )
    if "minimum" in field or "maximum" in field:
        whole = "whole, " if kind == "integer" else ""
        return f"{whole}{_describe_range(field, 'minimum', 'maximum')}"
    return _TYPES.get(kind, kind)


def _describe_count(role: str, least: int, most: int) -> str:
    return f"{least} {role}" if least == most else f"{least} to {most} {role}"


def _describe_range(field: Mapping[str, Any], low: str, high: str) -> str:
    least, most = field.get(low), field.get(high)
    if least is None or most is None:
        return f"at most {most}" if least is None else f"at least {least}"
    return f"{least} to {most}"


def _describe_default(variant: Variant, section: str, name: str) -> str:
    if name in variant.section(section).get("required", ()):
        return "required"
    field = variant.section(section)["properties"][name]
    given = field.get("default")
    shown = str(given).lower() if isinstance(given, bool) else str(given)
    if field.get("x-default") == "undocumented":
        return "the service's" if given is None else f"{shown}, not promised"
    return "" if given is None else shown


def write_manifest(model: Model, variant: Variant) -> str:
    """The example of a function as YAML."""
    import yaml  # lazy: start-up time

    text: str = yaml.safe_dump(
        build_example(model, variant), sort_keys=False, allow_unicode=True, width=76
    )
    return text

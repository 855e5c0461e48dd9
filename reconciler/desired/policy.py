"""Checks the rules that every edit keeps (`policy` of the project file). Pure.

A rule is about the video that comes of an edit: where a field is not set, the model's documented
default counts, and where a model has no such field, what it makes without one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.desired.edit import Edit
from reconciler.errors import Fault, Place
from reconciler.formats.document import Document, join_pointer
from reconciler.formats.names import compile_wildcard, get_matrix_name, make_plain, suggest_name
from reconciler.formats.values import value
from reconciler.service.models import Models, Variant


@value(frozen=True, slots=True)
class Rule:
    """One rule: what it says, and where."""

    name: str
    value: Any
    at: str  # pointer in the project file
    project: Document
    words: tuple[str, ...] = ()  # of every entry of `prompt_deny`

    def source(self, index: int | None = None) -> str:
        """`policy.models, cutlist.yaml:6:14`: the rule, or an entry of its list, as a message names
        it.
        """
        place = self.project.place(self.at if index is None else join_pointer(self.at, index))
        return f"policy.{self.name}, {place}"


@value(frozen=True, slots=True)
class Waiver:
    """Edits, by name or pattern, that need not keep some rules."""

    edits: tuple[str, ...]
    rules: tuple[str, ...]
    at: str

    def covers(self, edit: str) -> bool:
        """Whether the edit is named, by itself or as a cell of a matrix."""
        return any(
            compile_wildcard(pattern).fullmatch(name)
            for pattern in self.edits
            for name in (edit, get_matrix_name(edit))
        )


@value(frozen=True, slots=True)
class Policy:
    """The rules of one environment."""

    project: Document
    rules: Sequence[Rule] = ()
    waivers: Sequence[Waiver] = ()

    @classmethod
    def of(cls, project: Document, environment: str) -> Policy:
        """What the project file says, and what the environment says instead, rule by rule; waivers
        add up.
        """
        spec = project.data.get("spec") or {}
        rules: dict[str, Rule] = {}
        waivers = []
        for at, layer in _list_layers(spec):
            if at not in (
                "/spec/policy",
                f"{join_pointer('/spec/environments', environment)}/policy",
            ):
                continue
            rules |= {
                name: _build_rule(name, layer[name], at, project)
                for name in _CHECKS
                if name in layer
            }
            for index, entry in enumerate(layer.get("waive", ())):
                waivers.append(
                    Waiver(tuple(entry["edits"]), tuple(entry["rules"]), f"{at}/waive/{index}")
                )
        return cls(project, tuple(rules.values()), tuple(waivers))

    def check(self, edits: Iterable[tuple[Edit, Variant]]) -> Iterator[Fault]:
        """Everything in which edits break the rules, each at the field that does."""
        for edit, variant in edits:
            for rule in self.rules:
                broken = list(_CHECKS[rule.name](edit, variant, rule))
                if broken and not any(
                    rule.name in waiver.rules and waiver.covers(edit.name)
                    for waiver in self.waivers
                ):
                    yield from broken

    def to_json(self) -> list[Any]:
        """All that a verdict depends on, as plain data."""
        rules = [[rule.name, rule.value] for rule in self.rules]
        return [rules, [[waiver.edits, waiver.rules] for waiver in self.waivers]]

    def find_idle_waivers(self, names: Iterable[str]) -> Iterator[Fault]:
        """A warning for every entry of a waiver that is the name of none of these edits."""
        known = (
            {known for name in names for known in (name, get_matrix_name(name))}
            if self.waivers
            else set()
        )
        for waiver in self.waivers:
            for index, pattern in enumerate(waiver.edits):
                if pattern not in known and not any(
                    map(compile_wildcard(pattern).fullmatch, known)
                ):
                    place = self.project.place(f"{waiver.at}/edits/{index}")
                    yield Fault(
                        place,
                        f'the waiver is for "{make_plain(pattern)}", and no edit has that name',
                        "warning",
                    )


def _build_rule(name: str, value: Any, at: str, project: Document) -> Rule:
    words = tuple(map(_split_words, value)) if name == "prompt_deny" else ()
    return Rule(name, value, join_pointer(at, name), project, words)


def check_project_policy(project: Document, models: Models) -> Iterator[Fault]:
    """What the schema cannot say of any policy of the project file: which models and resolutions
    there are.
    """
    variants = [variant for model in models.by_name.values() for variant in model.variants]
    tiers = dict.fromkeys(tier for variant in variants for tier in _list_tiers(variant))
    legal = {"models": sorted(models.by_name), "resolution": list(tiers)}
    for at, layer in _list_layers(project.data.get("spec") or {}):
        for rule, values in legal.items():
            for index, given in enumerate(layer.get(rule, ())):
                if given not in values:
                    place = project.place(f"{at}/{rule}/{index}")
                    yield Fault(
                        place,
                        f'policy.{rule} names "{make_plain(given)}"; legal are'
                        f" {', '.join(values)}.{suggest_name(given, values)}",
                    )
        for index, phrase in enumerate(layer.get("prompt_deny", ())):
            if not _split_words(phrase).strip():
                place = project.place(f"{at}/prompt_deny/{index}")
                yield Fault(
                    place, "policy.prompt_deny has an entry without a character that can be seen"
                )


def _list_layers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(pointer, policy) of the project and of each environment, as far as they say anything."""
    yield "/spec/policy", spec.get("policy", {})
    for name, overlay in spec.get("environments", {}).items():
        yield f"{join_pointer('/spec/environments', name)}/policy", overlay.get("policy", {})


# ------------------------------------------------------------------ the rules


def _check_model(edit: Edit, _variant: Variant, rule: Rule) -> Iterator[Fault]:
    if edit.model not in rule.value:
        yield Fault(edit.place("/model"), f'model is "{edit.model}"; {_describe_legal(rule)}')


def _check_resolution(edit: Edit, variant: Variant, rule: Rule) -> Iterator[Fault]:
    if "resolution" in variant.parameters["properties"]:
        tier, place, how = _read_parameter(edit, variant, "resolution")
    else:
        tier, place, how = variant.output["resolution"], edit.place("/model"), f"{edit.model} makes"
    if tier not in rule.value:
        yield Fault(place, f'{how} "{tier}"; {_describe_legal(rule)}')


def _check_labels(edit: Edit, _variant: Variant, rule: Rule) -> Iterator[Fault]:
    for index, label in enumerate(rule.value):
        if not edit.labels.get(label):
            place = edit.document.place("/metadata/labels", key=True)
            yield Fault(
                place,
                f'metadata.labels lacks "{make_plain(label)}"; every edit needs it'
                f" ({rule.source(index)}).",
            )


def _check_prompt(edit: Edit, _variant: Variant, rule: Rule) -> Iterator[Fault]:
    prompt = edit.input.get("prompt")
    words = _split_words(prompt) if isinstance(prompt, str) else ""
    for index, phrase in enumerate(rule.words):
        if phrase in words:
            denied = make_plain(rule.value[index])
            message = (
                f'input.prompt has "{denied}"; legal is a prompt without it ({rule.source(index)}).'
            )
            yield Fault(edit.place("/input/prompt"), message)


def _check_watermark(edit: Edit, variant: Variant, rule: Rule) -> Iterator[Fault]:
    if "watermark" in variant.parameters["properties"]:
        given, place, how = _read_parameter(edit, variant, "watermark")
        if given is not rule.value:
            yield Fault(place, f"{how} {_show_value(given)}; {_describe_legal(rule)}")
    elif rule.value:
        yield Fault(
            edit.place("/model"), f"{edit.model} writes no watermark; {_describe_legal(rule)}"
        )


_CHECKS: Mapping[str, Callable[[Edit, Variant, Rule], Iterator[Fault]]] = {
    "models": _check_model,
    "resolution": _check_resolution,
    "labels": _check_labels,
    "prompt_deny": _check_prompt,
    "watermark": _check_watermark,
}
RULES = tuple(_CHECKS)


def _read_parameter(edit: Edit, variant: Variant, name: str) -> tuple[Any, Place, str]:
    """(value, where a fault of it stands, `parameters.NAME is`): as set, or by default."""
    at, default = f"/parameters/{name}", variant.default("parameters", name)
    if name in edit.parameters:
        return edit.parameters[name], edit.place(at), f"parameters.{name} is"
    return (
        default,
        edit.place("/parameters", key=True),
        f"parameters.{name} is not set, and by default it is",
    )


def _list_tiers(variant: Variant) -> Sequence[str]:
    """The values of `resolution` that a variant takes, or the one that it makes."""
    field = variant.parameters["properties"].get("resolution")
    return field["enum"] if field else [variant.output["resolution"]]


def _describe_legal(rule: Rule) -> str:
    """`legal are 720P, 1080P (policy.resolution, cutlist.yaml:7:17).`"""
    values = rule.value if isinstance(rule.value, list) else [rule.value]
    return (
        f"legal {'is' if len(values) == 1 else 'are'} {', '.join(map(_show_value, values))}"
        f" ({rule.source()})."
    )


def _show_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else make_plain(str(value))


# ------------------------------------------------------------------ words

_WORD = re.compile(r"\w+|[^\w\s]")


def _split_words(text: str) -> str:
    """The words of a text between single blanks, so that one text has another's words if and
    only if it holds it.

    Case and width do not count, nor marks that cannot be seen. A letter of a script without case
    (Chinese, Japanese, Thai, Arabic, …) is a word of its own: such scripts do not, or not always,
    part words by blanks.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    if not folded.isascii():
        folded = "".join(_separate_char(char) for char in folded)
    return f" {' '.join(_WORD.findall(folded))} "


def _separate_char(char: str) -> str:
    category = unicodedata.category(char)
    return "" if category == "Cf" else f" {char} " if category == "Lo" else char

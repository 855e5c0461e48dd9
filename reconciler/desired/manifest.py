"""Reads a manifest into edits that know their place, and all that is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.desired import comments, layers, matrix, roles
from reconciler.desired.edit import Edit, LazyText, Text
from reconciler.desired.matrix import Cell
from reconciler.desired.references import (
    BadReference,
    Reference,
    parse_reference,
    show_url,
)
from reconciler.errors import Fault, Place
from reconciler.formats import schema
from reconciler.formats.document import Document, join_pointer, name_field
from reconciler.formats.fragments import FRAMES, SOUND, is_sound
from reconciler.formats.names import NO_ENVIRONMENT, is_plain
from reconciler.formats.values import value
from reconciler.service.models import VIDEO_SUFFIX, Model, Models, Variant

_KIND_NAMES = {"video": "a video", "image": "an image", "audio": "a sound"}
MOST_WRONG_CELLS = 100  # of one matrix that are looked at, and told


@value(frozen=True, slots=True)
class Rules:
    """What a manifest is read against."""

    schema: Mapping[str, Any]
    models: Models
    region: str | None
    project: Document  # cutlist.yaml, whose `defaults` are merged under every edit
    environment: str = NO_ENVIRONMENT  # whose overlay of cutlist.yaml is laid over every edit


@value(frozen=True, slots=True)
class Reading:
    """What one manifest file says. With faults, `edits` holds what could be understood and `names`
    every name met.
    """

    edits: Sequence[Edit]
    faults: Sequence[Fault]
    names: Sequence[str] = ()


def read_manifest(raw: bytes, file: str, rules: Rules) -> Reading:
    """All edits of the manifest `file` (path relative to the project) and all its faults."""
    from reconciler.formats.parsing import parse_documents  # lazy: YAML, of what is new

    documents, faults = parse_documents(raw, file)
    overlay = layers.get_overlay(rules.project, rules.environment)
    # what is wrong there as YAML is not told again in other words
    known = {fault.place for fault in faults}
    edits: list[Edit] = []
    problems: list[Fault] = list(faults)
    names: list[str] = []
    for document in documents:
        problems += comments.warn_about_cut_texts(document, rules.models)
        cells, more = matrix.expand_matrix(document, overlay)
        problems += [fault for fault in more if fault.place not in known]
        names += [
            f"{name}{suffix}"
            for cell in cells
            for name in _find_names(cell.document)
            for suffix in (cell.suffix, *cell.aliases)
        ]
        understood, more = _read_cells(document, cells, rules)
        edits += understood
        problems += [fault for fault in more if fault.place not in known]
    # cells of one document are wrong in the same words
    return Reading(edits, list(dict.fromkeys(problems)), names)


def _read_cells(
    document: Document, cells: Sequence[Cell], rules: Rules
) -> tuple[Sequence[Edit], Sequence[Fault]]:
    """The edits of one document, and what is wrong with them; not of all, where many are wrong."""
    edits: list[Edit] = []
    problems: list[Fault] = []
    wrong = 0
    for number, cell in enumerate(cells, 1):
        edit, faults = _build_edit(cell, rules)
        problems += faults
        edits += [edit] if edit is not None else []
        wrong += any(fault.severity == "error" for fault in faults)
        if wrong == MOST_WRONG_CELLS and number < len(cells):
            message = (
                f"{wrong} of the first {number:,} cells are wrong; the other"
                f" {len(cells) - number:,} were not looked at"
            )
            return edits, [*problems, Fault(document.place("/spec/matrix", key=True), message)]
    return edits, problems


def _find_names(document: Document) -> list[str]:
    metadata = document.data.get("metadata") if isinstance(document.data, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return [name] if isinstance(name, str) else []


def _build_edit(cell: Cell, rules: Rules) -> tuple[Edit | None, Sequence[Fault]]:
    document = cell.document
    if not isinstance(document.data, dict):
        return None, [
            Fault(
                document.place(), "a manifest is a mapping with apiVersion, kind, metadata and spec"
            )
        ]
    if document.data.get("kind") == "Project":
        return None, [
            Fault(
                document.place("/kind"),
                "kind: Project belongs in cutlist.yaml at the project's root",
            )
        ]
    merged = layers.merge_layers(document, rules.project, rules.models, rules.environment)
    faults = list(schema.validate_document(merged, rules.schema))
    spec = merged.data.get("spec")
    if isinstance(spec, dict) and "model" not in spec:
        message = "the edit names no model; write spec.model here or defaults.model in cutlist.yaml"
        faults.append(Fault(merged.place("/spec", key=True), message))
    edit = _build_understood_edit(merged, cell, rules)
    model = rules.models.get(edit.model) if edit else None
    variant = model.variant(edit.function) if edit and model else None
    if edit is None or model is None or variant is None:
        return None, faults
    ignored = list(_warn_about_ignored_fields(edit, variant))
    edit = _read_by_variant(edit, variant)
    more = [
        *ignored,
        *_check_region(edit, model, rules.region),
        *_check_output(edit),
        *_check_media(edit, model, variant),
    ]
    more += _check_fields(edit, variant)
    more += roles.check_roles(edit, variant)
    borrowed = layers.check_output_folder(
        merged, merged.data["spec"].get("output", ""), rules.project
    )
    more += [borrowed] if borrowed else []
    return edit, [*faults, *drop_known_places(faults, more)]


def drop_known_places(faults: Sequence[Fault], more: Iterable[Fault]) -> list[Fault]:
    """Those of `more` that stand where nothing is wrong yet: one place, one thing to repair."""
    known = find_wrong_places(faults) if faults else ()
    return [fault for fault in more if fault.place not in known]


def find_wrong_places(faults: Iterable[Fault]) -> set[Place]:
    """Where something has to be repaired."""
    return {fault.place for fault in faults if fault.severity == "error"}


def _build_understood_edit(document: Document, cell: Cell, rules: Rules) -> Edit | None:
    """The edit of a document as far as it has the form of one; None when there is too little to go
    on.
    """
    spec, names = document.data.get("spec"), _find_names(document)
    if not names or not is_plain(names[0]) or not isinstance(spec, dict):
        return None
    name = names[0] + cell.suffix
    output = spec.get("output", f"renders/{name}{VIDEO_SUFFIX}")
    labels = document.data["metadata"].get("labels", {})
    parts = (labels, spec.get("input"), spec.get("parameters", {}))
    if not all(isinstance(part, dict) for part in parts) or not isinstance(output, str):
        return None
    return Edit(
        name=name,
        model=str(spec.get("model")),
        function=spec["input"].get("function"),
        take=spec.get("take", 1),
        suspend=spec.get("suspend") is True,
        protect=spec.get("protect") is True,
        output=layers.place_output(rules.environment, output),
        text=LazyText.of(Text(labels, spec["input"], spec.get("parameters", {}), document)),
        aliases=tuple(names[0] + alias for alias in cell.aliases),
    )


def _read_by_variant(edit: Edit, variant: Variant) -> Edit:
    """An edit without the fields that its variant does not read, and with its media known."""
    text = edit.text.get()
    if variant.ignored("input") or variant.ignored("parameters"):
        text = text._replace(
            input=_drop_fields(text.input, variant.ignored("input")),
            parameters=_drop_fields(text.parameters, variant.ignored("parameters")),
        )
        edit = replace(edit, text=LazyText.of(text))
    sources = tuple(item for item in edit.media(variant) if not item.reference.is_link)
    return replace(edit, sources=sources) if sources else edit


def _check_region(edit: Edit, model: Model, region: str | None) -> Iterator[Fault]:
    regions = model.names[edit.model]
    if region is None or regions.get(region) == "allowed":
        return
    others = [name for name, there in model.names.items() if there.get(region) == "allowed"]
    instead = (
        f"use {' or '.join(others)} there" if others else f"it is offered in {', '.join(regions)}"
    )
    if region in regions:
        yield Fault(
            edit.place("/model"),
            f"the guides name {' or '.join(others)} for {region}; {edit.model} may be refused",
            "warning",
        )
    else:
        yield Fault(
            edit.place("/model"), f'the model "{edit.model}" is not offered in {region}; {instead}'
        )


def _check_output(edit: Edit) -> Iterator[Fault]:
    message = check_output_path(edit.output)
    if message is not None:
        yield Fault(edit.place("/output"), message)


def check_output_path(path: str) -> str | None:
    """What is wrong with the path of an output, as far as text alone can tell; None when nothing
    is.
    """
    if not is_plain(path):
        return "output has control characters or marks that reorder text"
    if path.startswith(("/", "~")):
        return f'output is "{path}"; it must be relative to the project'
    if "\\" in path:
        return f'output is "{path}"; write / between folders, on every system'
    if path == ".." or path.startswith("../"):
        return f'output is "{path}"; it leaves the project'
    if not path.endswith(VIDEO_SUFFIX):
        return f'output is "{path}"; the service makes MP4, so the name must end in .mp4'
    if path.split("/")[0].casefold() in (".cutlist", ".git"):
        return f'output is "{path}"; nothing is written into {path.split("/")[0]}/'
    if len(path.encode()) > 1000 or any(len(part.encode()) > 200 for part in path.split("/")):
        return "output is too long: at most 1000 bytes, and 200 for each part"
    return None


def _check_media(edit: Edit, model: Model, variant: Variant) -> Iterator[Fault]:
    for at, url, name in variant.media(edit.input):
        limits, field = model.media[name], name_field(at.split("/")[1:])
        try:
            medium_reference = parse_reference(url, edit.file)
        except BadReference as error:
            yield Fault(edit.place(at), f'{field} is "{show_url(url)}": {error}')
            continue
        # a data URI may be broken into lines, and is sent without
        if medium_reference.kind != "data" and not is_plain(medium_reference.value):
            yield Fault(
                edit.place(at), f"{field} has control characters or marks that reorder text"
            )
        elif medium_reference.kind == "data" and limits.kind != "image":
            yield Fault(
                edit.place(at),
                f"{field} is a data URI; Base64 is for images, {_KIND_NAMES[limits.kind]} needs a"
                " URL or a file",
            )
        elif medium_reference.kind == "edit":
            yield from _check_part(edit.place(at), field, medium_reference, limits.kind)


def _check_part(place: Place, field: str, reference: Reference, kind: str) -> Iterator[Fault]:
    """What is wrong with a reference to another edit where a medium of that kind is wanted."""
    given = "video"
    if reference.fragment:
        given = "audio" if is_sound(reference.fragment) else "image"
    if given == kind:
        return
    is_words = {
        "video": "an edit makes a video",
        "image": "a frame is an image",
        "audio": f"{SOUND} is a sound",
    }
    ways = {
        "video": f"the video itself is edit://{reference.value}",
        "image": f"a frame of it is {FRAMES} behind the name",
        "audio": f"its sound is {SOUND} behind the name",
    }
    wanted = f"{_KIND_NAMES[kind]} is wanted here; {ways[kind]}"
    yield Fault(place, f"{field} is edit://{reference.source}: {is_words[given]}, and {wanted}")


def _warn_about_ignored_fields(edit: Edit, variant: Variant) -> Iterator[Fault]:
    """A warning for every field that the service does not read in such a request."""
    for section, given in (("input", edit.input), ("parameters", edit.parameters)):
        for name in variant.ignored(section):
            if name in given:
                reader = f"{edit.model} {variant.function}" if variant.function else edit.model
                yield Fault(
                    edit.place(join_pointer(f"/{section}", name), key=True),
                    f"{section}.{name} is ignored: {reader} does not read it. It is not sent, and"
                    " changing it renders nothing; take it out",
                    "warning",
                )


def _drop_fields(section: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    return {name: value for name, value in section.items() if name not in names}


def _check_fields(edit: Edit, variant: Variant) -> Iterator[Fault]:
    """The rules of schemas/models that JSON Schema cannot say, and the warnings."""
    sections: Mapping[str, Mapping[str, Any]] = {"input": edit.input, "parameters": edit.parameters}
    for section, name, rule in variant.noted_fields:
        at, given = f"/{section}/{name}", sections[section].get(name)
        if given is None:
            if "x-warn-absent" in rule:
                yield Fault(
                    edit.place(f"/{section}", key=True),
                    f"{section}.{name} is not set: {rule['x-warn-absent']}",
                    "warning",
                )
            continue
        if (
            "x-truncated-at" in rule
            and isinstance(given, str)
            and len(given) > rule["x-truncated-at"]
        ):
            limit = rule["x-truncated-at"]
            message = (
                f"{section}.{name} has {len(given)} characters; the service reads the first {limit}"
                " and drops the rest"
            )
            yield Fault(edit.place(at), message, "warning")
        most = rule.get("x-warn-more-than")
        if most is not None and isinstance(given, list) and len(given) > most:
            message = (
                f"{section}.{name} has {len(given)} entries; the vendor's pages speak of {most}"
                " here, and what the service does with more is not known"
            )
            yield Fault(edit.place(at), message, "warning")
        if "x-same-length-as" in rule:
            other_section, _, other = rule["x-same-length-as"].partition(".")
            other_list = sections[other_section].get(other, [])
            wanted = len(other_list) if isinstance(other_list, list) else 0
            if isinstance(given, list) and isinstance(other_list, list) and len(given) != wanted:
                entries = "entry" if len(given) == 1 else "entries"
                lengths = (
                    f"{section}.{name} has {len(given)} {entries} and {rule['x-same-length-as']}"
                    f" {wanted}"
                )
                message = f"{lengths}; they must have the same length"
                yield Fault(edit.place(at), message)
        for field, only in rule.get("x-only-with", {}).items():
            actual = sections[section].get(field, variant.default(section, field))
            if actual != only:
                yield Fault(
                    edit.place(at),
                    f"{section}.{name} is read only with {field} {only}; here it is {actual}",
                    "warning",
                )

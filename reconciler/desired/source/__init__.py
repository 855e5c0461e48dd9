"""Where manifests come from: the folders that the project file names, of the work tree or of a git
revision.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.config import Config
from reconciler.desired import comments, manifest
from reconciler.desired.edit_schema import manifest_schema
from reconciler.desired.job import Desired, Input, Wanted, graph_faults, ordered
from reconciler.desired.manifest import Edit, Medium, Reading, Rules
from reconciler.desired.masks import Masks
from reconciler.desired.media import MediaDesk
from reconciler.desired.policy import Policy, project_faults
from reconciler.desired.references import shown
from reconciler.desired.signed import SignedLinks
from reconciler.desired.tree import Tree, Unusable
from reconciler.errors import Fault, InvalidInput, Place
from reconciler.formats.digest import digest_json, hash_bytes
from reconciler.formats.document import MAX_BYTES, Document
from reconciler.formats.names import is_plain
from reconciler.service.models import Models
from reconciler.system import shipped
from reconciler.system.cache import Cache
from reconciler.system.files import EscapesRoot, resolve_inside


def load(config: Config, tree: Tree, cache: Cache) -> Desired:
    """Everything the project asks for. Raises InvalidInput with every fault of every manifest,
    found in one run.

    What is looked at is remembered in `cache`; the caller saves it, also after faults.
    """
    files, faults = _find(config, tree)
    models = Models.of(shipped.read_model_documents())
    rules = Rules(
        manifest_schema(models), models, config.endpoint.region, config.document, config.environment
    )
    context = _context(rules)
    edits: list[Edit] = []
    names: set[str] = set()
    for path in files:
        reading = _read(tree, path, rules, context, cache)
        edits += reading.edits
        faults += reading.faults
        names.update(reading.names)
    # nothing of it is remembered: a new rule is seen
    faults += _unknown_region(config, edits)
    policy = Policy.of(config.document, config.environment)
    faults += comments.cut_texts(config.document, models)
    broken = policy.faults((edit, _variant(edit, models)) for edit in edits)
    faults += manifest.further(faults, [*project_faults(config.document, models), *broken])
    media = _media(edits, rules.models)
    faults += manifest.further(faults, graph_faults(edits, lambda edit: media[id(edit)], names))
    desk, masks = MediaDesk(tree, cache, config.signatures), Masks()
    signed = SignedLinks(config.signatures)
    wanted, known = [], manifest.wrong_places(faults)
    for edit in edits:
        inputs, more = _look(desk, edit, media[id(edit)], rules.models)
        more += masks.doubts(edit, rules.models.by_name[edit.model], inputs)
        fresh = [
            fault
            for fault in (*more, *_output_faults(config.root, edit))
            if fault.place not in known
        ]
        known |= manifest.wrong_places(fresh)
        faults += fresh
        signed.note(edit, media[id(edit)])
        wanted.append(
            Wanted(
                edit, rules.models.by_name[edit.model], _variant(edit, rules.models), tuple(inputs)
            )
        )
    faults += signed.warnings()
    if any(fault.severity == "error" for fault in faults):
        # a default is wrong once, however many edits inherit it
        raise InvalidInput(set(faults), files=len(files))
    by_name = {item.edit.name: item for item in wanted}
    order = ordered({name: item.upstreams for name, item in by_name.items()})
    warnings = sorted(dict.fromkeys([*faults, *policy.idle(by_name)]))
    return Desired({name: by_name[name] for name in order}, warnings, len(files))


def _unknown_region(config: Config, edits: Sequence[Edit]) -> Iterator[Fault]:
    """At a region of the vendor whose models nobody has written down, each model gets a warning."""
    endpoint = config.endpoint
    if not endpoint.vendor or endpoint.region is not None:
        return
    for model in sorted({edit.model for edit in edits}):
        words = (
            f"it is not known here whether {model} is offered at {endpoint.name}; names are"
            " checked for singapore and beijing only, and the service may refuse it"
        )
        yield Fault(config.document.place("/spec/endpoint"), words, "warning")


def _media(edits: Sequence[Edit], models: Models) -> dict[int, list[Medium]]:
    """The media of each edit, by its id; edits that they build on by the names that those have."""
    own = {alias: edit.name for edit in edits for alias in edit.aliases}
    own.update({edit.name: edit.name for edit in edits})

    def named(medium: Medium) -> Medium:
        reference = medium.reference
        if reference.kind != "edit" or reference.value not in own:
            return medium
        return replace(medium, reference=replace(reference, value=own[reference.value]))

    return {
        id(edit): [named(medium) for medium in edit.media(_variant(edit, models))] for edit in edits
    }


def _variant(edit: Edit, models: Models) -> Any:
    return models.by_name[edit.model].variant(edit.function)


def _look(
    desk: MediaDesk, edit: Edit, media: Sequence[Medium], models: Models
) -> tuple[list[Input], list[Fault]]:
    inputs, faults = [], []
    for medium in media:
        input_, more = desk.look(edit, medium, models.by_name[edit.model].media[medium.limits])
        inputs.append(input_)
        faults += more
    return inputs, faults


def _output_faults(root: Path, edit: Edit) -> Iterator[Fault]:
    """What only the disk can tell of an output's path."""
    try:
        path = resolve_inside(root, edit.output)
    except EscapesRoot as error:
        yield Fault(edit.place("/output"), f"output: {error}")
        return
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except NotADirectoryError:
        yield Fault(edit.place("/output"), f"the output {edit.output} lies below a file")
        return
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        yield Fault(edit.place("/output"), f"the output {edit.output} is {what}")


# ------------------------------------------------------------------ files


def _find(config: Config, tree: Tree) -> tuple[list[str], list[Fault]]:
    """All manifest files, sorted, folder by folder."""
    paths: set[str] = set()
    faults = []
    for index, name in enumerate(config.manifests):
        place = config.document.place(f"/spec/manifests/{index}")
        try:
            files = tree.manifests(name)
        except EscapesRoot as error:
            faults.append(Fault(place, f"manifests: {error}"))
            continue
        if files is None:
            faults.append(Fault(place, f'manifests names "{name}", which does not exist'))
        else:
            paths.update(files)
    return sorted(paths, key=lambda file: file.split("/")), faults


def _read(tree: Tree, file: str, rules: Rules, context: str, cache: Cache) -> Reading:
    if not is_plain(file):
        fault = Fault(
            Place(shown(file)),
            "the manifest's name has control characters or marks that reorder text",
        )
        return Reading([], [fault])
    try:
        raw = tree.read(file, MAX_BYTES + 1)
    except Unusable as error:
        return Reading([], [Fault(Place(file), f"the manifest {error}")])
    key = f"{hash_bytes(raw)}:{context[:16]}:{file}"
    known = cache.get("manifests", key)
    if known is not None:
        return _from_plain(known, file)
    reading = manifest.read(raw, file, rules)
    if not any(fault.severity == "error" for fault in reading.faults):
        cache.put("manifests", key, _to_plain(reading))
    return reading


def _context(rules: Rules) -> str:
    """What a reading depends on besides the file's own bytes: the rules as shipped, the defaults,
    the region.
    """
    spec = rules.project.data.get("spec") or {}
    layers = [spec.get("defaults"), spec.get("environments"), rules.environment]
    marks = {
        at: mark
        for at, mark in rules.project.marks.items()
        if at.startswith(("/spec/defaults", "/spec/environments"))
    }
    return digest_json([shipped.compute_fingerprint(), rules.region, layers, marks])


def _to_plain(reading: Reading) -> dict[str, Any]:
    """As JSON; the cells of a matrix share the marks of their document."""
    documents = {id(edit.document.marks): edit.document.marks for edit in reading.edits}
    numbers = {document: number for number, document in enumerate(documents)}
    return {
        "marks": list(documents.values()),
        "edits": [
            {
                "name": edit.name,
                "labels": edit.labels,
                "model": edit.model,
                "input": edit.input,
                "parameters": edit.parameters,
                "take": edit.take,
                "suspend": edit.suspend,
                "protect": edit.protect,
                "output": edit.output,
                "aliases": list(edit.aliases),
                "document": numbers[id(edit.document.marks)],
                "inherited": {
                    at: [p.file, p.line, p.column] for at, p in edit.document.inherited.items()
                },
            }
            for edit in reading.edits
        ],
        "warnings": [
            [f.place.file, f.place.line, f.place.column, f.message] for f in reading.faults
        ],
    }


def _from_plain(data: Mapping[str, Any], file: str) -> Reading:
    edits = []
    for entry in data["edits"]:
        inherited = {at: Place(*place) for at, place in entry["inherited"].items()}
        document = Document(file, None, data["marks"][entry["document"]], inherited)
        fields = {
            name: value
            for name, value in entry.items()
            if name not in ("document", "inherited", "aliases")
        }
        fields["aliases"] = tuple(entry.get("aliases", ()))
        edits.append(Edit(document=document, **fields))
    warnings = [
        Fault(Place(name, line, column), text, "warning")
        for name, line, column, text in data["warnings"]
    ]
    return Reading(edits, warnings)

"""Loads everything that a project asks for, with every fault of every manifest in one run."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from reconciler.config import Config
from reconciler.desired import comments, manifest
from reconciler.desired.edit import Edit, Medium
from reconciler.desired.edit_schema import build_manifest_schema
from reconciler.desired.graph import check_graph, sort_by_upstreams
from reconciler.desired.job import Desired, Input, KnownKeys, Wanted
from reconciler.desired.manifest import Rules, check_output_path
from reconciler.desired.masks import Masks
from reconciler.desired.media import MediaExaminer
from reconciler.desired.policy import check_project_policy
from reconciler.desired.signed import Suspect, warn_about_suspects
from reconciler.desired.source.readings import ManifestReader
from reconciler.desired.tree import Tree, Unusable
from reconciler.errors import Fault, InvalidInput
from reconciler.service.model_files import load_models
from reconciler.service.models import Model, Models
from reconciler.system.cache import Cache
from reconciler.system.files import EscapesRoot, Survey


def load_desired(config: Config, tree: Tree, cache: Cache, survey: Survey | None = None) -> Desired:
    """Everything the project asks for. Raises InvalidInput with every fault of every manifest,
    found in one run.

    What is looked at is remembered in `cache`; the caller saves it, also after faults. `survey` is
    the one of the pass, which looks at each output once.
    """
    survey = survey or Survey(config.root)
    files, faults = find_manifests(config, tree)
    rules = build_rules(config)
    models = rules.models
    reader = ManifestReader(config, rules, tree, cache)
    edits: list[Edit] = []
    known: dict[int, KnownKeys] = {}  # by the id of an edit
    names: set[str] = set()
    doubtful: list[Edit] = []
    suspects: list[tuple[Edit, Suspect]] = []
    for path in files:
        file = reader.read(path)
        edits += file.edits
        faults += file.faults
        names.update(file.names)
        suspects += file.suspects
        known.update(zip(map(id, file.edits), file.known, strict=False))
        if not file.keeps_policy:
            doubtful += file.edits
    faults += _warn_about_region(config, edits)
    faults += comments.warn_about_cut_texts(config.document, models)
    broken = reader.check_policies(doubtful)
    faults += manifest.drop_known_places(
        faults, [*check_project_policy(config.document, models), *broken]
    )
    sources = _list_sources(edits)
    faults += manifest.drop_known_places(
        faults, check_graph(edits, lambda edit: sources.get(id(edit), edit.sources), names)
    )
    examiner, masks = MediaExaminer(tree, cache, config.signatures), Masks()
    wanted: dict[str, Wanted] = {}
    wrong = manifest.find_wrong_places(faults)
    for edit in edits:
        model = models.by_name[edit.model]
        inputs, more = _examine_sources(examiner, edit, sources.get(id(edit), ()), model)
        more += masks.check(edit, model, inputs)
        more += _check_output(survey, edit)
        fresh = [fault for fault in more if fault.place not in wrong]
        wrong |= manifest.find_wrong_places(fresh)
        faults += fresh
        wanted[edit.name] = Wanted(
            edit,
            model,
            _get_variant(edit, models),
            tuple(inputs),
            config.signatures,
            known.get(id(edit)),
        )
    faults += warn_about_suspects(suspects)
    if any(fault.severity == "error" for fault in faults):
        # a default is wrong once, however many edits inherit it
        raise InvalidInput(set(faults), files=len(files))
    order = sort_by_upstreams({name: item.upstreams for name, item in wanted.items()})
    warnings = sorted(dict.fromkeys([*faults, *reader.policy.find_idle_waivers(wanted)]))
    return Desired({name: wanted[name] for name in order}, warnings, len(files))


def build_rules(config: Config) -> Rules:
    """What the manifests of a project are read against."""
    models = load_models()
    return Rules(
        build_manifest_schema(models),
        models,
        config.endpoint.region,
        config.document,
        config.environment,
    )


def _warn_about_region(config: Config, edits: Sequence[Edit]) -> Iterator[Fault]:
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


def _list_sources(edits: Sequence[Edit]) -> dict[int, Sequence[Medium]]:
    """By the id of each edit that has any: its media that are no links; edits that it builds on by
    the names that those have.
    """
    own = {alias: edit.name for edit in edits for alias in edit.aliases}
    own.update({edit.name: edit.name for edit in edits})

    def named(medium: Medium) -> Medium:
        reference = medium.reference
        if reference.kind != "edit" or own.get(reference.value, reference.value) == reference.value:
            return medium
        return replace(medium, reference=replace(reference, value=own[reference.value]))

    return {id(edit): [named(medium) for medium in edit.sources] for edit in edits if edit.sources}


def _get_variant(edit: Edit, models: Models) -> Any:
    return models.by_name[edit.model].variant(edit.function)


def _examine_sources(
    examiner: MediaExaminer, edit: Edit, sources: Sequence[Medium], model: Model
) -> tuple[list[Input], list[Fault]]:
    inputs, faults = [], []
    for medium in sources:
        input_, more = examiner.examine(edit, medium, model.media[medium.limits])
        inputs.append(input_)
        faults += more
    return inputs, faults


def _check_output(survey: Survey, edit: Edit) -> Iterator[Fault]:
    """What only the disk can tell of an output's path."""
    try:
        info = survey.look(edit.output)[1]
    except EscapesRoot as error:
        yield Fault(edit.place("/output"), f"output: {error}")
        return
    except NotADirectoryError:
        yield Fault(edit.place("/output"), f"the output {edit.output} lies below a file")
        return
    except OSError as error:  # a name that this disk does not take, a folder that is shut
        if check_output_path(edit.output) is None:
            message = f"the output cannot be looked at: {error.strerror}"
            yield Fault(edit.place("/output"), message)
        return
    if info is not None and not stat.S_ISREG(info.st_mode):
        what = "a folder" if stat.S_ISDIR(info.st_mode) else "no regular file"
        yield Fault(edit.place("/output"), f"the output {edit.output} is {what}")


# ------------------------------------------------------------------ files


def find_manifests(config: Config, tree: Tree) -> tuple[list[str], list[Fault]]:
    """All manifest files, sorted, folder by folder, and what `manifests:` names in vain."""
    paths: set[str] = set()
    faults = []
    for index, name in enumerate(config.manifests):
        place = config.document.place(f"/spec/manifests/{index}")
        try:
            files = tree.manifests(name)
        except (EscapesRoot, Unusable) as error:
            faults.append(Fault(place, f"manifests: {error}"))
            continue
        if files is None:
            faults.append(Fault(place, f'manifests names "{name}", which does not exist'))
        else:
            paths.update(files)
    return sorted(paths, key=lambda file: file.split("/")), faults

"""Loads everything that a project asks for, with every fault of every manifest in one run."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.config import Config
from reconciler.desired import comments, manifest
from reconciler.desired.edit_schema import build_manifest_schema
from reconciler.desired.graph import check_graph, sort_by_upstreams
from reconciler.desired.job import Desired, Input, Wanted
from reconciler.desired.manifest import Edit, Medium, Rules, check_output_path
from reconciler.desired.masks import Masks
from reconciler.desired.media import MediaExaminer
from reconciler.desired.policy import Policy, check_project_policy
from reconciler.desired.signed import SignedLinks
from reconciler.desired.source.readings import compute_context, read_cached
from reconciler.desired.tree import Tree
from reconciler.errors import Fault, InvalidInput
from reconciler.formats.names import NO_ENVIRONMENT
from reconciler.service.model_files import load_models
from reconciler.service.models import Models
from reconciler.system.cache import Cache
from reconciler.system.files import EscapesRoot, resolve_inside


def load_desired(config: Config, tree: Tree, cache: Cache) -> Desired:
    """Everything the project asks for. Raises InvalidInput with every fault of every manifest,
    found in one run.

    What is looked at is remembered in `cache`; the caller saves it, also after faults.
    """
    files, faults = find_manifests(config, tree)
    rules = build_rules(config)
    models = rules.models
    context = compute_context(rules)
    edits: list[Edit] = []
    names: set[str] = set()
    for path in files:
        reading = read_cached(tree, path, rules, context, cache)
        edits += reading.edits
        faults += reading.faults
        names.update(reading.names)
    # nothing of it is remembered: a new rule is seen
    faults += _warn_about_region(config, edits)
    policy, floor = Policy.of(config.document, config.environment), _read_floor(config)
    faults += comments.warn_about_cut_texts(config.document, models)
    variants = [(edit, _get_variant(edit, models)) for edit in edits]
    broken = [*policy.check(variants), *floor.check(variants)]
    faults += manifest.drop_known_places(
        faults, [*check_project_policy(config.document, models), *broken]
    )
    media = _list_media(edits, rules.models)
    faults += manifest.drop_known_places(
        faults, check_graph(edits, lambda edit: media[id(edit)], names)
    )
    examiner, masks = MediaExaminer(tree, cache, config.signatures), Masks()
    signed = SignedLinks(config.signatures)
    wanted, known = [], manifest.find_wrong_places(faults)
    for edit in edits:
        inputs, more = _examine_media(examiner, edit, media[id(edit)], rules.models)
        more += masks.check(edit, rules.models.by_name[edit.model], inputs)
        fresh = [
            fault
            for fault in (*more, *_check_output(config.root, edit))
            if fault.place not in known
        ]
        known |= manifest.find_wrong_places(fresh)
        faults += fresh
        signed.note(edit, media[id(edit)])
        wanted.append(
            Wanted(
                edit,
                rules.models.by_name[edit.model],
                _get_variant(edit, rules.models),
                tuple(inputs),
            )
        )
    faults += signed.build_warnings()
    if any(fault.severity == "error" for fault in faults):
        # a default is wrong once, however many edits inherit it
        raise InvalidInput(set(faults), files=len(files))
    by_name = {item.edit.name: item for item in wanted}
    order = sort_by_upstreams({name: item.upstreams for name, item in by_name.items()})
    warnings = sorted(dict.fromkeys([*faults, *policy.find_idle_waivers(by_name)]))
    return Desired({name: by_name[name] for name in order}, warnings, len(files))


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


def _read_floor(config: Config) -> Policy:
    """The rules that the project file cannot waive; none, where nobody else has any."""
    if config.policy_floor is None:
        return Policy(config.document)
    return Policy.of(config.policy_floor, NO_ENVIRONMENT)


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


def _list_media(edits: Sequence[Edit], models: Models) -> dict[int, list[Medium]]:
    """The media of each edit, by its id; edits that they build on by the names that those have."""
    own = {alias: edit.name for edit in edits for alias in edit.aliases}
    own.update({edit.name: edit.name for edit in edits})

    def named(medium: Medium) -> Medium:
        reference = medium.reference
        if reference.kind != "edit" or reference.value not in own:
            return medium
        return replace(medium, reference=replace(reference, value=own[reference.value]))

    return {
        id(edit): [named(medium) for medium in edit.media(_get_variant(edit, models))]
        for edit in edits
    }


def _get_variant(edit: Edit, models: Models) -> Any:
    return models.by_name[edit.model].variant(edit.function)


def _examine_media(
    examiner: MediaExaminer, edit: Edit, media: Sequence[Medium], models: Models
) -> tuple[list[Input], list[Fault]]:
    inputs, faults = [], []
    for medium in media:
        input_, more = examiner.examine(
            edit, medium, models.by_name[edit.model].media[medium.limits]
        )
        inputs.append(input_)
        faults += more
    return inputs, faults


def _check_output(root: Path, edit: Edit) -> Iterator[Fault]:
    """What only the disk can tell of an output's path."""
    try:
        mode = resolve_inside(root, edit.output).stat().st_mode
    except EscapesRoot as error:
        yield Fault(edit.place("/output"), f"output: {error}")
        return
    except FileNotFoundError:
        return
    except NotADirectoryError:
        yield Fault(edit.place("/output"), f"the output {edit.output} lies below a file")
        return
    except OSError as error:  # a name that this disk does not take, a folder that is shut
        if check_output_path(edit.output) is None:
            message = f"the output cannot be looked at: {error.strerror}"
            yield Fault(edit.place("/output"), message)
        return
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
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
        except EscapesRoot as error:
            faults.append(Fault(place, f"manifests: {error}"))
            continue
        if files is None:
            faults.append(Fault(place, f'manifests names "{name}", which does not exist'))
        else:
            paths.update(files)
    return sorted(paths, key=lambda file: file.split("/")), faults

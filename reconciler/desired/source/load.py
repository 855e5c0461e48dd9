"""Loads everything that a project asks for, with every fault of every manifest in one run."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from reconciler.desired.source.listing import find_manifests
from reconciler.desired.source.readings import ManifestReader
from reconciler.desired.tree import Tree
from reconciler.errors import Fault, InvalidInput
from reconciler.service.models import Model
from reconciler.system.cache import Cache
from reconciler.system.files import EscapesRoot, Survey


def load_desired(config: Config, tree: Tree, cache: Cache, survey: Survey | None = None) -> Desired:
    """Everything the project asks for. Raises InvalidInput with every fault of every manifest,
    found in one run.

    What is looked at is remembered in `cache`; the caller saves it, also after faults. `survey` is
    the one of the pass, which looks at each output once.
    """
    loader = _Loader(config, tree, cache, survey or Survey(config.root))
    loader.read_manifests()
    loader.check_graph()
    wanted = loader.examine_edits()
    return loader.build(wanted)


class _Loader:
    """Loads a project in stages. Each adds its faults; one place is wrong once."""

    def __init__(self, config: Config, tree: Tree, cache: Cache, survey: Survey) -> None:
        self._config = config
        self._survey = survey
        self._paths, self._faults = find_manifests(config, tree)
        rules = build_rules(config)
        self._models = rules.models
        self._reader = ManifestReader(config, rules, tree, cache)
        self._examiner = MediaExaminer(tree, cache, config.signatures)
        self._masks = Masks()
        self._edits: list[Edit] = []
        self._known: list[KnownKeys | None] = []  # of each edit
        self._names: set[str] = set()
        self._sources: dict[int, Sequence[Medium]] = {}  # by the id of an edit that has any
        self._suspects: list[tuple[Edit, Suspect]] = []

    def read_manifests(self) -> None:
        """Read every file, and check the project's own rules."""
        doubtful: list[Edit] = []
        for path in self._paths:
            file = self._reader.read(path)
            self._edits += file.edits
            self._known += file.known or [None] * len(file.edits)
            self._faults += file.faults
            self._names.update(file.names)
            self._suspects += file.suspects
            if not file.keeps_policy:
                doubtful += file.edits
        project = self._config.document
        self._faults += _warn_about_region(self._config, self._edits)
        self._faults += comments.warn_about_cut_texts(project, self._models)
        broken = self._reader.check_policies(doubtful)
        self._add_faults([*check_project_policy(project, self._models), *broken])

    def check_graph(self) -> None:
        """Check what edits have to do with each other."""
        self._sources = _list_sources(self._edits)
        self._add_faults(
            check_graph(self._edits, lambda edit: self._sources.get(id(edit), ()), self._names)
        )

    def _add_faults(self, faults: Iterable[Fault]) -> None:
        self._faults += manifest.drop_known_places(self._faults, faults)

    def examine_edits(self) -> Mapping[str, Wanted]:
        """Look at the media and the output of every edit."""
        wanted: dict[str, Wanted] = {}
        wrong = manifest.find_wrong_places(self._faults)
        for edit, known in zip(self._edits, self._known, strict=True):
            model = self._models.by_name[edit.model]
            inputs: tuple[Input, ...] = ()
            faults: list[Fault] = []
            if id(edit) in self._sources:
                inputs, faults = self._examine_sources(edit, model)
            if wrong_output := _check_output(self._survey, edit):
                faults.append(wrong_output)
            if faults:
                fresh = [fault for fault in faults if fault.place not in wrong]
                wrong |= manifest.find_wrong_places(fresh)
                self._faults += fresh
            variant: Any = model.variant(edit.function)
            wanted[edit.name] = Wanted(edit, model, variant, inputs, self._config.signatures, known)
        return wanted

    def _examine_sources(self, edit: Edit, model: Model) -> tuple[tuple[Input, ...], list[Fault]]:
        inputs: list[Input] = []
        faults: list[Fault] = []
        for medium in self._sources[id(edit)]:
            input_, more = self._examiner.examine(edit, medium, model.media[medium.limits])
            inputs.append(input_)
            faults += more
        return tuple(inputs), [*faults, *self._masks.check(edit, model, inputs)]

    def build(self, wanted: Mapping[str, Wanted]) -> Desired:
        """Everything, in the order of the graph. Raises InvalidInput."""
        self._faults += warn_about_suspects(self._suspects)
        if any(fault.severity == "error" for fault in self._faults):
            # a default is wrong once, however many edits inherit it
            raise InvalidInput(set(self._faults), files=len(self._paths))
        order = sort_by_upstreams({name: item.upstreams for name, item in wanted.items()})
        idle = self._reader.policy.find_idle_waivers(wanted)
        warnings = sorted(dict.fromkeys([*self._faults, *idle]))
        return Desired({name: wanted[name] for name in order}, warnings, len(self._paths))


def build_rules(config: Config) -> Rules:
    """What the manifests of a project are read against."""
    return Rules(
        build_manifest_schema(config.models),
        config.models,
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


def _check_output(survey: Survey, edit: Edit) -> Fault | None:
    """What only the disk can tell of an output's path."""
    try:
        seen = survey.look(edit.output)
    except EscapesRoot as error:
        message = f"output: {error}"
    except NotADirectoryError:
        message = f"the output {edit.output} lies below a file"
    except OSError as error:  # a name that this disk does not take, a folder that is shut
        if check_output_path(edit.output) is not None:
            return None
        message = f"the output cannot be looked at: {error.strerror}"
    else:
        if seen is None or stat.S_ISREG(seen[2]):
            return None
        what = "a folder" if stat.S_ISDIR(seen[2]) else "no regular file"
        message = f"the output {edit.output} is {what}"
    return Fault(edit.place("/output"), message)

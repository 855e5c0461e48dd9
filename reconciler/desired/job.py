"""Builds the job of an edit, its key, and the request to send. Pure.

The rule of keys is written in schemas/key.md; changing it is a breaking change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.desired.manifest import Edit, Medium
from reconciler.errors import Fault
from reconciler.formats.digest import digest_json, is_same_json
from reconciler.formats.document import join_pointer
from reconciler.service.models import Model, Variant

KEY_VERSION = 2


@dataclass(frozen=True, slots=True)
class Facts:
    """What a look into a media file tells. Lengths in seconds, sides in pixels."""

    kind: str  # "video" or "image"
    format: str
    size_bytes: int
    width: int
    height: int
    duration_s: float | None = None
    alpha: bool = False
    tone: str | None = None  # what makes a mask doubtful: "black" or "white" all over, "coloured"


@dataclass(frozen=True, slots=True)
class Input:
    """A medium of an edit together with what was seen of it."""

    medium: Medium
    identity: str | None  # None: the output of another edit, known once that has a result
    facts: Facts | None = None  # of local files and data URIs
    path: Path | None = None  # of local files

    @property
    def upstream(self) -> str | None:
        """The edit whose output this is."""
        return self.medium.reference.value if self.medium.reference.kind == "edit" else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One edit with its inputs looked at: all that its job can depend on."""

    edit: Edit
    model: Model
    variant: Variant
    inputs: tuple[Input, ...]

    @property
    def upstreams(self) -> tuple[str, ...]:
        return tuple(
            sorted({input_.upstream for input_ in self.inputs if input_.upstream is not None})
        )

    def identities(self, upstream: Mapping[str, str]) -> Mapping[str, str]:
        """By pointer, what stands for the bytes of every medium; `upstream` says it of edits, by
        name.
        """
        identities = {}
        for input_ in self.inputs:
            identity = input_.identity if input_.upstream is None else upstream[input_.upstream]
            # a project with a medium that could not be identified does not load
            assert identity is not None
            identities[input_.medium.at] = identity
        return identities


@dataclass(frozen=True, slots=True)
class Job:
    """The request an edit stands for, in canonical form. `canonical` is what the key is the SHA-256
    of.
    """

    key: str
    canonical: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything the repository asks for: edits by name, upstream before downstream, and the
    warnings met.
    """

    edits: Mapping[str, Wanted] = field(default_factory=dict)
    warnings: Sequence[Fault] = ()
    files: int = 0

    @property
    def outputs(self) -> Sequence[str]:
        return [wanted.edit.output for wanted in self.edits.values()]


def build_job(wanted: Wanted, identities: Mapping[str, str], version: int = KEY_VERSION) -> Job:
    """The job of an edit. `identities` maps the pointer of every medium to what stands for its
    bytes. `version` is that of the rule of keys; what version 1 made is still looked up.
    """
    edit, variant = wanted.edit, wanted.variant

    canonical = {
        "v": version,
        "model": edit.model,
        "input": replace_at(_drop_defaults(variant, "input", edit.input), "/input", identities),
        "parameters": _drop_defaults(variant, "parameters", edit.parameters),
        "take": edit.take,
    }
    return Job(digest_json(canonical), canonical)


def _drop_defaults(variant: Variant, section: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say something: those equal to a documented default are left out."""
    kept = {}
    for name, value in given.items():
        default = variant.default(section, name)
        if default is None or not is_same_json(value, default):
            kept[name] = value
    return kept


def replace_at(value: Any, at: str, by: Mapping[str, str]) -> Any:
    """`value` with what stands at the pointers of `by` replaced."""
    if at in by:
        return by[at]
    if isinstance(value, Mapping):
        return {name: replace_at(part, join_pointer(at, name), by) for name, part in value.items()}
    if isinstance(value, list):
        return [replace_at(part, join_pointer(at, index), by) for index, part in enumerate(value)]
    return value


def build_request(wanted: Wanted, texts: Mapping[str, str]) -> dict[str, Any]:
    """The body to send: what the manifest says, defaults merged. `texts` are written at the
    pointers that they name; the other media stand there by their references.
    """
    edit = wanted.edit
    body = {"model": edit.model, "input": replace_at(edit.input, "/input", texts)}
    return {**body, "parameters": dict(edit.parameters)} if edit.parameters else body

"""Builds the job of an edit, its key, and the request to send. Pure.

The rule of keys is written in schemas/key.md; changing it is a breaking change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Protocol

from reconciler.desired.edit import Edit, Medium
from reconciler.errors import Fault
from reconciler.formats.digest import digest_json, is_same_json
from reconciler.formats.document import join_pointer
from reconciler.formats.signed_urls import Signatures
from reconciler.formats.values import value
from reconciler.service.models import Model, Variant

KEY_VERSION = 2


@value(frozen=True, slots=True)
class Facts:
    """What a look into a media file tells. Lengths in seconds, sides in pixels."""

    kind: str  # "video", "image" or "audio", which has no sides
    format: str
    size_bytes: int
    width: int
    height: int
    duration_s: float | None = None
    alpha: bool = False
    tone: str | None = None  # what makes a mask doubtful: "black" or "white" all over, "coloured"


@value(frozen=True, slots=True)
class Input:
    """A medium of an edit together with what was seen of it."""

    medium: Medium
    identity: str | None  # None: the output of another edit, known once that has a result
    facts: Facts | None = None  # of local files and data URIs
    path: Path | None = None  # of local files

    @property
    def upstream(self) -> str | None:
        """The edit whose output this is, or is a frame of."""
        return self.medium.reference.value if self.medium.reference.kind == "edit" else None


class KnownKeys(Protocol):
    """The keys that the job of one edit has had, by what stood for the bytes of its sources. `own`
    is the only one of an edit without any; empty for others.
    """

    @property
    def own(self) -> str: ...

    def find(self, sources: Sequence[str]) -> str | None:
        """Its key, by the identities of its sources in their order; None where it is not known."""

    def note(self, sources: Sequence[str], key: str) -> None:
        """Remember the key."""


@value(frozen=True, slots=True)
class Wanted:
    """One edit with its inputs looked at: all that its job can depend on."""

    edit: Edit
    model: Model
    variant: Variant
    sources: tuple[Input, ...]  # the inputs that are no links, as `edit.sources`
    signatures: Signatures  # the rule by which links are identified
    known: KnownKeys | None = field(default=None, compare=False, repr=False)
    _inputs: tuple[Input, ...] | None = field(default=None, compare=False, repr=False)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """All media of the edit, in the order of its request."""
        if self._inputs is None:
            sources = {source.medium.at: source for source in self.sources}
            inputs = tuple(
                sources.get(medium.at) or Input(medium, medium.reference.identity(self.signatures))
                for medium in self.edit.media(self.variant)
            )
            object.__setattr__(self, "_inputs", inputs)  # what it is made of stays the same
            return inputs
        return self._inputs

    @property
    def upstreams(self) -> tuple[str, ...]:
        """The edits that it builds on, by name."""
        if not self.sources:
            return ()
        return tuple(
            sorted({source.upstream for source in self.sources if source.upstream is not None})
        )

    def identities(self, upstream: Mapping[str, str]) -> Mapping[str, str]:
        """By pointer, what stands for the bytes of every medium; `upstream` says it of edits by
        name, and of their frames by NAME#FRAGMENT.
        """
        return {input_.medium.at: _identify(input_, upstream) for input_ in self.inputs}


def _identify(input_: Input, upstream: Mapping[str, str]) -> str:
    identity = input_.identity
    if input_.upstream is not None:
        reference = input_.medium.reference
        identity = upstream.get(reference.source)
        if identity is None:  # nobody knows the frame yet: the video and which frame stand for it
            identity = f"{upstream[reference.value]}#{reference.fragment}"
    # a project with a medium that could not be identified does not load
    assert identity is not None
    return identity


class Job:
    """The request an edit stands for, in canonical form. `canonical` is what the key is the SHA-256
    of; where the key was known, `build` makes it of `parts` when somebody asks.
    """

    __slots__ = ("_build", "_canonical", "_parts", "key")

    def __init__(
        self,
        key: str,
        canonical: Mapping[str, Any] | None = None,
        build: Callable[..., Mapping[str, Any]] | None = None,
        parts: tuple[object, ...] = (),
    ) -> None:
        self.key = key
        self._canonical = canonical
        self._build = build
        self._parts = parts

    @property
    def canonical(self) -> Mapping[str, Any]:
        if self._canonical is None:
            assert self._build is not None
            self._canonical = self._build(*self._parts)
        return self._canonical

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Job):
            return NotImplemented
        return self.key == other.key and (self is other or self.canonical == other.canonical)

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Job({self.key!r})"

    def to_json(self) -> dict[str, object]:
        """The job as plain data."""
        return {"key": self.key, "canonical": dict(self.canonical)}


@value(frozen=True, slots=True)
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


def build_job(wanted: Wanted, upstream: Mapping[str, str]) -> Job:
    """The job of an edit. `upstream` says by name what stands for the bytes of the edits that it
    builds on, and by NAME#FRAGMENT what stands for a frame of one.
    """

    known = wanted.known
    sources = [_identify(each, upstream) for each in wanted.sources] if wanted.sources else ()
    key = known.find(sources) if known is not None else None
    if key is not None:
        return Job(key, None, _build_present, (wanted, upstream))
    canonical = _build_present(wanted, upstream)
    key = digest_json(canonical)
    if known is not None:
        known.note(sources, key)
    return Job(key, canonical)


def _build_present(wanted: Wanted, upstream: Mapping[str, str]) -> Mapping[str, Any]:
    return build_canonical(wanted, wanted.identities(upstream))


def build_canonical(
    wanted: Wanted, identities: Mapping[str, str], version: int = KEY_VERSION
) -> Mapping[str, Any]:
    """What the key of an edit is the digest of. `identities` maps the pointer of every medium to
    what stands for its bytes. `version` is that of the rule of keys; what version 1 made is still
    looked up.
    """
    edit, variant = wanted.edit, wanted.variant
    return {
        "v": version,
        "model": edit.model,
        "input": replace_at(_drop_defaults(variant, "input", edit.input), "/input", identities),
        "parameters": _drop_defaults(variant, "parameters", edit.parameters),
        "take": edit.take,
    }


def _drop_defaults(variant: Variant, section: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say something: those equal to a documented default are left out."""
    kept = {}
    for name, part in given.items():
        default = variant.default(section, name)
        if default is None or not is_same_json(part, default):
            kept[name] = part
    return kept


def replace_at(value: Any, at: str, by: Mapping[str, str]) -> Any:
    """`value` with what stands at the pointers of `by` replaced."""
    if at in by:
        return by[at]
    if isinstance(value, str):
        return value
    below = f"{at}/"
    if not any(pointer.startswith(below) for pointer in by):
        return value
    if isinstance(value, Mapping):
        return {name: replace_at(part, join_pointer(at, name), by) for name, part in value.items()}
    if isinstance(value, list):
        return [replace_at(part, f"{below}{index}", by) for index, part in enumerate(value)]
    return value


def build_request(wanted: Wanted, texts: Mapping[str, str]) -> dict[str, Any]:
    """The body to send: what the manifest says, defaults merged. `texts` are written at the
    pointers that they name; the other media stand there by their references.
    """
    edit = wanted.edit
    body = {"model": edit.model, "input": replace_at(edit.input, "/input", texts)}
    return {**body, "parameters": dict(edit.parameters)} if edit.parameters else body

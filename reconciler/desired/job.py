"""Edit → job → key, and the graph of all edits. Pure.

The rule of keys is written in schemas/key.md; changing it is a breaking change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.desired.manifest import Edit, Medium
from reconciler.errors import Fault, Place
from reconciler.formats.digest import digest_json, is_same_json
from reconciler.formats.document import join_pointer
from reconciler.formats.names import fold_path, get_matrix_name, suggest_name
from reconciler.service.models import Model, Variant

KEY_VERSION = 2


_MOST_NAMES = 8  # of one place, and of edits where all of them are shown


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


def job(wanted: Wanted, identities: Mapping[str, str], version: int = KEY_VERSION) -> Job:
    """The job of an edit. `identities` maps the pointer of every medium to what stands for its
    bytes. `version` is that of the rule of keys; what version 1 made is still looked up.
    """
    edit, variant = wanted.edit, wanted.variant

    canonical = {
        "v": version,
        "model": edit.model,
        "input": _replaced(_without_defaults(variant, "input", edit.input), "/input", identities),
        "parameters": _without_defaults(variant, "parameters", edit.parameters),
        "take": edit.take,
    }
    return Job(digest_json(canonical), canonical)


def _without_defaults(variant: Variant, section: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say something: those equal to a documented default are left out."""
    kept = {}
    for name, value in given.items():
        default = variant.default(section, name)
        if default is None or not is_same_json(value, default):
            kept[name] = value
    return kept


def _replaced(value: Any, at: str, by: Mapping[str, str]) -> Any:
    """`value` with what stands at the pointers of `by` replaced."""
    if at in by:
        return by[at]
    if isinstance(value, Mapping):
        return {name: _replaced(part, join_pointer(at, name), by) for name, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, join_pointer(at, index), by) for index, part in enumerate(value)]
    return value


def request(wanted: Wanted, urls: Mapping[str, str]) -> dict[str, Any]:
    """The body to send: what the manifest says, defaults merged, media replaced by URLs the service
    can read.
    """

    edit = wanted.edit
    body = {"model": edit.model, "input": _replaced(edit.input, "/input", urls)}
    return {**body, "parameters": dict(edit.parameters)} if edit.parameters else body


# ------------------------------------------------------------------ the graph


def graph_faults(
    edits: Sequence[Edit], media: Callable[[Edit], Sequence[Medium]], names: Collection[str]
) -> Iterator[Fault]:
    """What is wrong between edits: names and outputs met twice, unknown upstreams, circles.

    `names` are all names met, also of edits too broken to be understood: nobody is told that those are unknown.
    """
    by_name: dict[str, Edit] = {}
    by_output: dict[str, Edit] = {}
    for edit in edits:
        if first := by_name.get(edit.name):
            yield Fault(
                edit.document.place("/metadata/name"),
                f'the name "{edit.name}" is taken (by {first.document.place("/metadata/name")})',
            )
            continue
        by_name[edit.name] = edit
        other = by_output.setdefault(fold_path(edit.output), edit)
        if other is not edit:
            message = (
                f'the output {edit.output} is also the output of "{other.name}" ({other.place()})'
            )
            if other.place() == edit.place():
                message += "; write ${{ matrix.NAME }} into it for every list of the matrix"
            yield Fault(edit.place("/output"), message)
    yield from _output_overlaps(by_output)
    upstreams: dict[str, list[str]] = {}
    unknown: list[tuple[Place, str]] = []
    for edit in by_name.values():
        upstreams[edit.name] = []
        for medium in media(edit):
            if medium.reference.kind == "edit":
                upstream = medium.reference.value
                if upstream in by_name:
                    upstreams[edit.name].append(upstream)
                elif upstream not in names:
                    unknown.append((edit.place(medium.at), upstream))
            elif medium.reference.kind == "local" and (
                maker := by_output.get(fold_path(medium.reference.value))
            ):
                message = (
                    f'this is the output of "{maker.name}"; write edit://{maker.name} to build'
                    " on it"
                )
                yield Fault(edit.place(medium.at), message)
    yield from _unknown(unknown, by_name)
    for circle in _circles(upstreams):
        edit = by_name[circle[0]]
        yield Fault(
            edit.place(),
            f"edits that wait for each other: {' → '.join([*circle, circle[0]])}; one of them must"
            " begin",
        )


def _unknown(unknown: Sequence[tuple[Place, str]], by_name: Mapping[str, Edit]) -> Iterator[Fault]:
    """What is named and is no edit: of one place, which may be that of thousands of cells, the
    first few.
    """
    counts: Counter[Place] = Counter()
    for place, name in unknown:
        counts[place] += 1
        if counts[place] <= _MOST_NAMES:
            yield Fault(place, f'no edit is named "{name}"{_near(name, by_name)}')
    for place, number in counts.items():
        if number > _MOST_NAMES:
            yield Fault(place, f"{number - _MOST_NAMES:,} more names here are of no edit")


def _output_overlaps(by_output: Mapping[str, Edit]) -> Iterator[Fault]:
    """An output that is a folder on the way to another."""
    for path, edit in by_output.items():
        parts = path.split("/")
        for depth in range(1, len(parts)):
            if other := by_output.get("/".join(parts[:depth])):
                yield Fault(
                    edit.place("/output"),
                    f'the output {edit.output} lies below a file, the output of "{other.name}"',
                )


def _near(name: str, names: Mapping[str, Edit]) -> str:
    if cell := next((known for known in sorted(names) if get_matrix_name(known) == name), None):
        return f"; it is a matrix, so write one of its cells, such as edit://{cell}"
    all_of = f"; there are {', '.join(sorted(names))}" if len(names) <= _MOST_NAMES else ""
    return f".{near}" if (near := suggest_name(name, names)) else all_of


def ordered(upstreams: Mapping[str, Sequence[str]]) -> list[str]:
    """Names with every upstream before its downstream, otherwise by name; names in circles are left
    out.
    """
    import heapq

    waiting = {name: len(set(ups)) for name, ups in upstreams.items()}
    below: dict[str, list[str]] = {name: [] for name in upstreams}
    for name, ups in upstreams.items():
        for up in set(ups):
            below[up].append(name)
    ready = [name for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    done: list[str] = []
    while ready:
        name = heapq.heappop(ready)
        done.append(name)
        for follower in below[name]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, follower)
    return done


def _circles(upstreams: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Each circle once, beginning with its first name."""
    fine = set(ordered(upstreams))
    left = {name: ups for name, ups in upstreams.items() if name not in fine}
    seen: set[str] = set()
    for start in sorted(left):
        path: list[str] = []
        here = start
        while here not in seen:
            seen.add(here)
            path.append(here)
            here = next(up for up in sorted(left[here]) if up in left)
        if here in path:
            circle = path[path.index(here) :]
            first = circle.index(min(circle))
            yield circle[first:] + circle[:first]

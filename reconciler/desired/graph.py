"""Checks and sorts the graph of all edits: names, outputs, upstreams, circles. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from heapq import heappop, heappush

from reconciler.desired.edit import Edit, Medium
from reconciler.errors import Fault, Place
from reconciler.formats.names import fold_path, get_matrix_name, suggest_name

_MOST_NAMES = 8  # of one place, and of edits where all of them are shown


def check_graph(
    edits: Sequence[Edit], media: Callable[[Edit], Sequence[Medium]], names: Collection[str]
) -> Iterator[Fault]:
    """What is wrong between edits: names and outputs met twice, unknown upstreams, circles.

    `names` are all names met, also those of edits too broken to be understood: such a name is never
    called unknown.
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
    yield from _check_output_overlaps(by_output)
    upstreams: dict[str, list[str]] = {}  # of those that build on others, and of those others
    unknown: list[tuple[Place, str]] = []
    for edit in by_name.values():
        for medium in media(edit):
            if medium.reference.kind == "edit":
                upstream = medium.reference.value
                if upstream in by_name:
                    upstreams.setdefault(edit.name, []).append(upstream)
                    upstreams.setdefault(upstream, [])
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
    yield from _check_unknown_names(unknown, by_name)
    for circle in _find_circles(upstreams):
        edit = by_name[circle[0]]
        yield Fault(
            edit.place(),
            f"edits that wait for each other: {' → '.join([*circle, circle[0]])}; one of them must"
            " begin",
        )


def _check_unknown_names(
    unknown: Sequence[tuple[Place, str]], by_name: Mapping[str, Edit]
) -> Iterator[Fault]:
    """What is named and is no edit: of one place, which may be that of thousands of cells, the
    first few.
    """
    counts: Counter[Place] = Counter()
    for place, name in unknown:
        counts[place] += 1
        if counts[place] <= _MOST_NAMES:
            yield Fault(place, f'no edit is named "{name}"{_suggest_edit(name, by_name)}')
    for place, number in counts.items():
        if number > _MOST_NAMES:
            yield Fault(place, f"{number - _MOST_NAMES:,} more names here are of no edit")


def _check_output_overlaps(by_output: Mapping[str, Edit]) -> Iterator[Fault]:
    """An output that is a folder on the way to another."""
    folders = {path.rpartition("/")[0] for path in by_output}
    above = {
        folder: [by_output[way] for way in _list_ways(folder) if way in by_output]
        for folder in folders
    }
    if not any(above.values()):
        return
    for path, edit in by_output.items():
        for other in above[path.rpartition("/")[0]]:
            yield Fault(
                edit.place("/output"),
                f'the output {edit.output} lies below a file, the output of "{other.name}"',
            )


def _list_ways(folder: str) -> list[str]:
    """A folder and those that it lies in, the outermost first."""
    parts = folder.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _suggest_edit(name: str, names: Mapping[str, Edit]) -> str:
    if cell := next((known for known in sorted(names) if get_matrix_name(known) == name), None):
        return f"; it is a matrix, so write one of its cells, such as edit://{cell}"
    all_of = f"; there are {', '.join(sorted(names))}" if len(names) <= _MOST_NAMES else ""
    return f".{near}" if (near := suggest_name(name, names)) else all_of


def sort_by_upstreams(upstreams: Mapping[str, Sequence[str]]) -> list[str]:
    """Names with every upstream before its downstream, otherwise by name; names in circles are left
    out.
    """
    waiting = {name: set(ups) for name, ups in upstreams.items() if ups}
    if not waiting:
        return sorted(upstreams)
    below: dict[str, list[str]] = {}
    for name, ups in waiting.items():
        for up in ups:
            below.setdefault(up, []).append(name)
    counts = {name: len(ups) for name, ups in waiting.items()}
    ready = sorted(name for name in upstreams if name not in waiting)  # sorted: a heap
    done: list[str] = []
    while ready:
        name = heappop(ready)
        done.append(name)
        for follower in below.get(name, ()):
            counts[follower] -= 1
            if counts[follower] == 0:
                heappush(ready, follower)
    return done


def _find_circles(upstreams: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Each circle once, beginning with its first name."""
    fine = set(sort_by_upstreams(upstreams))
    if len(fine) == len(upstreams):
        return
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

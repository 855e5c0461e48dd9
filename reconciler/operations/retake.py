"""`cutlist retake`: the same request once more, as a change of the manifest. Spends nothing itself."""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.desired import take
from reconciler.desired.job import Desired
from reconciler.desired.manifest import Edit
from reconciler.errors import CutlistError, Place, UsageError
from reconciler.formats.document import parse
from reconciler.formats.names import matrix_of
from reconciler.plan.selection import near, with_downstreams
from reconciler.plan.step import Plan, total
from reconciler.report.plan import money
from reconciler.system.files import real_path, write_atomic


@dataclass(frozen=True, slots=True)
class Asked:
    """A name that somebody gave, and all edits of the document behind it: they have one `take`."""

    name: str
    edits: tuple[Edit, ...]
    downstreams: tuple[str, ...]  # what builds on them

    @property
    def file(self) -> str:
        """The manifest, relative to the project."""
        return self.edits[0].document.file

    @property
    def shared(self) -> bool:
        """Whether the name means some of the edits and not others."""
        return any(matrix_of(edit.name) != self.name for edit in self.edits)


@dataclass(frozen=True, slots=True)
class Retake:
    """A `take` that was raised: where it stands, and in words what that costs with the next apply."""

    name: str
    place: Place
    before: int
    after: int
    cost: str


def asked(desired: Desired, names: Sequence[str]) -> list[Asked]:
    """What these names stand for: edits, or a matrix as a whole. Raises UsageError for names that
    nothing has.
    """
    edits = {name: wanted.edit for name, wanted in desired.edits.items()}
    upstreams = {name: wanted.upstreams for name, wanted in desired.edits.items()}
    matrices = {matrix_of(name): edit for name, edit in edits.items()}
    together: dict[Place, list[Edit]] = {}
    for edit in edits.values():
        together.setdefault(edit.place(), []).append(edit)
    found: dict[Place, Asked] = {}
    for name in names:
        named = edits.get(name) or matrices.get(name)
        if named is None:
            raise UsageError(
                f'no edit is named "{name}".', hint=f"{near(name, edits)} Nothing was written."
            )
        all_of = tuple(sorted(together[named.place()], key=lambda edit: edit.name))
        own = {edit.name for edit in all_of}
        found.setdefault(
            named.place(),
            Asked(name, all_of, tuple(sorted(with_downstreams(own, upstreams) - own))),
        )
    return list(found.values())


def supposed(desired: Desired, wishes: Sequence[Asked]) -> Desired:
    """What would be asked for if every wish were fulfilled: nothing is written to find out what it
    costs.
    """
    raised = {edit.name for wish in wishes for edit in wish.edits}
    return replace(
        desired,
        edits={
            name: (
                replace(each, edit=replace(each.edit, take=each.edit.take + 1))
                if name in raised
                else each
            )
            for name, each in desired.edits.items()
        },
    )


def retake(
    root: Path, wishes: Sequence[Asked], plan: Plan, new_id: Callable[[], str]
) -> list[Retake]:
    """Raise the takes in the manifests; `plan` is the one of what is `supposed`.

    Raises UsageError or CutlistError, before anything is written, when a single one of them cannot
    be raised.
    """
    costs = [_cost(wish, plan) for wish in wishes]
    paths = {wish.file: real_path(root / wish.file) for wish in wishes}
    texts = {file: path.read_bytes() for file, path in paths.items()}
    indexes = [_index(wish, texts[wish.file]) for wish in wishes]
    numbers = []
    for wish, index, cost in zip(wishes, indexes, costs, strict=True):
        raised = take.raised(texts[wish.file], wish.file, index)
        if wish.shared:
            raise _refusal(wish, cost)
        texts[wish.file] = raised.raw
        numbers.append((raised.before, raised.after))
    for file, path in paths.items():
        write_atomic(path, texts[file], tmp_name=new_id(), mode=stat.S_IMODE(path.stat().st_mode))
    documents = {file: parse(raw, file)[0] for file, raw in texts.items()}
    places = [
        documents[wish.file][at].place("/spec/take")
        for wish, at in zip(wishes, indexes, strict=True)
    ]
    return [
        Retake(wish.name, place, *number, cost)
        for wish, place, number, cost in zip(wishes, places, numbers, costs, strict=True)
    ]


def _index(wish: Asked, raw: bytes) -> int:
    """Which document of its file a wish is about."""
    documents, faults = parse(raw, wish.file)
    places = [document.place() for document in documents]
    if faults or wish.edits[0].place() not in places:
        raise CutlistError(
            f"{wish.file} was saved meanwhile.", hint="Nothing was written. Run it again."
        )
    return places.index(wish.edits[0].place())


# ------------------------------------------------------------------ words


def _refusal(wish: Asked, cost: str) -> UsageError:
    """One edit of a matrix cannot have a take of its own, unless the matrix has a list for it."""
    names = sorted({matrix_of(edit.name) for edit in wish.edits})
    all_of = (
        f"`cutlist retake {names[0]}` raises it for all of them ({cost}). "
        if len(names) == 1
        else ""
    )
    now, place = int(wish.edits[0].take), wish.edits[0].place()
    own = (
        f"For this one alone give the matrix a list `take: [{now}]`, write `take: ${{{{ matrix.take"
        f" }}}}`, and include this one with `take: {now + 1}` ({place})."
    )
    return UsageError(
        f'"{wish.name}" shares its take with all {len(wish.edits)} edits of its matrix.',
        hint=f"{all_of}{own} Nothing was written.",
    )


def _cost(wish: Asked, plan: Plan) -> str:
    """`3 edits, 24.0 s billable, 2.40 USD; then poster, at most 1.00 USD more`."""
    steps = {step.name: step for step in plan.steps}
    own = [steps[edit.name] for edit in wish.edits]
    paid = total([step.cost for step in own])
    count = f"{len(own)} edits, " if len(own) > 1 else ""
    once = f", once it can go on: {own[0].reason}" if own[0].stuck else ""
    words = (
        f"{count}{money(paid, plan.currency)}{once}"
        if paid.billable_s
        else f"{count}nothing to pay: {own[0].reason}"
    )
    later = [steps[name] for name in wish.downstreams if steps[name].cost.billable_s]
    if not later:
        return words
    more = money(total([step.cost for step in later]), plan.currency)
    return (
        f"{words}; what builds on it ({', '.join(step.name for step in later)}) at most {more} more"
    )

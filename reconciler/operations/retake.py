"""`cutlist retake`: the same request once more, as a change of the manifest. Spends
nothing itself.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.desired import take
from reconciler.desired.edit import Edit
from reconciler.desired.job import Desired
from reconciler.errors import CutlistError, Place, UsageError
from reconciler.formats.names import get_matrix_name
from reconciler.formats.parsing import parse_documents
from reconciler.plan.selection import add_downstreams, suggest_edits
from reconciler.plan.step import Plan, add_up_costs
from reconciler.report.money import describe_cost
from reconciler.system.files import resolve_links, write_atomic

_UNWRITTEN = "Nothing was written."


@dataclass(frozen=True, slots=True)
class RetakeTarget:
    """A name that somebody gave, and all edits of the document behind it: they have one `take`."""

    name: str
    edits: tuple[Edit, ...]
    downstreams: tuple[str, ...]  # the names of the edits that build on them

    @property
    def file(self) -> str:
        """The manifest, relative to the project."""
        return self.edits[0].file

    @property
    def place(self) -> Place:
        """Where the document stands in its file."""
        return self.edits[0].place()

    @property
    def shared(self) -> bool:
        """Whether the name means some of the edits and not others."""
        return any(get_matrix_name(edit.name) != self.name for edit in self.edits)


@dataclass(frozen=True, slots=True)
class Retake:
    """A `take` that was raised: where it stands, and in words what that costs with the
    next apply.
    """

    name: str
    place: Place
    before: int
    after: int
    cost: str

    def to_json(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "name": self.name,
            "place": str(self.place),
            "before": self.before,
            "after": self.after,
            "cost": self.cost,
        }


def find_targets(desired: Desired, names: Sequence[str]) -> list[RetakeTarget]:
    """What these names stand for: edits, or a matrix as a whole.

    Raises UsageError for names that nothing has.
    """
    edits = {name: wanted.edit for name, wanted in desired.edits.items()}
    upstreams = {name: wanted.upstreams for name, wanted in desired.edits.items()}
    matrices = {get_matrix_name(name): edit for name, edit in edits.items()}
    edits_of_document: dict[Place, list[Edit]] = {}
    for edit in edits.values():
        edits_of_document.setdefault(edit.place(), []).append(edit)
    targets: dict[Place, RetakeTarget] = {}
    for name in names:
        named = edits.get(name) or matrices.get(name)
        if named is None:
            raise UsageError(
                f'no edit is named "{name}".', hint=f"{suggest_edits(name, edits)} {_UNWRITTEN}"
            )
        together = sorted(edits_of_document[named.place()], key=lambda edit: edit.name)
        own = {edit.name for edit in together}
        downstreams = tuple(sorted(add_downstreams(own, upstreams) - own))
        targets.setdefault(named.place(), RetakeTarget(name, tuple(together), downstreams))
    return list(targets.values())


def suppose_raised(desired: Desired, targets: Sequence[RetakeTarget]) -> Desired:
    """What would be asked for if every target's take were raised: nothing is written to learn what
    that costs.
    """
    raised = {edit.name for target in targets for edit in target.edits}
    edits = dict(desired.edits)
    for name in raised & edits.keys():
        edit = edits[name].edit
        edits[name] = replace(edits[name], edit=replace(edit, take=edit.take + 1), known=None)
    return replace(desired, edits=edits)


def raise_takes(
    root: Path, targets: Sequence[RetakeTarget], plan: Plan, new_id: Callable[[], str]
) -> list[Retake]:
    """Raise the takes in the manifests; `plan` is the one of what `suppose_raised` gives.

    Raises UsageError or CutlistError, before anything is written, when a single one of them cannot
    be raised.
    """
    costs = [_describe_cost(target, plan) for target in targets]
    paths = {target.file: resolve_links(root / target.file) for target in targets}
    texts = {file: path.read_bytes() for file, path in paths.items()}
    indexes = [_find_document(target, texts[target.file]) for target in targets]
    numbers = []
    for target, index, cost in zip(targets, indexes, costs, strict=True):
        raised = take.raise_take(texts[target.file], target.file, index)
        if target.shared:
            raise _build_refusal(target, cost)
        texts[target.file] = raised.raw
        numbers.append((raised.before, raised.after))
    for file, path in paths.items():
        write_atomic(path, texts[file], tmp_name=new_id(), mode=stat.S_IMODE(path.stat().st_mode))
    documents = {file: parse_documents(raw, file)[0] for file, raw in texts.items()}
    places = [
        documents[target.file][index].place("/spec/take")
        for target, index in zip(targets, indexes, strict=True)
    ]
    return [
        Retake(target.name, place, before, after, cost)
        for target, place, (before, after), cost in zip(
            targets, places, numbers, costs, strict=True
        )
    ]


def _find_document(target: RetakeTarget, raw: bytes) -> int:
    """Which document of its file a target is about. Raises CutlistError where the file no longer
    has it.
    """
    documents, faults = parse_documents(raw, target.file)
    places = [document.place() for document in documents]
    if faults or target.place not in places:
        raise CutlistError(
            f"{target.file} was saved meanwhile.", hint=f"{_UNWRITTEN} Run it again."
        )
    return places.index(target.place)


# ------------------------------------------------------------------ words


def _build_refusal(target: RetakeTarget, cost: str) -> UsageError:
    """One edit of a matrix cannot have a take of its own, unless the matrix has a list for it."""
    matrices = sorted({get_matrix_name(edit.name) for edit in target.edits})
    hint = ""
    if len(matrices) == 1:
        hint = f"`cutlist retake {matrices[0]}` raises it for all of them ({cost}). "
    now = int(target.edits[0].take)
    hint += (
        f"For this one alone give the matrix a list `take: [{now}]`, write `take: ${{{{ matrix.take"
        f" }}}}`, and include this one with `take: {now + 1}` ({target.place}). {_UNWRITTEN}"
    )
    return UsageError(
        f'"{target.name}" shares its take with all {len(target.edits)} edits of its matrix.',
        hint=hint,
    )


def _describe_cost(target: RetakeTarget, plan: Plan) -> str:
    """`3 edits, 24.0 s billable, 2.40 USD; then poster, at most 1.00 USD more`."""
    steps = {step.name: step for step in plan.steps}
    own = [steps[edit.name] for edit in target.edits]
    cost = add_up_costs([step.cost for step in own])
    words = f"{len(own)} edits, " if len(own) > 1 else ""
    if cost.billable_s:
        words += describe_cost(cost, plan.currency)
        if own[0].stuck:
            words += f", once it can go on: {own[0].reason}"
    else:
        words += f"nothing to pay: {own[0].reason}"
    later = [steps[name] for name in target.downstreams if steps[name].cost.billable_s]
    if later:
        names = ", ".join(step.name for step in later)
        more = describe_cost(add_up_costs([step.cost for step in later]), plan.currency)
        words += f"; what builds on it ({names}) at most {more} more"
    return words

"""Outputs that we wrote and no edit asks for any more: what goes, what stays, which edit carries
on from each. Pure.

Only files that still have the bytes we wrote go, and only those whose result is in the store: going
back is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property

from reconciler.errors import Place
from reconciler.formats.names import fold_path
from reconciler.formats.values import value
from reconciler.plan.jobs import Resolved
from reconciler.plan.step import Action, Step, name_prune
from reconciler.state.observed import Observed, Published

_MOST_NAMES = 3
_FREE = "Its result stays in the store: asking for it again costs nothing."


@value(frozen=True, slots=True)
class Pruning:
    """What the project file says of it."""

    enabled: bool = False
    most: int = 10  # at once
    place: Place = field(default_factory=lambda: Place("cutlist.yaml"))


@value(frozen=True, slots=True)
class LeftOver:
    """A file at a path that no edit asks for any more, and what we noted when we wrote it."""

    path: str
    note: Published
    digest: str  # of the file now
    # the edit that carries on: of the same name, or the one it was renamed to
    heir: str | None = None


def find_left_over(observed: Observed, heirs: Heirs) -> list[LeftOver]:
    """Every such file, by path; but not one that an asked output differs from only in case or
    Unicode form.
    """
    return [
        LeftOver(path, output.published, output.digest, heirs.find_heir(output.published))
        for path, output in sorted(observed.left_over.items())
        if output.published is not None and output.digest is not None
        if not heirs.is_asked(path)
    ]


class Heirs:
    """Which edit carries on from a file that no edit asks for any more: of the same name, or the
    first by name that asks for the same key and whose output we have not written yet.

    `resolved` is looked into whenever somebody asks; who changes it tells by `move`. What it takes
    a look at all edits to know is found out at the first question.
    """

    def __init__(self, observed: Observed, resolved: Mapping[str, Resolved]) -> None:
        self.observed = observed
        self._resolved = resolved
        self._names: dict[str, set[str]] | None = None  # by key: the edits that have it
        self._files: dict[str, list[str]] = {}  # by key: paths of files that are left over
        for path, output in sorted(observed.left_over.items()):
            if output.published is not None and output.digest is not None:
                self._files.setdefault(output.published.key, []).append(path)

    @cached_property
    def _asked(self) -> frozenset[str]:
        """The folded paths that edits ask for."""
        return frozenset(fold_path(edit.wanted.edit.output) for edit in self._resolved.values())

    def is_asked(self, path: str) -> bool:
        """Whether an edit asks for a path, or one that differs only in case or Unicode form."""
        return fold_path(path) in self._asked

    def move(self, name: str, before: str | None, now: str | None) -> None:
        """An edit has another key now than before, where None stands for none."""
        if self._names is None:
            return
        if before is not None:
            self._names[before].discard(name)
        if now is not None:
            self._names.setdefault(now, set()).add(name)

    def sharing(self, key: str | None) -> frozenset[str]:
        """The edits that have a key."""
        if key is None:
            return frozenset()
        if self._names is None:
            self._names = {}
            for name, edit in self._resolved.items():
                if edit.job is not None:
                    self._names.setdefault(edit.job.key, set()).add(name)
        return frozenset(self._names.get(key, ()))

    def find_heir(self, note: Published) -> str | None:
        """The edit that carries on from a file that we wrote; None where there is none."""
        return note.edit if note.edit in self._resolved else self._find_newcomer(note.key)

    def find_origin(self, name: str) -> str:
        """Where the result of an edit comes from that was renamed, or whose output was moved, in
        words; empty for any other.
        """
        job = self._resolved[name].job
        if job is None or self._is_written(name, job.key):
            return ""
        newcomer = self._find_newcomer(job.key)
        words = ""
        if name == newcomer and name not in self.observed.pins:
            old = self.observed.old_pins.get(job.key)
            words = f"renamed from {old[0]}" if old is not None else ""
        for path in self._files.get(job.key, ()):
            note = self.observed.left_over[path].published
            if note is None or self.is_asked(path) or self.find_heir(note) != name:
                continue
            is_moved = note.edit == name
            words = f"moved from {path}" if is_moved else f"renamed from {note.edit}"
        return words

    def _find_newcomer(self, key: str) -> str | None:
        return min(
            (name for name in self.sharing(key) if not self._is_written(name, key)), default=None
        )

    def _is_written(self, name: str, key: str) -> bool:
        """Whether we wrote what an edit asks for at its output."""
        note = self.observed.outputs[self._resolved[name].wanted.edit.output].published
        return note is not None and (note.key, note.realm) == (key, self.observed.realm)


# ------------------------------------------------------------------ what goes


def plan_prune(
    files: Sequence[LeftOver],
    resolved: Mapping[str, Resolved],
    observed: Observed,
    steps: Sequence[Step],
    pruning: Pruning,
) -> tuple[list[Step], list[str]]:
    """The steps for what is left over, and notes of what stays. `steps` are those of the edits that
    are not settled.
    """
    held = {
        step.name
        for step in steps
        if step.action is Action.BLOCKED or resolved[step.name].wanted.edit.suspend
    }
    protected, rest = _parted(files, lambda file: file.note.protected)
    changed, rest = _parted(rest, lambda file: file.digest != file.note.digest)
    waiting, going = _parted(rest, lambda file: file.heir in held)
    staying = [
        *_told(
            protected,
            "no longer asked for, and kept because it was protected; remove it yourself if it"
            " may go",
        ),
        *_told(changed, "no longer asked for, but changed since cutlist wrote it; it stays"),
    ]
    if not pruning.enabled:
        way = "`prune: {enabled: true}` in cutlist.yaml removes what no manifest asks for"
        return [], [*_told(going, f"no longer asked for; {way}"), *staying]
    if not resolved:
        return [], [
            *_told(going, "no longer asked for, but kept: no manifest asks for anything"),
            *staying,
        ]
    staying += _told(waiting, "kept until the edit that it is of has its new output")
    return _steps(going, resolved, observed, pruning), staying


def _parted(
    files: Sequence[LeftOver], test: Callable[[LeftOver], bool]
) -> tuple[list[LeftOver], list[LeftOver]]:
    """Those that pass a test, and the others."""
    return [file for file in files if test(file)], [file for file in files if not test(file)]


def _steps(
    going: Sequence[LeftOver],
    resolved: Mapping[str, Resolved],
    observed: Observed,
    pruning: Pruning,
) -> list[Step]:
    """`-` for each, or `!`.

    Where more than `most` would go, each is a blocked step of its own rather than the whole plan
    refused: work that has nothing to do with it is not held up, and people see every file that
    would go before they raise the number.
    """
    steps = []
    gone = {file.path for file in going if not _stored(file, observed)}
    many = len(going) - len(gone) > pruning.most
    for file in going:
        step = Step(
            name=name_prune(file.path),
            action=Action.PRUNE,
            reason=_why(file, resolved),
            output=file.path,
            place=pruning.place,
            key=file.note.key,
            details=(_FREE,),
            digest=file.note.digest,
            after=file.heir,
        )
        if file.path in gone:
            reason = (
                "no longer asked for, but its result is not in the store: this may be the last copy"
            )
            step = _blocked(step, reason, "Remove it yourself, or put the store back.")
        elif many:
            reason = (
                f"{len(going) - len(gone)} outputs would be pruned at once, and prune.most is"
                f" {pruning.most}"
            )
            step = _blocked(step, reason, "If that is meant, raise prune.most in cutlist.yaml.")
        steps.append(step)
    return steps


def _blocked(step: Step, reason: str, way: str) -> Step:
    return replace(
        step, action=Action.BLOCKED, reason=reason, details=(way,), needs_person=True, after=None
    )


def _stored(file: LeftOver, observed: Observed) -> bool:
    return any(
        result.digest == file.note.digest for result in observed.results.get(file.note.key, ())
    )


def _why(file: LeftOver, resolved: Mapping[str, Resolved]) -> str:
    if file.heir is None:
        return "no manifest asks for it any more"
    output = resolved[file.heir].wanted.edit.output
    if file.heir == file.note.edit:
        return f"{file.heir} now writes {output}"
    return f"{file.note.edit} was renamed to {file.heir}, which writes {output}"


def _told(files: Sequence[LeftOver], words: str) -> Iterator[str]:
    """`a.mp4, b.mp4: words`, in one line however many there are."""
    if files:
        names = ", ".join(file.path for file in files[:_MOST_NAMES])
        more = f" and {len(files) - _MOST_NAMES} more" if len(files) > _MOST_NAMES else ""
        yield f"{names}{more}: {words}"

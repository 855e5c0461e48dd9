"""What asks for what: two revisions compared edit by edit, and what the change from one to the
other costs now. Pure.

An edit is compared by its own request, in which an upstream edit is a name, and by its whole
request, in which it is that edit's whole request: where only the whole differs, the edit is forced
by what it builds on. The price is of what the older revision does not ask for anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reconciler.desired.job import Wanted, build_job
from reconciler.errors import Place
from reconciler.formats.digest import hash_bytes
from reconciler.moved import find_moved
from reconciler.plan.cost import find_price
from reconciler.plan.jobs import Resolved
from reconciler.plan.reasons import describe_changes, find_changed_place, list_texts
from reconciler.plan.step import FREE, Action, Cost, Plan, Step

DIFF_VERSION = 1
_STAYS = "no longer asked for; its file stays"
_PRUNED = "no longer asked for; its file is pruned, unless a guard keeps it"


class Kind(StrEnum):
    """What became of an edit."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    # not changed itself, but rendered anew because an edit it builds on was changed
    FORCED = "forced"
    RENAMED = "renamed"  # the same job under another name


@dataclass(frozen=True, slots=True)
class Side:
    """A revision, or the work tree."""

    name: str  # as people call it
    commit: str | None  # None: the work tree

    def to_json(self) -> dict[str, object]:
        """The side as plain data."""
        return {"name": self.name, "commit": self.commit}


@dataclass(frozen=True, slots=True)
class Change:
    """One edit that is not asked for as before, why, and what that costs."""

    name: str
    kind: Kind
    reason: str
    details: tuple[str, ...]
    output: str
    place: Place
    action: Action = Action.KEEP  # render or wait: to be paid; blocked: needs a person
    cost: Cost = FREE
    paid: str = ""  # in words, why nothing is paid now, or why not yet
    was: str | None = None  # the older name, where it was renamed
    key: str | None = None  # None: removed, or known only after an upstream edit has its result

    def to_json(self) -> dict[str, object]:
        """The change as plain data."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "reason": self.reason,
            "details": list(self.details),
            "was": self.was,
            "output": self.output,
            "place": str(self.place),
            "key": self.key,
            "action": self.action.value,
            "paid": self.paid or None,
            "cost": self.cost.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes, sorted by name."""

    before: Side
    after: Side
    changes: tuple[Change, ...]
    unchanged: int
    plan: Plan  # the steps that the changes bring, with what each costs

    @property
    def summary(self) -> Mapping[str, int]:
        """How many edits there are of each kind."""
        return {
            kind.value: sum(1 for change in self.changes if change.kind is kind) for kind in Kind
        }

    def to_json(self) -> dict[str, object]:
        """The changes as plain data (schemas/diff.schema.json)."""
        plan = self.plan
        return {
            "version": DIFF_VERSION,
            "from": self.before.to_json(),
            "to": self.after.to_json(),
            "realm": plan.realm,
            "account": plan.account,
            "endpoint": plan.endpoint,
            "environment": plan.environment,
            "summary": {**self.summary, "unchanged": self.unchanged},
            "cost": plan.cost_to_json(),
            "changes": [change.to_json() for change in self.changes],
        }


def compare_revisions(
    before: Mapping[str, Resolved],
    after: Mapping[str, Resolved],
    plan: Plan,
    *,
    sides: tuple[Side, Side],
    prunes: bool = False,
) -> Comparison:
    """The changes from `before` to `after`, priced by the `plan` of `after` as if nothing lay in
    the way of outputs.

    `prunes` says whether an apply removes files that no edit asks for any more.
    """
    old, new = _requests(before), _requests(after)
    changes_ = _Comparer(before, after, old, new).changes(_PRUNED if prunes else _STAYS)
    steps = {step.name: step for step in plan.steps}
    bill = _Bill(before, after, old, new)
    priced = [
        bill.priced(change, steps[change.name]) if change.name in after else change
        for change in changes_
    ]
    costs = tuple(
        replace(steps[change.name], action=change.action, cost=change.cost, stuck=False)
        for change in priced
        if change.name in after
    )
    unchanged = len(after) - len(costs)
    merged = replace(
        plan, steps=costs, notes=(), strays=(), orphans=(), unpriced=tuple(sorted(bill.unpriced))
    )
    return Comparison(*sides, tuple(priced), unchanged, merged)


# ------------------------------------------------------------------ what changed


@dataclass(frozen=True, slots=True)
class _Request:
    """What an edit asks for, without looking at results."""

    own: Mapping[str, Any]  # its canonical job, upstream edits by name
    whole: str  # the digest of its job with everything it builds on


def _requests(resolved: Mapping[str, Resolved]) -> Mapping[str, _Request]:
    requests: dict[str, _Request] = {}
    for name, edit in resolved.items():
        wanted = edit.wanted
        if edit.job is not None and not wanted.upstreams:
            requests[name] = _Request(edit.job.canonical, edit.job.key)
            continue
        own = {up: f"sha256:{hash_bytes(f'edit://{up}'.encode())}" for up in wanted.upstreams}
        whole = {up: f"edit:{requests[up].whole}" for up in wanted.upstreams}
        requests[name] = _Request(build_job(wanted, own).canonical, build_job(wanted, whole).key)
    return requests


_Edits = Mapping[str, Resolved]
_Requests = Mapping[str, _Request]


class _Comparer:
    """Finds what changed, upstream before downstream."""

    def __init__(self, before: _Edits, after: _Edits, old: _Requests, new: _Requests) -> None:
        self._before, self._after, self._old, self._new = before, after, old, new
        self._moved: set[str] = set()  # edits of `after` whose result is another one than before

    def changes(self, removed: str) -> list[Change]:
        """All of them; `removed` is said of the edits that are gone."""
        was = {name: name for name in self._after if name in self._before} | self._renamed()
        changes = [
            change
            for name in self._after
            if (change := self._change(name, was.get(name))) is not None
        ]
        gone = self._before.keys() - self._after.keys() - set(was.values())
        changes += [_made(self._before[name].wanted, Kind.REMOVED, removed) for name in gone]
        return sorted(changes, key=lambda change: (change.name, change.kind))

    def _renamed(self) -> dict[str, str]:
        """New names of edits that are gone and were the same job; the first new name of each, in
        order.
        """
        gone: dict[str, list[str]] = {}
        for name in sorted(self._before.keys() - self._after.keys(), reverse=True):
            gone.setdefault(self._old[name].whole, []).append(name)
        new = sorted(self._after.keys() - self._before.keys())
        return {name: names.pop() for name in new if (names := gone.get(self._new[name].whole))}

    def _change(self, name: str, was: str | None) -> Change | None:
        wanted = self._after[name].wanted
        if was is None:
            return _made(wanted, Kind.ADDED, "not asked for before")
        fields, details = _fields(self._before[was].wanted, wanted)
        if was != name:
            return replace(_made(wanted, Kind.RENAMED, f"was {was}", details), was=was)
        old, new = self._old[name], self._new[name]
        if old.whole != new.whole and old.own != new.own:
            self._moved.add(name)
            reason, more = describe_changes(
                old.own, new.own, list_texts(wanted), wanted.variant.default
            )
            place = find_changed_place(wanted, old.own, new.own)
            change = _made(wanted, Kind.CHANGED, ", ".join([reason, *fields]), (*more, *details))
            return replace(change, place=place or change.place)
        reasons = []
        if above := [up for up in wanted.upstreams if up in self._moved]:
            reasons.append(f"builds on {', '.join(above)}, which changed")
        if self._repinned(name):
            reasons.append("cutlist.lock names another result")
        if reasons:
            self._moved.add(name)
            kind = Kind.FORCED if above and not fields else Kind.CHANGED
            return _made(wanted, kind, ", ".join([*reasons, *fields]), details)
        if not fields:
            return None
        was_edit = self._before[name].wanted.edit
        same = (wanted.edit.suspend, wanted.edit.protect) == (was_edit.suspend, was_edit.protect)
        only = "only " if same else ""
        return _made(wanted, Kind.CHANGED, only + ", ".join(fields), details)

    def _repinned(self, name: str) -> bool:
        """Whether the same job has another result, by the lock file that belongs to it."""
        old, new = self._before[name], self._after[name]
        same = old.job is not None and new.job is not None and old.job.key == new.job.key
        return same and None not in (old.digest, new.digest) and old.digest != new.digest


def _made(wanted: Wanted, kind: Kind, reason: str, details: Sequence[str] = ()) -> Change:
    edit = wanted.edit
    return Change(edit.name, kind, reason, tuple(details), edit.output, edit.place())


def _fields(old: Wanted, new: Wanted) -> tuple[list[str], tuple[str, ...]]:
    """What changed besides the job: (in words, old and new values)."""
    words, details = [], []
    if old.edit.output != new.edit.output:
        words.append("output moved")
        details.append(f"output: {old.edit.output} → {new.edit.output}")
    if old.edit.labels != new.edit.labels:
        words.append("labels changed")
        details += _label_changes(old.edit.labels, new.edit.labels)
    if old.edit.suspend != new.edit.suspend:
        words.append("suspended" if new.edit.suspend else "no longer suspended")
    if old.edit.protect != new.edit.protect:
        words.append("protected" if new.edit.protect else "no longer protected")
    return words, tuple(details)


def _label_changes(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield f"label {key}: {old.get(key, 'not set')} → {new.get(key, 'not set')}"


# ------------------------------------------------------------------ what it costs


class _Bill:
    """Prices changes in the order of their names: of several with one job the first pays."""

    def __init__(self, before: _Edits, after: _Edits, old: _Requests, new: _Requests) -> None:
        self._after, self._new = after, new
        self._payers: dict[str, str] = {}
        self._due: dict[str, str] = {}  # what the older revision asks for anyway
        self.unpriced: set[str] = set()
        for name in sorted(before):
            if not before[name].wanted.edit.suspend:
                known = before[name].job
                self._due.setdefault(known.key if known else old[name].whole, name)

    def priced(self, change: Change, step: Step) -> Change:
        """A change with what it costs, by the step that its edit has in the plan."""
        change = replace(change, key=step.key)
        wanted = self._after[change.name].wanted
        if wanted.edit.suspend:
            return replace(change, paid="suspended: left alone")
        if step.action in (Action.KEEP, Action.WRITE):
            return replace(change, paid="in the store: free")
        if step.action is Action.BLOCKED:
            return replace(
                change, action=step.action, cost=step.cost, paid=f"needs a person: {step.reason}"
            )
        whole = self._new[change.name].whole
        if due := self._due.get(step.key or whole) or self._due.get(whole):
            same = (
                "the same request as before" if due == change.name else f"the same request as {due}"
            )
            return replace(change, paid=f"{same}: nothing more to pay")
        if step.action in (Action.RESUME, Action.SETTLE):
            return replace(
                change, action=step.action, cost=step.cost, paid="at the service already"
            )
        payer = self._payers.setdefault(step.key or whole, step.paid_by or change.name)
        if payer != change.name:
            return replace(change, paid=f"the same request as {payer}: paid once")
        if step.cost.price is None:
            self.unpriced.add(find_price(wanted))
        if step.key is not None:  # what it builds on is pinned: where that is, it is rendered now
            return replace(change, action=Action.RENDER, cost=step.cost)
        return replace(
            change, action=step.action, cost=step.cost, paid=step.reason if step.stuck else ""
        )


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """A public name of before, with a warning."""
        return find_moved(__name__, name)

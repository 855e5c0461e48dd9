"""Why an edit will or will not be rendered: its key beside the nearest earlier result. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.desired.job import Job, build_job
from reconciler.desired.references import show_url
from reconciler.formats.digest import is_same_json
from reconciler.formats.document import name_field
from reconciler.plan.jobs import Resolved
from reconciler.plan.step import Step
from reconciler.state.observed import Observed, Result

EXPLAIN_VERSION = 1


class Sign(StrEnum):
    """How a part of the key stands beside the same part of an earlier result."""

    SAME = "="
    CHANGED = "≠"
    ADDED = "+"
    REMOVED = "-"
    ALONE = " "  # there is nothing to compare it with


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what the key is the digest of."""

    sign: Sign
    name: str  # input.media[0].url
    value: Any  # None: it is no part any more
    before: Any = None
    note: str = ""  # what the manifest writes in its place

    def to_json(self) -> dict[str, object]:
        """The part for programs."""
        return {
            "name": self.name,
            "same": self.sign is Sign.SAME,
            "value": self.value,
            "before": self.before,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """An edit's step, its key, and the key's parts beside the nearest of its earlier results."""

    step: Step
    currency: str
    key: str | None  # None: known after an upstream edit has its result
    parts: tuple[Part, ...]
    # fields that say what is so anyway, and are no part of the key
    defaults: tuple[tuple[str, object], ...]
    nearest: Result | None
    earlier: int  # how many results were compared

    def to_json(self) -> dict[str, object]:
        """The explanation for programs."""
        return {
            "version": EXPLAIN_VERSION,
            "name": self.step.name,
            "action": self.step.action.value,
            "reason": self.step.reason,
            "details": list(self.step.details),
            "key": self.key,
            "cost": {
                "billable_s": self.step.cost.billable_s,
                "price": self.step.cost.price,
                "currency": self.currency or None,
            },
            "nearest": None if self.nearest is None else _summarise_result(self.nearest),
            "compared": self.earlier,
            "parts": [part.to_json() for part in self.parts],
            "defaults": [{"name": name, "value": value} for name, value in self.defaults],
        }


def explain_edit(resolved: Resolved, observed: Observed, step: Step, currency: str) -> Explanation:
    """Why the edit has the step it has."""
    canonical = (resolved.job or _unfinished(resolved)).canonical
    flat = dict(_leaves(canonical))
    earlier = _earlier(resolved, observed)
    nearest = min(earlier, key=lambda result: _distance(flat, result), default=None)
    old = dict(_leaves(nearest.job)) if nearest is not None else None
    written = {
        _path(one.medium.at): _written(resolved, one.medium.at) for one in resolved.wanted.inputs
    }
    parts = [
        Part(
            _sign(old, name, value),
            name_field(name),
            value,
            (old or {}).get(name),
            written.get(name, ""),
        )
        for name, value in flat.items()
    ]
    gone = [(name, value) for name, value in (old or {}).items() if name not in flat]
    parts += [Part(Sign.REMOVED, name_field(name), None, value) for name, value in gone]
    return Explanation(
        step=step,
        currency=currency,
        key=resolved.job.key if resolved.job else None,
        parts=tuple(parts),
        defaults=tuple(_defaults(resolved, flat)),
        nearest=nearest,
        earlier=len(earlier),
    )


def _unfinished(resolved: Resolved) -> Job:
    """The job as far as it is known: an edit that has no result yet stands for its bytes."""
    known = {source: result.identity for source, result in resolved.above.items()}
    return build_job(resolved.wanted, {up: f"edit://{up}" for up in resolved.waits_for} | known)


def _earlier(resolved: Resolved, observed: Observed) -> list[Result]:
    """Results of this edit; where it has none, those of any edit with this model. The
    newest first.
    """
    every = [result for results in observed.results.values() for result in results]
    own = [result for result in every if result.edit == resolved.wanted.edit.name]
    own = own or [
        result for result in every if result.job.get("model") == resolved.wanted.edit.model
    ]
    if resolved.result is not None:
        own = [resolved.result, *(result for result in own if result != resolved.result)]
    return sorted(own, key=lambda result: (result.stored_at, result.digest), reverse=True)


def _distance(flat: Mapping[tuple[str | int, ...], Any], result: Result) -> int:
    old = dict(_leaves(result.job))
    return sum(
        1
        for name in {*flat, *old}
        if name not in flat or name not in old or flat[name] != old[name]
    )


def _leaves(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _leaves(part, (*path, name))
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from _leaves(part, (*path, index))
    elif path and path != ("v",) and value not in ({}, []):
        yield path, value


def _path(at: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdigit() else part for part in at.split("/")[1:])


def _written(resolved: Resolved, at: str) -> str:
    reference = next(one.medium.reference for one in resolved.wanted.inputs if one.medium.at == at)
    if reference.kind == "edit":
        return f"edit://{reference.source}"
    return show_url(reference.value) if reference.kind == "local" else ""


def _sign(
    old: Mapping[tuple[str | int, ...], Any] | None, name: tuple[str | int, ...], value: Any
) -> Sign:
    if old is None:
        return Sign.ALONE
    if name not in old:
        return Sign.ADDED
    return Sign.SAME if is_same_json(old[name], value) else Sign.CHANGED


def _defaults(
    resolved: Resolved, flat: Mapping[tuple[str | int, ...], Any]
) -> Iterator[tuple[str, Any]]:
    edit = resolved.wanted.edit
    for section, given in (("input", edit.input), ("parameters", edit.parameters)):
        for name, value in given.items():
            is_default = (
                resolved.wanted.variant.default(section, name) is not None
                and (section, name) not in flat
            )
            if is_default and not isinstance(value, list | Mapping):
                yield f"{section}.{name}", value


def _summarise_result(result: Result) -> dict[str, Any]:
    return {
        "key": result.key,
        "digest": result.digest,
        "edit": result.edit,
        "stored_at": result.stored_at,
        "commit": result.commit or None,
    }

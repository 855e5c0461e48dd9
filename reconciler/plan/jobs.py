"""Keys of the graph of edits, as far as results and the lock file allow. Pure.

An edit that names another edit has no key until that one has a result, or the lock file says which
result it has on other machines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from reconciler.desired.job import Desired, Job, Wanted, build_job
from reconciler.formats.values import value
from reconciler.plan.earlier_keys import Former
from reconciler.plan.excerpts import (
    NO_EXCERPTS,
    FindExcerpt,
    FoundExcerpts,
    find_excerpts,
    list_fragments,
    takes_excerpts_alone,
)
from reconciler.state.observed import Findings, Observed, Result

_NONE: Mapping[str, Any] = {}  # what nearly all edits have of upstream edits


@value(frozen=True, slots=True)
class Resolved:
    """An edit with its job, where the digests of its inputs are known, and its result, where there
    is one. What it waits for may have a digest, by the lock file, and no bytes here.
    """

    wanted: Wanted
    job: Job | None
    result: Result | None
    waits_for: tuple[str, ...] = ()  # upstream edits without a result
    upstream: Mapping[str, Result] | None = None  # results of the upstream edits that have one
    pinned: str | None = None  # the digest that the lock file names for its job
    excerpts: Mapping[str, Result] | None = None  # by NAME#FRAGMENT, those that it takes
    fault: str = ""  # in words, what forbids to send it: an excerpt that there is not

    @property
    def digest(self) -> str | None:
        """The digest of its result, here or, by the lock file, elsewhere."""
        return self.pinned if self.result is None else self.result.digest

    @property
    def above(self) -> Mapping[str, Result]:
        """What it takes of others, as far as it is known: results by name, excerpts by
        NAME#FRAGMENT.
        """
        return {**(self.upstream or {}), **(self.excerpts or {})}

    @property
    def is_picked(self) -> bool:
        """Whether its result is of another request than its own: somebody picked it."""
        return self.result is not None and self.job is not None and self.result.key != self.job.key


class LookUp(Protocol):
    """Looks up what is known of keys, so that what is observed has it from then on."""

    def find(self, keys: Collection[str]) -> Findings:
        """Look up keys; what is new by it."""

    def read_everything(self) -> Findings:
        """Look up all that ever was; all of it."""


def resolve_jobs(
    desired: Desired,
    observed: Observed,
    former: Former | None = None,
    *,
    trust_pins: bool = True,
    look_up: LookUp | None = None,
    excerpts: FindExcerpt | None = None,
) -> Mapping[str, Resolved]:
    """Every edit resolved, upstream before downstream. What an earlier rule of keys knows keeps
    the key that it has (`former`).

    `trust_pins`: a result that is not here is taken to be what the lock file says; not where it is
    to be paid again, and so will be another one. `look_up` is asked about keys as they become
    known, a level of the graph at a time; None: `observed` has everything. `excerpts` finds
    what edits take of the videos of others.
    """
    resolver = _Resolver(desired, observed, former or Former(), trust_pins, look_up, excerpts)
    for names in _levels(desired):
        resolver.resolve(names)
    return {name: resolver.resolved[name] for name in desired.edits}


def _levels(desired: Desired) -> Sequence[Sequence[str]]:
    """The edits in levels: those of one build on edits of earlier ones only."""
    levels: list[list[str]] = []
    depths: dict[str, int] = {}
    for name, wanted in desired.edits.items():
        upstreams = wanted.upstreams
        depth = max([depths[up] for up in upstreams]) + 1 if upstreams else 0
        depths[name] = depth
        if depth == len(levels):
            levels.append([])
        levels[depth].append(name)
    return levels


class _Resolver:
    """Resolves edits, those of one level together."""

    def __init__(
        self,
        desired: Desired,
        observed: Observed,
        former: Former,
        trust_pins: bool,
        look_up: LookUp | None,
        excerpts: FindExcerpt | None,
    ) -> None:
        self._desired = desired
        self._observed = observed
        self._former = former
        self._trust_pins = trust_pins
        self._look_up = look_up
        self._excerpts = excerpts
        self.resolved: dict[str, Resolved] = {}

    def resolve(self, names: Sequence[str]) -> None:
        """Resolve edits whose upstream edits are resolved."""
        jobs: dict[str, Job] = {}
        if self._excerpts is not None:
            self._excerpts.look_up(list(self._list_excerpts(names)))
        found: dict[str, FoundExcerpts] = {}
        edits = self._desired.edits
        for name in names:
            wanted = edits[name]
            identities: Mapping[str, str] | None = _NONE
            if wanted.sources:
                found[name] = find_excerpts(wanted, self.resolved, self._excerpts)
                identities = _identify_upstreams(wanted, self.resolved, found[name][0])
            if identities is not None:
                jobs[name] = build_job(wanted, identities)
        if self._look_up is not None:
            self._find(self._look_up, jobs)
        for name in names:
            self.resolved[name] = resolve_edit(
                self._desired,
                name,
                self.resolved,
                self._observed,
                self._former,
                trust_pins=self._trust_pins,
                own=jobs.get(name),
                found=found.get(name, NO_EXCERPTS),
            )

    def _list_excerpts(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The excerpts that some edits take of videos whose digest is known."""
        for name in names:
            for reference in list_fragments(self._desired.edits[name]):
                digest = self.resolved[reference.value].digest
                if digest is not None:
                    yield digest, reference.fragment

    def _find(self, look_up: LookUp, jobs: Mapping[str, Job]) -> None:
        """Look up what is known of some edits, by their keys and by those of earlier rules."""
        former, observed = self._former, self._observed
        edits = self._desired.edits

        def list_unsettled() -> list[tuple[Wanted, Job]]:
            return [
                (edits[name], own)
                for name, own in jobs.items()
                if not former.is_settled(name, own.key, observed)
            ]

        answer = look_up.find({own.key for own in jobs.values()})
        former.learn(answer.results, answer.requests)
        unsettled = list_unsettled()
        if not unsettled:
            return
        earlier = {key for wanted, own in unsettled for key in former.find_keys(wanted, own)}
        answer = look_up.find(earlier)
        former.learn(answer.results, answer.requests)
        if any(former.needs_everything(wanted) for wanted, _own in list_unsettled()):
            answer = look_up.read_everything()
            former.forget()
            former.learn(answer.results, answer.requests)


def keep_excerpts(edit: Resolved, resolved: Mapping[str, Resolved], finder: FindExcerpt) -> None:
    """Have the excerpts that an edit takes put into the store, where `finder` keeps what it
    finds.
    """
    if edit.excerpts:
        find_excerpts(edit.wanted, resolved, finder)


def resolve_edit(
    desired: Desired,
    name: str,
    resolved: Mapping[str, Resolved],
    observed: Observed,
    former: Former,
    *,
    trust_pins: bool,
    own: Job | None = None,
    found: FoundExcerpts = NO_EXCERPTS,
) -> Resolved:
    """One edit resolved, where those that it builds on are in `resolved`. `own` is its job by the
    present rule of keys, where somebody has built it already; `found` are the excerpts that it
    takes.
    """
    wanted = desired.edits[name]
    excerpts, fault = found
    missing: tuple[str, ...] = ()
    known: Mapping[str, Result] = _NONE
    identities: Mapping[str, str] = _NONE
    if wanted.sources:  # as few have any
        missing, known = _part_upstreams(wanted.upstreams, resolved)
        found_identities = _identify_upstreams(wanted, resolved, excerpts)
        if found_identities is None:
            return Resolved(wanted, None, None, missing, known, excerpts=excerpts, fault=fault)
        identities = found_identities
        # an excerpt that is here needs no video
        missing = tuple(up for up in missing if not takes_excerpts_alone(wanted, up))
    own = own or build_job(wanted, identities)
    chosen = former.choose_job(wanted, identities, own, observed, desired.edits)
    pin = observed.pin(name, chosen.key)
    return Resolved(
        wanted,
        chosen,
        observed.choose_result(chosen.key, pin),
        missing,
        known,
        pin.digest if pin is not None and trust_pins else None,
        excerpts,
        fault,
    )


def _part_upstreams(
    upstreams: Collection[str], resolved: Mapping[str, Resolved]
) -> tuple[tuple[str, ...], Mapping[str, Result]]:
    """Those upstream edits that have no result, and the results of the others."""
    if not upstreams:
        return (), _NONE
    missing, known = [], {}
    for up in upstreams:
        result = resolved[up].result
        if result is None:
            missing.append(up)
        else:
            known[up] = result
    return tuple(missing), known


def _identify_upstreams(
    wanted: Wanted, resolved: Mapping[str, Resolved], excerpts: Mapping[str, Result]
) -> Mapping[str, str] | None:
    """By upstream edit and by excerpt, what stands for its bytes; None while that of one of them is
    not known.
    """
    upstreams = wanted.upstreams
    if not upstreams:
        return _NONE
    if any(reference.source not in excerpts for reference in list_fragments(wanted)):
        return None
    digests = {up: resolved[up].digest for up in upstreams}
    if not all(digests.values()):
        return None
    known = {up: f"sha256:{digest}" for up, digest in digests.items()}
    return known | {source: excerpt.identity for source, excerpt in excerpts.items()}

"""Jobs whose key an earlier rule made: they keep it, with all that is known under it. Pure.

A key is looked for under the present rule first of all. Where nothing is known under that key, it
is looked for among what version 1 of the rule made, and among links that lost a parameter since
(`identity.ignore_query`, a provider that was added). What is found there keeps its key: result,
attempts, pin and history count as they are, and nothing is rendered again for a change of the rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from reconciler.desired.job import Job, Wanted, build_canonical
from reconciler.formats.digest import digest_json
from reconciler.formats.job_links import has_link, remove_signatures
from reconciler.formats.signed_urls import Signatures
from reconciler.state.observed import OPEN, Observed, Published, Result

Canonical = Mapping[str, Any]


@dataclass(slots=True)
class _Known:
    """What is known under a key of an earlier rule."""

    job: Canonical | None = None  # None: only the key is known (a lock file, or no link in it)
    edits: set[str] = field(default_factory=set)  # that had it


class Former:
    """The keys of earlier rules, as far as they have been looked up.

    `pins` are (edit, key) of the lock file, `notes` (edit, key) of what was written to outputs.
    What store and ledger know comes by `learn`.
    """

    def __init__(
        self,
        signatures: Signatures | None = None,
        pins: Sequence[tuple[str, str]] = (),
        notes: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._signatures = signatures
        self._pin_pairs, self._note_pairs = pins, notes
        self.forget()

    @cached_property
    def _pins(self) -> Mapping[str, set[str]]:
        return _by_key(self._pin_pairs)

    @cached_property
    def _notes(self) -> Mapping[str, set[str]]:
        return _by_key(self._note_pairs)

    @classmethod
    def of(
        cls,
        signatures: Signatures,
        observed: Observed,
        notes: Iterable[Published],
        requests: Iterable[tuple[str, str, Canonical | None]],
    ) -> Former:
        """What was observed knows of earlier rules; besides it the `notes` of outputs, and the
        ledger by these `requests`.
        """
        pins = [*observed.pins.items(), *observed.old_pins.values()]
        former = cls(
            signatures,
            [(edit, pin.key) for edit, pin in pins],
            [(note.edit, note.key) for note in notes],
        )
        former.learn(observed.results, requests)
        return former

    def forget(self) -> None:
        """Forget what was learnt; pins and notes stay."""
        self._first = False  # whether version 1 made any of what was learnt
        self._known: dict[str, _Known] = {}  # by key: what was learnt
        self._keys: dict[str, list[str]] = {}  # by the key to look up: what was learnt

    def learn(
        self,
        results: Mapping[str, Sequence[Result]],
        requests: Iterable[tuple[str, str, Canonical | None]],
    ) -> None:
        """Take in what the store and the ledger (`requests`: key, edit and job) know of
        some keys.
        """
        new: dict[str, _Known] = {}
        for key, several in results.items():
            if several[0].may_be_former:
                new[key] = _Known(several[0].job, {result.edit for result in several})
        for key, edit, canonical in requests:
            entry = new.setdefault(key, _Known())
            entry.job = entry.job or canonical
            entry.edits.add(edit)
        for key, entry in new.items():
            self._first |= entry.job is None or entry.job.get("v") == 1
            if self._signatures is not None and key not in self._known:
                at = _looked_up_by(self._signatures, key, entry.job)
                self._keys.setdefault(at, []).append(key)
            entry.edits |= self._pins.get(key, set()) | self._notes.get(key, set())
            self._known[key] = entry

    # -------------------------------------------------------------- what to look up

    def find_keys(self, wanted: Wanted, own: Job) -> Collection[str]:
        """The keys by which an earlier rule may have known an edit that is not settled, to be
        looked up besides its `own`. None for one with links: those need `needs_everything`.
        """
        return () if _links_of(wanted) else (digest_json({**own.canonical, "v": 1}),)

    def needs_everything(self, wanted: Wanted) -> bool:
        """Whether only a search among all old jobs can tell by which key an edit is known that is
        not settled: a rule of links may have left more in them, and nobody can tell what.
        """
        return bool(_links_of(wanted))

    def is_settled(self, name: str, own_key: str, observed: Observed) -> bool:
        """Whether no key of an earlier rule can count for an edit: version 1 made nothing, and
        something is known under its own key.
        """
        if self._signatures is None:
            return True
        return not self._first and _is_known(own_key, name, observed)

    def has_stake_in(self, key: str) -> bool:
        """Whether what happens to a key may be about more edits than those that have it now:
        another rule made it, or it is what the job of another key is looked up by.
        """
        entry = self._known.get(key)
        others = any(at != key for at in self._keys.get(key, ()))
        return self._first or others or (entry is not None and (entry.job or {}).get("v") == 1)

    # -------------------------------------------------------------- which key an edit has

    def choose_job(
        self,
        wanted: Wanted,
        upstream: Mapping[str, str],
        own: Job,
        observed: Observed,
        names: Collection[str],
    ) -> Job:
        """The job of an edit, under the key by which it is known. `upstream` is as in `build_job`,
        `own` its job by the present rule; `names` are all edits' names.
        """
        if self.is_settled(wanted.edit.name, own.key, observed):
            return own
        assert self._signatures is not None
        if not (self._known or self._pins):
            return own
        identities = wanted.identities(upstream)
        links = self._links(wanted)
        # version 1 left out names that choose content at some sites
        lossy = any(
            self._signatures.remove_signature(link) != identities[at] for at, link in links.items()
        )
        # tried first, since in a project that version 1 made it is most often the one
        if self._first and not lossy:
            old = self._job_1(wanted, identities, links, observed)
            if old is not None:
                return old
        if _is_known(own.key, wanted.edit.name, observed):
            return own
        old = self._best(self._jobs_at(own), wanted.edit.name, observed)
        if old is not None:
            return old
        return self._job_1(wanted, identities, links, observed, names if lossy else None) or own

    def _jobs_at(self, own: Job) -> Mapping[str, Canonical]:
        """Keys that are looked up by that of `own`, each with the job that it is the digest of."""
        jobs = {key: self._known[key].job or own.canonical for key in self._keys.get(own.key, ())}
        if own.key in self._pins and own.key not in self._known:
            jobs[own.key] = own.canonical
        return jobs

    def _links(self, wanted: Wanted) -> Mapping[str, str]:
        """By pointer, links with parameters as version 1 identified them."""
        assert self._signatures is not None
        return {
            at: self._signatures.remove_signature_v1(link) for at, link in _links_of(wanted).items()
        }

    def _job_1(
        self,
        wanted: Wanted,
        identities: Mapping[str, str],
        links: Mapping[str, str],
        observed: Observed,
        names: Collection[str] | None = None,
    ) -> Job | None:
        """The job under a key of version 1; with `names`, only of an edit that had it, or that
        takes the place of one.
        """
        assert self._signatures is not None
        exact = _build_job(wanted, {**identities, **links}, 1)
        jobs = {**self._jobs_at(exact)}
        if links:
            now = {at: self._signatures.remove_signature(link) for at, link in links.items()}
            jobs |= self._jobs_at(_build_job(wanted, {**identities, **now}, 1))
            # a lock file alone tells no job: there the link must be the one that was pinned
            if exact.key in self._known or exact.key in self._pins:
                jobs |= {exact.key: exact.canonical}
        if names is not None:
            name = wanted.edit.name
            jobs = {key: old for key, old in jobs.items() if self._had(name, key, names)}
        return self._best(jobs, wanted.edit.name, observed)

    def _had(self, name: str, key: str, names: Collection[str]) -> bool:
        known = self._known.get(key)
        edits = known.edits if known is not None else self._pins.get(key, set())
        if known is None:
            edits = edits | self._notes.get(key, set())
        return name in edits or any(edit not in names for edit in edits)

    def _best(
        self, candidates: Mapping[str, Canonical], name: str, observed: Observed
    ) -> Job | None:
        """Of several keys of one job the one that is pinned, else that has a result, else that is
        under way, else the newest.
        """

        def worth(key: str) -> tuple[bool, bool, bool]:
            pin, history = observed.pins.get(name), observed.history.get(key)
            return (
                pin is not None and pin.key == key,
                key in observed.results,
                history is not None and history.last.state in OPEN,
            )

        ranked = sorted(candidates, key=worth)
        # a record may tell it, and only when somebody asks; it is plain data then
        return Job(ranked[-1], None, dict, (candidates[ranked[-1]],)) if ranked else None


def _build_job(wanted: Wanted, identities: Mapping[str, str], version: int) -> Job:
    """The job that an earlier rule of keys made."""
    canonical = build_canonical(wanted, identities, version)
    return Job(digest_json(canonical), canonical)


def _by_key(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """(edit, key) → the edits, by key."""
    edits: dict[str, set[str]] = {}
    for edit, key in pairs:
        edits.setdefault(key, set()).add(edit)
    return edits


def _links_of(wanted: Wanted) -> Mapping[str, str]:
    """By pointer: the links with parameters that an edit names."""
    return {
        item.medium.at: item.medium.reference.value
        for item in wanted.inputs
        if item.medium.reference.kind == "remote" and "?" in item.medium.reference.value
    }


def _is_known(key: str, name: str, observed: Observed) -> bool:
    return key in observed.results or key in observed.history or observed.pin(name, key) is not None


def _looked_up_by(signatures: Signatures, key: str, canonical: Canonical | None) -> str:
    """The key that the present rule of links gives a job of an earlier one, version apart."""
    if canonical is None or not has_link(canonical):
        return key
    now = remove_signatures(canonical, signatures)
    return key if now == canonical else digest_json(now)

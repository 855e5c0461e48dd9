"""Jobs whose key an earlier rule made: they keep it, with all that is known under it. Pure.

A key is looked for under the present rule first of all. Where nothing is known under that key, it is
looked for among what version 1 of the rule made, and among links that lost a parameter since
(`identity.ignore_query`, a provider that was added). What is found there keeps its key: result,
attempts, pin and history count as they are, and nothing is rendered again for a change of the rule.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.desired.job import Job, Wanted, job
from reconciler.formats.digest import digest_json
from reconciler.formats.signed_urls import Signatures
from reconciler.state.observed import OPEN, Observed

_LINK = re.compile(r"https?://[^?]*\?", re.IGNORECASE)
Canonical = Mapping[str, Any]


@dataclass(slots=True)
class _Known:
    """What is known under a key of an earlier rule."""

    job: Canonical | None = None  # None: only the key is known (a lock file, or no link in it)
    edits: set[str] = field(default_factory=set)  # that had it


@dataclass(frozen=True, slots=True)
class Former:
    """The keys of earlier rules, and the keys under which they are looked up."""

    signatures: Signatures | None = None
    known: Mapping[str, _Known] = field(default_factory=dict)  # by key
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by the key to look up
    first: bool = False  # whether version 1 made any of them

    @classmethod
    def of(
        cls,
        signatures: Signatures,
        observed: Observed,
        requests: Iterable[tuple[str, str, Canonical | None]],
    ) -> Former:
        """What the store, the ledger (`requests`: key, edit and job) and the lock file know."""
        known: dict[str, _Known] = {}
        for key, results in observed.results.items():
            if results[0].job.get("v") == 1 or _has_link(results[0].job):
                known[key] = _Known(results[0].job, {each.edit for each in results})
        for key, edit, canonical in requests:
            entry = known.setdefault(key, _Known())
            entry.job = entry.job or canonical
            entry.edits.add(edit)
        first = any(each.job is None or each.job.get("v") == 1 for each in known.values())
        pins = [*observed.pins.items(), *observed.old_pins.values()]
        for edit, pin in pins:
            known.setdefault(pin.key, _Known()).edits.add(edit)
        for output in (*observed.outputs.values(), *observed.left_over.values()):
            if output.published is not None and output.published.key in known:
                known[output.published.key].edits.add(output.published.edit)
        keys: dict[str, list[str]] = {}
        for key, entry in known.items():
            keys.setdefault(_looked_up_by(signatures, key, entry.job), []).append(key)
        return cls(signatures, known, {at: tuple(found) for at, found in keys.items()}, first)

    def job(
        self,
        wanted: Wanted,
        identities: Mapping[str, str],
        observed: Observed,
        asked: Collection[str],
    ) -> Job:
        """The job of an edit, under the key by which it is known. `asked` are all edits' names."""
        if not self.known or self.signatures is None:
            return job(wanted, identities)
        links = self._links(wanted)
        # version 1 left out names that choose content at some sites
        lossy = any(self.signatures.without(each) != identities[at] for at, each in links.items())
        # tried first, since in a project that version 1 made it is most often the one
        if self.first and not lossy and (made := self._job_1(wanted, identities, links, observed)):
            return made
        own = job(wanted, identities)
        if _is_known(own.key, wanted.edit.name, observed):
            return own
        made = self._best(self._found(own), wanted.edit.name, observed)
        if made is not None:
            return made
        return self._job_1(wanted, identities, links, observed, asked if lossy else None) or own

    def _found(self, made: Job) -> Mapping[str, Canonical]:
        """Keys that are looked up by that of `made`, each with the job that it is the digest of."""
        return {key: self.known[key].job or made.canonical for key in self.keys.get(made.key, ())}

    def _links(self, wanted: Wanted) -> Mapping[str, str]:
        """By pointer, links with parameters as version 1 identified them."""
        assert self.signatures is not None
        return {
            each.medium.at: self.signatures.without_1(each.medium.reference.value)
            for each in wanted.inputs
            if each.medium.reference.kind == "remote" and "?" in each.medium.reference.value
        }

    def _job_1(
        self,
        wanted: Wanted,
        identities: Mapping[str, str],
        links: Mapping[str, str],
        observed: Observed,
        asked: Collection[str] | None = None,
    ) -> Job | None:
        """The job under a key of version 1; with `asked`, only of an edit that had it, or that
        takes the place of one.
        """
        assert self.signatures is not None
        exact = job(wanted, {**identities, **links}, 1)
        found = {**self._found(exact)}
        if links:
            now = {at: self.signatures.without(each) for at, each in links.items()}
            found |= self._found(job(wanted, {**identities, **now}, 1))
            # a lock file alone tells no job: there the link must be the one that was pinned
            found |= {exact.key: exact.canonical} if exact.key in self.known else {}
        if asked is not None:
            name = wanted.edit.name
            found = {key: made for key, made in found.items() if self._had(name, key, asked)}
        return self._best(found, wanted.edit.name, observed)

    def _had(self, name: str, key: str, asked: Collection[str]) -> bool:
        edits = self.known[key].edits
        return name in edits or any(edit not in asked for edit in edits)

    def _best(self, found: Mapping[str, Canonical], name: str, observed: Observed) -> Job | None:
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

        ranked = sorted(found, key=worth)
        return Job(ranked[-1], found[ranked[-1]]) if ranked else None


NOTHING = Former()


def _is_known(key: str, name: str, observed: Observed) -> bool:
    return key in observed.results or key in observed.history or observed.pin(name, key) is not None


def _looked_up_by(signatures: Signatures, key: str, canonical: Canonical | None) -> str:
    """The key that the present rule of links gives a job of an earlier one, version apart."""
    if canonical is None or not _has_link(canonical):
        return key
    now = {**canonical, "input": _without(canonical.get("input"), "", signatures)}
    return key if now == canonical else digest_json(now)


def _has_link(canonical: Canonical) -> bool:
    return any(_LINK.match(text) for text in _texts(canonical.get("input"), ""))


def _texts(value: Any, name: str) -> Iterable[str]:
    """What stands in the fields of an input that name media (key.md): `url`, and what ends so."""
    if isinstance(value, Mapping):
        for field_name, part in value.items():
            yield from _texts(part, str(field_name))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part, name)
    elif isinstance(value, str) and _is_medium(name):
        yield value


def _without(value: Any, name: str, signatures: Signatures) -> Any:
    if isinstance(value, Mapping):
        return {field_: _without(part, str(field_), signatures) for field_, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without(part, name, signatures) for part in value]
    if isinstance(value, str) and _is_medium(name) and _LINK.match(value):
        return signatures.without(value)
    return value


def _is_medium(name: str) -> bool:
    return name == "url" or name.endswith("_url")

"""Cuts excerpts ahead of the look that needs them, where that does not hold up what runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from reconciler.apply.context import Context
from reconciler.apply.outcome import Outcome
from reconciler.apply.replan import Replanner
from reconciler.desired.job import Wanted
from reconciler.errors import CutlistError
from reconciler.plan.excerpts import list_fragments
from reconciler.plan.jobs import Resolved
from reconciler.state.excerpts import ExcerptFinder, ExcerptName


class ExcerptCutter:
    """Knows which excerpts the edits of one apply take of which others."""

    def __init__(self, edits: Iterable[Wanted], finder: ExcerptFinder, context: Context) -> None:
        self._finder = finder
        self._context = context
        self._fragments: dict[str, set[str]] = {}  # by the edit that they are taken of
        for wanted in edits:
            for reference in list_fragments(wanted):
                self._fragments.setdefault(reference.value, set()).add(reference.fragment)

    async def cut_known(self, resolved: Mapping[str, Resolved]) -> None:
        """Cut what is taken of results that there are."""
        digests = {name: resolved[name].digest for name in self._fragments}
        await self._cut(self._name(digests))

    async def cut_new(self, ended: Sequence[Outcome], replanner: Replanner) -> None:
        """Cut what is taken of the results of steps that ended. Raises what a ledger raises."""
        if not self._fragments:
            return
        new = {outcome.step.key: outcome.digest for outcome in ended if outcome.digest is not None}
        jobs = {name: replanner.resolved[name].job for name in self._fragments}
        digests = {name: new.get(job.key) for name, job in jobs.items() if job is not None}
        await self._cut(self._name(digests))

    def _name(self, digests: Mapping[str, str | None]) -> Iterator[ExcerptName]:
        for name, digest in digests.items():
            if digest is not None:
                yield from ((digest, fragment) for fragment in self._fragments[name])

    async def _cut(self, names: Iterable[ExcerptName]) -> None:
        chosen: Collection[ExcerptName] = sorted(set(names))
        if chosen:
            with suppress(CutlistError):  # who looks for them next meets the same, and waits
                await self._context.run_blocking(self._finder.prepare, chosen)

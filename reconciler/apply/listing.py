"""The account's list as one value: whether it proves anything, and which tasks could be the one
that is looked for. Pure.

No time decides here, and nothing is left out: a row that cannot be read is a reason to read again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reconciler.service.models import Model, Models
from reconciler.service.pages import ListedTask, ListPage

SHOWN = 5  # candidates and faults that a message names one by one
_DATE = re.compile(r"-\d{4}(-?\d{2}){1,2}\Z")  # what a dated name of a model ends in


@dataclass(frozen=True, slots=True)
class Listing:
    """The whole list, read page by page. `faults` says why it proves nothing, in words that
    continue "the service's list".
    """

    rows: Mapping[str, ListedTask]  # by task id
    faults: tuple[str, ...] = ()
    server_time: float | None = None  # the service's own clock as it gave the last page

    @property
    def is_whole(self) -> bool:
        """Whether what is not in it is not at the service."""
        return not self.faults

    def younger_than(self, moment: float | None) -> Listing:
        """The same, held against a moment of the service's clock that has long passed: one that is
        no younger is an old copy, and proves nothing. None, on either side, tells nothing.
        """
        if moment is None or self.server_time is None or self.server_time > moment:
            return self
        return replace(self, faults=(*self.faults, "is as old as the request, by its own clock"))


def put_together(
    pages: Sequence[ListPage], due: Collection[str], server_time: float | None
) -> Listing:
    """One listing of its pages. `due` are tasks that are known to exist and must be in it."""
    rows = {row.task_id: row for page in pages for row in page.rows if row.task_id is not None}
    return Listing(rows, tuple(dict.fromkeys(_faults(pages, rows, due))), server_time)


def _faults(
    pages: Sequence[ListPage], rows: Mapping[str, ListedTask], due: Collection[str]
) -> Iterator[str]:
    for page in pages:
        yield from page.contradictions
    totals = {(page.total, page.pages) for page in pages}
    if len(totals) > 1:
        yield "changed while it was read: its pages tell different totals"
        return
    (total, count) = totals.pop() if totals else (None, None)
    if total is None or count is None:
        yield "does not say how many tasks and pages there are"
    elif len(pages) < count:
        yield f"has {count} pages, and only {len(pages)} of them came"
    elif len(rows) != total:
        yield f"counts {total} tasks, and names {len(rows)}"
    missing = sorted(set(due) - rows.keys())
    if missing:
        yield f"lacks {_some(missing)}, which the service has made"


@dataclass(frozen=True, slots=True)
class ExpectedTask:
    """What is known of the task that a request may have made."""

    model: str
    models: Models
    baseline: Collection[str]  # tasks that were there before it
    named_id: str = ""  # the id that the answer named, where it was no acceptance

    def candidates(
        self, rows: Mapping[str, ListedTask], strangers: Collection[str]
    ) -> dict[str, ListedTask]:
        """By id: those of `strangers`, whom the ledger does not know, that could be it.

        A row of another model that we know is no candidate, though it may be `misnamed`; every
        other one is, whatever its times and whether or not its model is told.
        """
        return {key: row for key, row in self._new(rows, strangers) if self.fits(row)}

    def misnamed(
        self, rows: Mapping[str, ListedTask], strangers: Collection[str]
    ) -> dict[str, ListedTask]:
        """By id: those that are new, too, and are listed as of another model. Nobody takes them for
        it, and while there are any, nothing is proved not to have arrived.
        """
        return {key: row for key, row in self._new(rows, strangers) if not self.fits(row)}

    def _new(
        self, rows: Mapping[str, ListedTask], strangers: Collection[str]
    ) -> Iterator[tuple[str, ListedTask]]:
        return (
            (task_id, rows[task_id])
            for task_id in sorted(strangers)
            if task_id not in self.baseline
        )

    def fits(self, row: ListedTask) -> bool:
        """Whether the model that a row tells, if any, may be the one that was asked for."""
        told = self.models.get(row.model)
        return told is None or told is self.models.get(self.model)

    def is_told_by(self, row: ListedTask) -> bool:
        """Whether a row tells the very model, by one of its names, or that with a date."""
        own: Model | None = self.models.get(self.model)
        names = {self.model} if own is None else {self.model, *own.names}
        return row.model in names or _DATE.sub("", row.model or "") in names


def tells_prompt(models: Models, job: Mapping[str, object]) -> bool:
    """Whether the service shows the prompt of a task of this job once it has succeeded."""
    variant = models.find_variant(job)
    return variant is not None and bool(variant.output.get("orig_prompt"))


def is_prompt_of(models: Models, job: Mapping[str, object], sent: str, said: str) -> bool:
    """Whether the prompt that a task shows is the one that was sent, whole or cut where the service
    cuts it. Characters outside Unicode's first plane may count as two there.
    """
    if said == sent:
        return True
    variant = models.find_variant(job)
    rule = variant.input["properties"].get("prompt", {}) if variant else {}
    limit = rule.get("x-truncated-at")
    return limit is not None and 2 * len(said) >= limit and sent.startswith(said)


def describe_rows(rows: Iterable[ListedTask]) -> str:
    """Candidates as a person wants to see them: id, model, status, and time by the service."""
    words = []
    for row in rows:
        at = (
            "made at a time that it does not tell"
            if row.created_at is None
            else f"made {datetime.fromtimestamp(row.created_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
        )
        words.append(f"{row.task_id} ({row.model or 'no model told'}, {row.status or '?'}, {at})")
    return _some(words)


def _some(words: Sequence[str]) -> str:
    more = len(words) - SHOWN
    return ", ".join(words[:SHOWN]) + (f" and {more} more" if more > 0 else "")

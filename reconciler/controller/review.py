"""Prices the pull requests of a Sync, and tells merged ones what they cost, as a part of its
passes. What was told outlives a restart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from reconciler.controller.checkout import Checkout
from reconciler.controller.lead import ALONE, Lead
from reconciler.controller.providers.base import Provider, PullRequest
from reconciler.controller.pull_requests import (
    Preview,
    Reviewed,
    read_reviewed,
    review_pull_requests,
    tell_merge,
)
from reconciler.errors import GitError
from reconciler.formats.digest import digest_json
from reconciler.plan.decide import PlanOptions
from reconciler.plan.diff import Side, compare_revisions
from reconciler.project import Project
from reconciler.report.pull_request import BilledEdit, FailedEdit, MergeBill
from reconciler.system.files import write_atomic

_OVERLAP_S = 3600.0  # clocks differ, and providers are late


@dataclass(frozen=True, slots=True)
class _Told:
    """What pull requests were told so far."""

    since: float  # seconds since 1970: what was merged before is nobody's news
    reviewed: Mapping[int, Reviewed]
    merged: tuple[int, ...] = ()  # numbers that were told what they cost, lately


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """The pull requests of one Sync, during one pass."""

    provider: Provider
    checkout: Checkout
    lead: Lead = ALONE

    async def review(self, tip: str) -> list[str]:
        """Tell every open pull request its price by the branch's `tip`; in words, what could not be
        told and was not known before. Raises ProviderError.
        """
        told = self._read()
        sync = self.checkout.sync
        limits = [sync.budget.per_pass, sync.budget.per_day]
        basis = digest_json([tip, sync.prices.currency, dict(sync.prices.models), limits])

        async def compare(one: PullRequest) -> Preview:
            return self._compare(one, tip)

        reviewed = await review_pull_requests(
            self.provider, sync, compare, told.reviewed, basis=basis
        )
        self._write(_Told(told.since, reviewed, told.merged))
        return [
            f"pull request {number}: {one.trouble}"
            for number, one in reviewed.items()
            if one.trouble and one.trouble != _get_trouble(told.reviewed.get(number))
        ]

    async def tell_merges(self, project: Project, commit: str) -> None:
        """Tell what was merged since the last time what the apply of `commit` cost. Raises
        ProviderError.
        """
        told = self._read()
        now = self.checkout.clock.now()
        bill = _add_up(project, commit)
        reviewed, merged = told.reviewed, told.merged
        for one in await self.provider.list_merged(told.since):
            if one.number not in merged:
                reviewed = await tell_merge(self.provider, self.checkout.sync, one, bill, reviewed)
                merged = (*merged, one.number)[-1000:]
                self._write(_Told(told.since, reviewed, merged))
        before = told.since if told.since <= now else 0.0  # else the clock was ahead then
        self._write(_Told(max(before, now - _OVERLAP_S), reviewed, merged))

    def _compare(self, one: PullRequest, tip: str) -> Preview:
        """What changes from where a pull request began to its head. Raises InvalidInput."""
        mirror, sync = self.checkout.mirror, self.checkout.sync
        head = mirror.fetch_revision(one.head_ref, sync.repository.depth).id
        if head != one.head_sha:  # the one is told the other's price, and believed
            raise GitError(f"{one.head_ref} is {head[:7]}, and its page says {one.head_sha[:7]}.")
        base = mirror.find_merge_base(tip, head)
        if base is None:
            raise GitError(f"{head[:7]} and {tip[:7]} have no commit in common.")
        options = PlanOptions(force=True)  # no file in the way hides a price
        before = self._open(base).run_pass(options)
        project = self._open(head)
        after = project.run_pass(options)
        sides = (Side(one.base_ref, base), Side(f"#{one.number}", head))
        comparison = compare_revisions(
            before.resolved, after.resolved, after.plan, sides=sides, prunes=project.config.prune
        )
        return Preview(comparison, project.check_budgets(comparison.plan))

    def _open(self, commit: str) -> Project:
        guarded = self.checkout.prepare(commit, preview=True)
        return Project(guarded.config, self.checkout.clock, command="cutlist sync, a preview")

    # -------------------------------------------------------------- what was told

    def _read(self) -> _Told:
        try:
            data = json.loads(self.checkout.places.reviewed.read_bytes())
            numbers = {int(number): one for number, one in data["reviewed"].items()}
            reviewed = {number: read_reviewed(one) for number, one in numbers.items()}
            known = {number: one for number, one in reviewed.items() if one is not None}
            merged = tuple(int(number) for number in data["merged"])
            return _Told(float(data["since"]), known, merged)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # providers tell whole seconds
            return _Told(float(int(self.checkout.clock.now())), {})

    def _write(self, told: _Told) -> None:
        data = {
            "since": told.since,
            "reviewed": {str(number): one.to_json() for number, one in told.reviewed.items()},
            "merged": list(told.merged),
        }
        content = json.dumps(data, indent=1).encode() + b"\n"
        with suppress(OSError):  # then it is told again, and the same comment stays as it is
            path = self.checkout.places.reviewed
            write_atomic(path, content, tmp_name=self.checkout.clock.new_id())
            self.lead.hand_over(path)


def _get_trouble(before: Reviewed | None) -> str:
    return "" if before is None else before.trouble


def _add_up(project: Project, commit: str) -> MergeBill:
    """What was sent for a commit, as the books have it."""
    rendered, failed, free = [], [], 0
    outputs = {name: wanted.edit.output for name, wanted in project.load().edits.items()}
    for record in project.log():
        if record.booking is None or record.booking.origin.commit != commit:
            continue
        if record.what.startswith("rendered"):
            output = outputs.get(record.edit, "")
            rendered.append(BilledEdit(record.edit, output, record.billed_s, record.price))
        elif record.what in ("failed", "refused"):
            failed.append(FailedEdit(record.edit, "; ".join(record.details)))
        elif record.what.startswith("reused"):
            free += 1
    currency = project.config.prices.currency
    return MergeBill(commit, currency, tuple(rendered), tuple(failed), free)

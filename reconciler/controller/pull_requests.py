"""Tells pull requests what merging them would cost, and after the merge what it did cost.

Level, not edge: every open pull request is looked at each time, and the one whose head, base and
basis are what they were is left alone. What cannot be told now is told the next time, and never
keeps another pull request from being told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.controller.documents import PullRequestRules, Sync
from reconciler.controller.providers.base import (
    STATUS_CONTEXT,
    CommitStatus,
    Provider,
    PullRequest,
    make_marker,
)
from reconciler.errors import (
    CutlistError,
    InvalidInput,
    LeaseLost,
    ProviderError,
    RateLimited,
    RemoteStopped,
)
from reconciler.formats.untrusted import make_plain_line
from reconciler.operations.budget import BudgetCheck, describe_rooms
from reconciler.plan.diff import Comparison
from reconciler.plan.step import Action
from reconciler.report.pull_request import (
    MergeBill,
    StatusLine,
    describe_fault_status,
    describe_merge_status,
    describe_price_status,
    write_faults_comment,
    write_merge_comment,
    write_price_comment,
)

MOST_REMEMBERED = 1000  # pull requests that are no longer open, for the price that they were told
_FROM_A_FORK = StatusLine("pending", "Not priced: from a fork, whose manifests are not read here")
_LONGEST_TROUBLE = 300
_BRANCHES = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Preview:
    """What merging a pull request brings, held against the limits of the Sync and the project."""

    comparison: Comparison
    budgets: Sequence[BudgetCheck] = ()


Compare = Callable[[PullRequest], Awaitable[Preview]]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a pull request was told, and of which state of things. Kept over restarts."""

    head_sha: str
    base_sha: str
    basis: str  # what else the price follows from: prices, limits, results in the store
    asked: float | None = None  # the price that it was told; None: none is known
    trouble: str = ""  # why it could not be told everything; it is tried again

    def to_json(self) -> dict[str, object]:
        """The same as plain data."""
        return {
            "head_sha": self.head_sha,
            "base_sha": self.base_sha,
            "basis": self.basis,
            "asked": self.asked,
            "trouble": self.trouble,
        }


@dataclass(frozen=True, slots=True)
class _Word:
    """What is to be said: a status, and a comment. `first`: also where there is no comment yet."""

    status: StatusLine
    comment: str = ""
    first: bool = True
    asked: float | None = None


def read_reviewed(value: Mapping[str, object]) -> Reviewed | None:
    """What `to_json` wrote; None for anything else, so that the pull request is looked at anew."""
    head, base, basis, trouble = (
        text if isinstance(text := value.get(name), str) else None
        for name in ("head_sha", "base_sha", "basis", "trouble")
    )
    if head is None or base is None or basis is None or trouble is None:
        return None
    asked = value.get("asked")
    if isinstance(asked, bool) or not isinstance(asked, int | float):
        asked = None
    return Reviewed(head, base, basis, asked, trouble)


async def review_pull_requests(
    provider: Provider,
    sync: Sync,
    compare: Compare,
    known: Mapping[int, Reviewed],
    *,
    basis: str = "",
    page: str = "",
) -> Mapping[int, Reviewed]:
    """Tell each open pull request to the Sync's branch its price, and return what all were told.

    `compare` prices one, and raises InvalidInput where its manifests are broken. `basis` stands for
    everything else that decides the price: another one, and all are looked at anew. `page` is where
    the status leads. Raises ProviderError when the pull requests cannot even be listed.
    """
    rules = sync.pull_requests
    if not (rules.comment or rules.status):
        return known
    found = [one for one in await provider.list_open() if _is_for(one, sync)]
    reviewed, basis = dict(known), f"{basis} {rules}"
    teller = _Teller(provider, sync.name, rules, page)
    for one in found:
        before = known.get(one.number)
        now = Reviewed(one.head_sha, one.base_sha, basis)
        if before is not None and replace(before, asked=None) == now:
            continue
        try:
            reviewed[one.number] = await teller.review(one, now, compare, before)
        except RateLimited as error:  # nothing more is taken before the moment that it names
            reviewed[one.number] = replace(now, trouble=_describe(error))
            break
        except (RemoteStopped, LeaseLost):  # the pass ends: this is looked at in the next
            break
    return _forget(reviewed, {one.number for one in found})


async def tell_merge(
    provider: Provider,
    sync: Sync,
    merged: PullRequest,
    bill: MergeBill,
    known: Mapping[int, Reviewed],
    *,
    page: str = "",
) -> Mapping[int, Reviewed]:
    """Tell a merged pull request what it truly cost, and return `known` without it.

    Raises ProviderError where it cannot be told; it may be repeated.
    """
    rules, before = sync.pull_requests, known.get(merged.number)
    teller = _Teller(provider, sync.name, rules, page)
    worth_it = bool(bill.rendered or bill.failed)
    word = _Word(
        describe_merge_status(bill),
        write_merge_comment(bill, before.asked if before else None),
        first=worth_it,
    )
    if _is_for(merged, sync) and (rules.forks or not merged.from_fork):
        await teller.comment(merged, word)
        if worth_it and merged.merge_sha:
            await teller.mark(merged.merge_sha, merged.base_ref, word.status)
    return {number: one for number, one in known.items() if number != merged.number}


class _Teller:
    """Writes the comments and statuses of one Sync."""

    def __init__(self, provider: Provider, name: str, rules: PullRequestRules, page: str) -> None:
        self._provider = provider
        self._rules = rules
        self._page = page
        self._marker = make_marker(name)
        self._context = f"{STATUS_CONTEXT}/{name}"

    async def review(
        self, one: PullRequest, now: Reviewed, compare: Compare, before: Reviewed | None
    ) -> Reviewed:
        """Price one and tell it. Only RateLimited, RemoteStopped and LeaseLost are raised."""
        trouble = ""
        try:
            word = await self._find_word(one, compare)
        except RemoteStopped:
            raise
        except Exception as error:  # whatever one stranger's change breaks, the others are told
            trouble = _describe(error)
            word = _Word(StatusLine("error", "Cannot be priced now; it is tried again"))
            if before is not None and before.trouble == trouble:
                return replace(now, trouble=trouble)  # that was told already
        trouble = await self._tell(one, word) or trouble  # what was not told is told the next time
        return replace(now, asked=word.asked, trouble=trouble)

    async def _tell(self, one: PullRequest, word: _Word) -> str:
        """Status and comment, either without the other where need be; why one of them failed."""
        trouble = ""
        try:
            await self.mark(one.head_sha, one.head_branch, word.status)
        except RateLimited:
            raise
        except ProviderError as error:
            trouble = _describe(error)
        try:
            await self.comment(one, word)
        except RateLimited:
            raise
        except ProviderError as error:
            trouble = _describe(error)
        return trouble

    async def _find_word(self, one: PullRequest, compare: Compare) -> _Word:
        if one.from_fork and not self._rules.forks:
            return _Word(_FROM_A_FORK)
        try:
            preview = await compare(one)
        except InvalidInput as error:
            faults = error.faults
            return _Word(describe_fault_status(faults), write_faults_comment(faults))
        return _write_word(preview)

    async def comment(self, one: PullRequest, word: _Word) -> None:
        """Write the comment, where there is one to write."""
        if not (self._rules.comment and word.comment):
            return
        if not word.first and await self._provider.find_comment(one.number, self._marker) is None:
            return
        await self._provider.write_comment(one.number, self._marker, word.comment)

    async def mark(self, sha: str, branch: str, line: StatusLine) -> None:
        """Set the status of a commit."""
        if self._rules.status:
            status = CommitStatus(line.state, line.words, self._page, self._context)
            await self._provider.set_status(sha, status, branch=branch)


def _write_word(preview: Preview) -> _Word:
    comparison = preview.comparison
    refusals = [check.refusal for check in preview.budgets if check.refusal]
    rooms = [*describe_rooms(preview.budgets, comparison.plan.currency)]
    comment = write_price_comment(comparison, rooms=rooms, refusals=refusals)
    return _Word(
        describe_price_status(comparison, refused=bool(refusals)),
        comment,
        first=bool(comparison.changes),  # who changes no video is not written to
        asked=comparison.plan.total(Action.RENDER, Action.WAIT).price,
    )


def _is_for(one: PullRequest, sync: Sync) -> bool:
    """Whether a pull request is to be merged into what the Sync renders."""
    return one.base_ref == sync.repository.ref.removeprefix(_BRANCHES)


def _describe(error: Exception) -> str:
    known = isinstance(error, CutlistError)
    text = error.message if isinstance(error, CutlistError) else str(error)
    return make_plain_line(text if known else f"{type(error).__name__}: {text}", _LONGEST_TROUBLE)


def _forget(reviewed: Mapping[int, Reviewed], are_open: set[int]) -> Mapping[int, Reviewed]:
    """Without those that were closed long ago: the highest numbers stay."""
    closed = sorted(number for number in reviewed if number not in are_open)[-MOST_REMEMBERED:]
    return {number: reviewed[number] for number in sorted({*closed, *(are_open & reviewed.keys())})}

"""Pull requests reviewed at a provider: who is told what, when nothing is sent, and that the
failure of one is nobody else's.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from reconciler.controller.documents import ProviderAddress, PullRequestRules, Repository, Sync
from reconciler.controller.providers.base import Provider, PullRequest, make_marker
from reconciler.controller.pull_requests import (
    MOST_REMEMBERED,
    Preview,
    Reviewed,
    read_reviewed,
    review_pull_requests,
    tell_merge,
)
from reconciler.errors import (
    Fault,
    GitError,
    InvalidInput,
    Place,
    RateLimited,
    RemoteStopped,
    Unavailable,
)
from reconciler.operations.budget import BudgetCheck
from reconciler.report.pull_request import BilledEdit, MergeBill
from tests.clock import FakeClock
from tests.controller.providers.conftest import open_for
from tests.controller.providers.host import SELF, Host, Pull, serve
from tests.controller.providers.servers import GitHubHost
from tests.plan.test_diff import everything
from tests.report.test_pull_request import NOTHING

MARKER = make_marker("films")
SYNC = Sync(
    "films",
    Repository("https://git.example.com/studio/films.git"),
    provider=ProviderAddress("github", "studio/films"),
)
PREVIEW = Preview(everything(), [BudgetCheck("budget.per_apply of cutlist.yaml", "apply", 20.0)])
BILL = MergeBill("91aa03c", "USD", (BilledEdit("rain", "rain.mp4", 4.0, 0.4),))


class Comparer:
    """Prices pull requests as it is told to, and keeps count."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.errors: dict[int, Exception] = {}
        self.preview = PREVIEW

    async def __call__(self, one: PullRequest) -> Preview:
        self.asked.append(one.number)
        if one.number in self.errors:
            raise self.errors[one.number]
        return self.preview


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """A GitHub; tests/controller/providers has the same promises for all."""
    made = GitHubHost()
    runner = await serve(made)
    yield made
    await runner.cleanup()
    assert made.complaints == []


@pytest.fixture
async def provider(host: Host, clock: FakeClock) -> AsyncIterator[Provider]:
    opened = open_for(host, clock)
    yield opened
    await opened.close()


@pytest.fixture
def compare() -> Comparer:
    return Comparer()


def sha(number: int) -> str:
    return f"{number:040x}"


def status_of(host: Host, number: int) -> tuple[str, str]:
    """The newest status of a pull request's head."""
    newest = host.statuses[sha(number)][-1]
    return newest["state"], newest["description"]


def comment_of(host: Host, number: int) -> str:
    (note,) = [note for note in host.notes.get(number, []) if note.author == SELF]
    assert note.body.startswith(f"{MARKER}\n")
    return note.body


Known = Mapping[int, Reviewed]


async def test_a_pull_request_gets_its_price(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """One comment, one status that leads to the page, and the price is remembered."""
    host.add(Pull(1, sha(1)))
    page = "https://status.example.com/films"
    known = await review_pull_requests(provider, SYNC, compare, {}, page=page)
    assert status_of(host, 1) == ("success", "1.40 USD for 3 edits, 12 s billable")
    newest = host.statuses[sha(1)][-1]
    assert (newest["context"], newest["target_url"]) == ("cutlist/films", page)
    assert "### 1.40 USD for 3 edits" in comment_of(host, 1)
    assert "at most 20.00 USD at once" in comment_of(host, 1)
    assert known[1].asked == 1.4 and not known[1].trouble


async def test_what_has_not_changed_is_left_alone(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """Only the list is read; a push, a new base or another basis is looked at again."""
    host.add(Pull(1, sha(1)), Pull(2, sha(2)))
    known: Known = {}
    for _ in range(3):
        known = await review_pull_requests(provider, SYNC, compare, known, basis="prices 1")
    assert sorted(compare.asked) == [1, 2]
    compare.asked.clear()
    host.change(1, head_sha=sha(7))
    known = await review_pull_requests(provider, SYNC, compare, known, basis="prices 1")
    host.change(2, base_sha=sha(8))
    known = await review_pull_requests(provider, SYNC, compare, known, basis="prices 1")
    assert compare.asked == [1, 2]
    host.asked.clear()
    await review_pull_requests(provider, SYNC, compare, known, basis="prices 2")
    assert sorted(compare.asked[2:]) == [1, 2]
    assert {asked.method for asked in host.asked} == {"GET"}  # it costs what it did cost


async def test_after_a_restart_nothing_is_told_twice(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """What is remembered survives as JSON; even without it nothing is written again."""
    host.add(Pull(1, sha(1)))
    known = await review_pull_requests(provider, SYNC, compare, {})
    kept = json.loads(json.dumps({number: one.to_json() for number, one in known.items()}))
    again = {int(n): one for n, value in kept.items() if (one := read_reviewed(value))}
    assert again == known
    written = len(host.written())
    await review_pull_requests(provider, SYNC, compare, again)
    assert compare.asked == [1]
    await review_pull_requests(provider, SYNC, compare, {})
    assert compare.asked == [1, 1] and len(host.written()) == written


@pytest.mark.parametrize(
    "value", [{}, {"head_sha": 1}, {"head_sha": "a", "base_sha": "b", "basis": None}]
)
def test_a_damaged_memory_is_none(value: Mapping[str, object]) -> None:
    """Then the pull request is looked at anew."""
    assert read_reviewed(value) is None


async def test_broken_manifests_fail_with_their_places(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """A red status, and each fault where it stands; it is not tried again before a push."""
    host.add(Pull(1, sha(1)))
    compare.errors[1] = InvalidInput([Fault(Place("specs/rain.yaml", 3, 5), "ask @team")])
    known = await review_pull_requests(provider, SYNC, compare, {})
    await review_pull_requests(provider, SYNC, compare, known)
    assert compare.asked == [1]
    assert status_of(host, 1) == ("failure", "1 fault: nothing can be rendered")
    assert "specs/rain.yaml&#58;3&#58;5&#58; error&#58; ask &#64;team" in comment_of(host, 1)
    assert known[1].asked is None


async def test_what_a_limit_forbids_fails(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """It is said in the status and, with the amounts, in the comment."""
    host.add(Pull(1, sha(1)))
    check = BudgetCheck("per_day of films", "day", 5.0, 4.5, "the plan may cost 1.40 USD", "wait")
    compare.preview = replace(PREVIEW, budgets=[check])
    await review_pull_requests(provider, SYNC, compare, {})
    assert status_of(host, 1)[0] == "failure"
    assert "0.50 of 5.00 USD are left today" in comment_of(host, 1)
    assert "the plan may cost 1.40 USD" in comment_of(host, 1)


async def test_who_changes_no_video_is_not_written_to(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """A status only; but a comment that is there is put right."""
    host.add(Pull(1, sha(1)), Pull(2, sha(2)))
    host.say(2, SELF, f"{MARKER}\n### 9.00 USD")
    compare.preview = Preview(NOTHING)
    await review_pull_requests(provider, SYNC, compare, {})
    assert host.notes.get(1) is None
    assert "No edit changes" in comment_of(host, 2)
    assert status_of(host, 1) == ("success", "No edit changes: nothing to pay")


async def test_a_fork_is_not_even_read(host: Host, provider: Provider, compare: Comparer) -> None:
    """Unless it is allowed: a status that waits, and no comment. Allowed, it is like any other."""
    host.add(Pull(1, sha(1), fork=True))
    known = await review_pull_requests(provider, SYNC, compare, {})
    assert compare.asked == [] and host.notes == {}
    assert status_of(host, 1)[0] == "pending"
    allowed = replace(SYNC, pull_requests=PullRequestRules(forks=True))
    await review_pull_requests(provider, allowed, compare, known)
    assert compare.asked == [1] and status_of(host, 1)[0] == "success"


async def test_only_what_is_wanted_is_written(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """Comment and status each have a switch; with both off nothing is asked at all."""
    host.add(Pull(1, sha(1)), Pull(2, sha(2)))
    host.change(2, closed=True)
    for comment, status in ((False, True), (True, False), (False, False)):
        host.asked.clear()
        rules = PullRequestRules(comment=comment, status=status)
        await review_pull_requests(provider, replace(SYNC, pull_requests=rules), compare, {})
        paths = {asked.path.split("/")[4] for asked in host.written()}
        assert paths == {name for name, on in (("issues", comment), ("statuses", status)) if on}
    assert host.asked == [] and 2 not in compare.asked


async def test_another_branch_is_another_syncs(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """What is to be merged elsewhere has no price here; a ref may be named in full."""
    host.add(Pull(1, sha(1)))
    for ref, asked in (("release", []), ("refs/heads/main", [1])):
        repository = replace(SYNC.repository, ref=ref)
        await review_pull_requests(provider, replace(SYNC, repository=repository), compare, {})
        assert compare.asked == asked


async def test_one_failure_is_nobody_elses(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """Whatever a change breaks, even this program: the others are told, and it is tried again."""
    host.add(*(Pull(number, sha(number)) for number in (1, 2, 3, 4)))
    compare.errors |= {4: GitError("no such commit \x1b[2J"), 3: ZeroDivisionError("oops")}
    host.fail(500, method="POST", path="issues/2")
    known = await review_pull_requests(provider, SYNC, compare, {})
    assert status_of(host, 2)[0] == "success"  # its comment was refused, its status was not
    assert [known[number].trouble for number in (4, 3)] == [
        "no such commit \ufffd[2J",
        "ZeroDivisionError: oops",
    ]
    assert "GitHub has trouble" in known[2].trouble and known[1].trouble == ""
    assert status_of(host, 4) == ("error", "Cannot be priced now; it is tried again")
    host.asked.clear()
    known = await review_pull_requests(provider, SYNC, compare, known)
    assert compare.asked == [4, 3, 2, 1, 4, 3, 2]  # those with trouble, again
    assert [asked.path.split("/")[-1] for asked in host.written()] == ["comments"]
    assert not [asked for asked in host.asked if sha(4) in asked.path]  # that was told already
    del compare.errors[4], compare.errors[3]
    known = await review_pull_requests(provider, SYNC, compare, known)
    assert {one.trouble for one in known.values()} == {""}
    assert status_of(host, 4)[0] == "success"


async def test_a_limit_of_requests_ends_the_round(
    host: Host, provider: Provider, compare: Comparer, clock: FakeClock
) -> None:
    """Nothing more is priced in vain; after it the rest is told, and nobody twice."""
    host.add(*(Pull(number, sha(number)) for number in (1, 2, 3)))
    host.fail(429, method="POST", path="issues/2", headers={"Retry-After": "60"})
    known = await review_pull_requests(provider, SYNC, compare, {})
    assert compare.asked == [3, 2] and sorted(known) == [2, 3]
    with pytest.raises(RateLimited):
        await review_pull_requests(provider, SYNC, compare, known)
    clock.advance(61)
    known = await review_pull_requests(provider, SYNC, compare, known)
    assert compare.asked == [3, 2, 2, 1]
    assert all(comment_of(host, number) for number in (1, 2, 3))


async def test_a_provider_that_is_away_is_the_callers_to_tell(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """Without a list there is nothing to review."""
    host.fail(503, times=3)
    with pytest.raises(Unavailable):
        await review_pull_requests(provider, SYNC, compare, {})


async def test_a_merge_is_told_what_it_cost(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """The same comment, with the price that was asked beside it, and the commit on the branch."""
    host.add(Pull(1, sha(1)))
    known = await review_pull_requests(provider, SYNC, compare, {})
    host.change(1, merged_at=1_800_000_000.0)
    known = await review_pull_requests(provider, SYNC, compare, known)
    (merged,) = await provider.list_merged(0.0)
    known = await tell_merge(provider, SYNC, merged, BILL, known)
    assert "Rendered 1 edit: 0.40 USD (asked 1.40)" in comment_of(host, 1)
    assert host.statuses["c" * 40][-1]["description"] == "Rendered 1 edit: 0.40 USD"
    assert known == {}


async def test_a_merge_that_cost_nothing_is_not_written_to(host: Host, provider: Provider) -> None:
    """Nor a fork's, which was never told a price."""
    nothing = MergeBill("91aa03c", "USD")
    host.add(Pull(1, merged_at=1_800_000_000.0), Pull(2, merged_at=1_800_000_000.0, fork=True))
    for merged in await provider.list_merged(0.0):
        await tell_merge(provider, SYNC, merged, BILL if merged.from_fork else nothing, {})
    assert host.written() == []


async def test_memory_is_bounded(host: Host, provider: Provider, compare: Comparer) -> None:
    """Of the closed ones the newest are kept, for their merge to be told; open ones always."""
    host.add(Pull(1, sha(1)))
    old = {number: Reviewed("a", "b", "c") for number in range(2, MOST_REMEMBERED + 500)}
    known = await review_pull_requests(provider, SYNC, compare, old)
    assert len(known) == MOST_REMEMBERED + 1
    assert {1, MOST_REMEMBERED + 499} <= known.keys() and 2 not in known


async def test_a_pass_that_ends_tells_nobody_of_its_end(
    host: Host, provider: Provider, compare: Comparer
) -> None:
    """What it had no time for is no trouble of a pull request: the next pass looks at it."""
    host.add(Pull(1, sha(1)), Pull(2, sha(2)))
    compare.errors[1] = RemoteStopped("git fetch was stopped.")
    known = await review_pull_requests(provider, SYNC, compare, {})
    assert status_of(host, 2)[0] == "success"
    assert sha(1) not in host.statuses and 1 not in host.notes
    assert list(known) == [2]
    del compare.errors[1]
    await review_pull_requests(provider, SYNC, compare, known)
    assert status_of(host, 1)[0] == "success"
    assert compare.asked == [2, 1, 1]

"""What every provider promises, at each of the three: pull requests, one comment, one status."""

from __future__ import annotations

import pytest

from reconciler.controller.providers.base import CommitStatus, Provider, make_marker
from reconciler.errors import NotAllowed, ProviderError
from tests.clock import FakeClock
from tests.controller.providers.conftest import open_for
from tests.controller.providers.host import SELF, Host, Pull, serve
from tests.controller.providers.servers import GitLabHost

MARKER = make_marker("films")
SHA = "a" * 40
NOW = 1_800_000_000.0
PRICED = CommitStatus("success", "1.30 USD for 3 edits", "https://status.example.com/films")


# ------------------------------------------------------------------ pull requests


async def test_an_open_pull_request_is_told_whole(host: Host, provider: Provider) -> None:
    """Number, both ends, what git has to fetch, who wrote it, and that it is not merged."""
    host.add(Pull(12, head_branch="rain", draft=True, author="ada"))
    (found,) = await provider.list_open()
    ref = "refs/merge-requests/12/head" if host.kind == "gitlab" else "refs/pull/12/head"
    assert (found.number, found.head_sha, found.head_ref) == (12, SHA, ref)
    assert (found.head_branch, found.base_ref, found.base_sha) == ("rain", "main", "b" * 40)
    assert (found.from_fork, found.draft, found.merged) == (False, True, False)
    assert (found.author, found.merge_sha) == ("ada", "")
    assert found.title.endswith("Rain instead of snow")
    assert found.url.startswith("https://")


async def test_a_fork_is_a_fork_also_when_it_is_gone(host: Host, provider: Provider) -> None:
    """A pull request whose fork was deleted must not count as one of the team's own."""
    host.add(Pull(1), Pull(2, fork=True), Pull(3, fork=True, fork_gone=True))
    assert {one.number: one.from_fork for one in await provider.list_open()} == {
        1: False, 2: True, 3: True,
    }  # fmt: skip


async def test_what_strangers_name_their_branches(host: Host, provider: Provider) -> None:
    """No name of a branch, and no branch that was lost, hides the other pull requests."""
    host.add(Pull(1, head_branch="-x\u202e\x1b[2J"), Pull(2, head_sha=None), Pull(3, author=""))
    assert {one.number for one in await provider.list_open()} == {1, 3}


async def test_all_pages_are_read(host: Host, provider: Provider) -> None:
    """Seventy pull requests take three pages, and each comes once."""
    host.add(*(Pull(number) for number in range(1, 71)))
    found = [one.number for one in await provider.list_open()]
    assert sorted(found) == list(range(1, 71))
    lists = [asked for asked in host.asked if "page" in asked.query]
    assert [asked.query["page"] for asked in lists] == ["1", "2", "3"]


async def test_what_strangers_blow_up_hides_nothing_else(host: Host, provider: Provider) -> None:
    """A description too large for any answer costs its own pull request, and no other."""
    host.add(*(Pull(number, body="x" * 100) for number in range(1, 41)))
    host.change(25, body="x" * (4 << 20))
    assert {one.number for one in await provider.list_open()} == {*range(1, 41)} - {25}


async def test_merged_since(host: Host, provider: Provider) -> None:
    """Only what was merged, and only since then; a closed one is not merged."""
    host.add(
        Pull(1, merged_at=NOW - 900, updated_at=NOW),
        Pull(2, merged_at=NOW - 50, updated_at=NOW - 50),
        Pull(3, merged_at=NOW - 1000, updated_at=NOW - 1000),
        Pull(4, closed=True, updated_at=NOW),
        Pull(5),
    )
    (found,) = await provider.list_merged(NOW - 100)
    assert (found.number, found.merged, found.merge_sha) == (2, True, "c" * 40)
    assert found.merged_at == NOW - 50


async def test_merged_stops_at_the_first_old_page(host: Host, provider: Provider) -> None:
    """Years of pull requests are not read to find what was merged today."""
    host.add(*(Pull(n, merged_at=NOW - 9999, updated_at=NOW - 9999) for n in range(1, 200)))
    assert await provider.list_merged(NOW - 100) == ()
    assert len(host.asked) == 1


# ------------------------------------------------------------------ the comment


async def test_one_comment_is_made_and_then_changed(host: Host, provider: Provider) -> None:
    """Three words are one comment in the end; the same word again sends nothing."""
    for body in ("one", "two", "two", "three"):
        await provider.write_comment(7, MARKER, body)
    (note,) = host.notes[7]
    assert note.body == f"{MARKER}\nthree"
    change = "PUT" if host.kind == "gitlab" else "PATCH"
    assert [asked.method for asked in host.written()] == ["POST", change, change]


async def test_after_a_restart_the_comment_is_found(host: Host, provider: Provider) -> None:
    """It is looked for by its marker and our name, behind a page of others' words."""
    for number in range(40):
        host.say(7, "ada", f"remark {number}")
    own = host.say(7, SELF, f"{MARKER}\r\nold\r\n")
    host.say(7, SELF, "something else of ours")
    found = await provider.find_comment(7, MARKER)
    assert found is not None and (found.id, found.author) == (own.id, SELF)
    await provider.write_comment(7, MARKER, "old")
    assert host.written() == []  # the ends of lines are the provider's


async def test_a_forged_marker_is_not_ours(host: Host, provider: Provider) -> None:
    """Neither a stranger's comment with our marker nor our own that quotes it is ever changed."""
    forged = host.say(7, "eve", f"{MARKER}\nfree of charge")
    quoted = host.say(7, SELF, f"> {MARKER}\nas I said")
    other = host.say(7, SELF, f"{make_marker('films-2')}\nanother Sync's")
    await provider.write_comment(7, MARKER, "1.30 USD")
    assert [note.body for note in (forged, quoted, other)] == [
        f"{MARKER}\nfree of charge",
        f"> {MARKER}\nas I said",
        f"{make_marker('films-2')}\nanother Sync's",
    ]
    assert host.notes[7][-1].body == f"{MARKER}\n1.30 USD"


async def test_a_token_that_may_not_ask_its_name(host: Host, provider: Provider) -> None:
    """Then the first comment with the marker counts; at GitHub only an app's, since only apps may
    not ask.
    """
    host.tells_own_name, host.bot = False, True
    if host.kind == "github":
        host.say(7, "eve", f"{MARKER}\nfree of charge")
    await provider.write_comment(7, MARKER, "one")
    await provider.write_comment(7, MARKER, "two")
    assert [note.body for note in host.notes[7]][-1] == f"{MARKER}\ntwo"
    assert len(host.notes[7]) == (2 if host.kind == "github" else 1)


async def test_a_comment_that_is_deleted_is_made_anew(host: Host, provider: Provider) -> None:
    """Also when that happens between reading and writing."""
    await provider.write_comment(7, MARKER, "one")
    missing = b'{"message": "404 Not found"}'
    host.fail(404, method="PUT" if host.kind == "gitlab" else "PATCH", body=missing)
    await provider.write_comment(7, MARKER, "two")
    assert [note.body.partition("\n")[2] for note in host.notes[7]] == ["one", "two"]


async def test_a_lost_answer_makes_no_second_comment(host: Host, provider: Provider) -> None:
    """The request that makes a comment is not repeated; the next pass finds what it made."""
    host.fail(502, method="POST", after=True)
    with pytest.raises(ProviderError):
        await provider.write_comment(7, MARKER, "one")
    await provider.write_comment(7, MARKER, "one")
    assert [note.body for note in host.notes[7]] == [f"{MARKER}\none"]


async def test_a_long_comment_is_cut(host: Host, provider: Provider) -> None:
    """Whole lines, at most 65,000 characters, closed blocks, and how much is missing."""
    rows = "".join(f"line {number:06}\n" for number in range(9000))
    await provider.write_comment(7, MARKER, f"<details>\n<pre>\n{rows}</pre>\n</details>\n")
    (note,) = host.notes[7]
    assert len(note.body) <= 65_000
    assert note.body.count("<pre>") == note.body.count("</pre>") == 1
    assert note.body.count("</details>") == 1
    assert note.body.endswith("characters are left out: too long for a comment.**\n")


async def test_notes_of_the_provider_itself_are_no_comments(host: Host, provider: Provider) -> None:
    """GitLab notes down what was done; that such a note cites our marker makes it no comment."""
    host.say(7, SELF, f"{MARKER}\nmentioned", system=True)
    found = await provider.find_comment(7, MARKER)
    assert (found is None) == (host.kind == "gitlab")


# ------------------------------------------------------------------ the status


async def test_a_status_is_set_once(host: Host, provider: Provider) -> None:
    """What stands there already is read first, and not sent again."""
    assert await provider.set_status(SHA, PRICED, branch="rain") is True
    assert await provider.set_status(SHA, PRICED, branch="rain") is False
    (kept,) = host.statuses[SHA]
    assert (kept["description"], kept["target_url"]) == (PRICED.description, PRICED.target_url)
    assert await provider.set_status(SHA, CommitStatus("success", "2.00 USD")) is True
    assert len(host.statuses[SHA]) == 2


async def test_a_status_of_another_context_is_not_ours(host: Host, provider: Provider) -> None:
    """The newest of each context counts, however many others there are."""
    await provider.set_status(SHA, PRICED)
    for number in range(40):
        await provider.set_status(SHA, CommitStatus("pending", "tests", context=f"ci/{number}"))
    host.asked.clear()
    assert await provider.set_status(SHA, PRICED) is False
    assert host.written() == []


@pytest.mark.parametrize("state", ["pending", "success", "failure", "error"])
async def test_each_state(host: Host, provider: Provider, state: str) -> None:
    """Each is one that the provider knows, and is found again as the same."""
    status = CommitStatus(state, "a price")  # type: ignore[arg-type]
    assert await provider.set_status(SHA, status) is True
    assert await provider.set_status(SHA, status) is False
    assert await provider.set_status(SHA, CommitStatus("success", "another")) is True


async def test_a_status_that_waits_goes_on_waiting(host: Host, provider: Provider) -> None:
    """GitLab refuses to let a status wait that waits already; nobody has to hear of it."""
    await provider.set_status(SHA, CommitStatus("pending", "one"))
    sent = await provider.set_status(SHA, CommitStatus("pending", "two"))
    assert sent is (host.kind != "gitlab")


async def test_a_status_stands_in_the_pipeline_that_is_there(clock: FakeClock) -> None:
    """At GitLab a pipeline of our own would be the newest, and hide that another one failed."""
    host = GitLabHost()
    runner = await serve(host)
    provider = open_for(host, clock)
    pipeline = {"id": 8, "ref": "refs/merge-requests/7/head", "sha": SHA, "status": "failed"}
    host.pipelines[SHA] = pipeline
    assert await provider.set_status(SHA, PRICED, branch="rain") is True
    assert host.written()[0].body == {
        "state": "success",
        "name": "cutlist",
        "description": PRICED.description,
        "target_url": PRICED.target_url,
        "pipeline_id": 8,
        "ref": "refs/merge-requests/7/head",
    }
    del host.pipelines[SHA]
    await provider.set_status(SHA, CommitStatus("failure", "broken"), branch="rain")
    assert (host.written()[1].body or {})["ref"] == "rain"
    host.statuses[SHA].reverse()  # one of each pipeline, in no order: the newest counts
    assert await provider.set_status(SHA, CommitStatus("failure", "broken")) is False
    await provider.close()
    await runner.cleanup()
    assert host.complaints == []


async def test_a_description_is_cut(host: Host, provider: Provider) -> None:
    """140 characters on one line, and still found again."""
    long = CommitStatus("success", "word\n" * 60)
    await provider.set_status(SHA, long)
    assert len(host.statuses[SHA][0]["description"]) == 140
    assert await provider.set_status(SHA, long) is False


# ------------------------------------------------------------------ a pull request of our own


async def test_a_pull_request_is_opened_once(host: Host, provider: Provider) -> None:
    """The one that is there is found again; one from a fork with the same name is another's."""
    host.add(Pull(3, head_branch="cutlist/lock", fork=True))
    made = await provider.open_pull_request("cutlist/lock", "main", "lock: 3 edits", "text")
    again = await provider.open_pull_request("cutlist/lock", "main", "lock: 4 edits", "more")
    assert made.number == again.number != 3
    assert (made.head_branch, made.base_ref, made.from_fork) == ("cutlist/lock", "main", False)
    assert len(host.written()) == 1


async def test_a_pull_request_that_somebody_opens_at_the_same_time(
    host: Host, provider: Provider
) -> None:
    """The refusal of a second one leads to the first one."""
    host.fail(200, method="GET", body=b"[]")
    host.add(Pull(3, head_branch="cutlist/lock"))
    found = await provider.open_pull_request("cutlist/lock", "main", "lock", "text")
    assert found.number == 3


async def test_a_refused_pull_request_says_why(host: Host, provider: Provider) -> None:
    """In the provider's own words."""
    body = b'{"message": "Validation Failed", "errors": [{"message": "No commits between"}]}'
    host.fail(422, method="POST", body=body)
    with pytest.raises(ProviderError, match="422: Validation Failed: No commits between") as caught:
        await provider.open_pull_request("topic", "main", "t", "b")
    assert not isinstance(caught.value, NotAllowed)

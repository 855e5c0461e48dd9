"""Providers that refuse, limit, break off, answer rubbish or lead elsewhere, on injected time."""

from __future__ import annotations

import pytest

from reconciler.controller.providers.api import REST_S
from reconciler.controller.providers.base import CommitStatus, Provider, make_marker
from reconciler.errors import NotAllowed, NotThere, ProviderError, RateLimited, Unavailable
from tests.clock import FakeClock
from tests.controller.providers.conftest import GitHubHost, open_for
from tests.controller.providers.host import TOKEN, Host, Pull, serve

SHA = "a" * 40
PRICED = CommitStatus("success", "1.30 USD for 3 edits")


async def fail_to_list(provider: Provider, kind: type[ProviderError]) -> ProviderError:
    """The error of a list; the token is in none of its words."""
    with pytest.raises(kind) as caught:
        await provider.list_open()
    error = caught.value
    assert type(error) is kind
    for words in (str(error), repr(error), error.hint, repr(error.__cause__)):
        assert TOKEN not in words
    assert error.hint
    return error


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_says_what_it_needs(
    host: Host, provider: Provider, status: int
) -> None:
    """The provider's words, without the token even where they repeat it, and the rights to ask
    for.
    """
    host.fail(status, body=b'{"message": "Bad credentials: %s"}' % TOKEN.encode())
    error = await fail_to_list(provider, NotAllowed)
    assert f"({status}: Bad credentials: …)" in error.message
    right = {"github": "Pull requests", "gitlab": "`api`", "gitea": "`write:issue`"}[host.kind]
    assert right in error.hint
    assert len(host.asked) == 1


async def test_what_is_not_there(host: Host, provider: Provider) -> None:
    """A wrong name and a private repository look alike; the hint names both."""
    host.fail(404, body=b'{"message": "404 Project Not Found"}')
    error = await fail_to_list(provider, NotThere)
    assert "provider.repo" in error.hint and "may see" in error.hint


async def test_trouble_is_tried_again(host: Host, provider: Provider, clock: FakeClock) -> None:
    """Two failures in a row cost some seconds, and nothing else."""
    host.add(Pull(1))
    host.fail(502, times=2, body=b"<html>Bad Gateway</html>")
    began = clock.monotonic()
    assert len(await provider.list_open()) == 1
    assert 2 <= clock.monotonic() - began < 10


async def test_trouble_that_stays_is_temporary(host: Host, provider: Provider) -> None:
    """It is told after three tries; what is asked next is asked all the same."""
    host.fail(503, times=3, path="merge_requests" if host.kind == "gitlab" else "pulls")
    await fail_to_list(provider, Unavailable)
    assert len(host.asked) == 3
    assert await provider.set_status(SHA, PRICED) is True


async def test_a_dead_host_is_left_alone_for_a_while(
    host: Host, provider: Provider, clock: FakeClock
) -> None:
    """Fifty pull requests of a host that gives no answer do not wait fifty times."""
    host.fail(200, times=3, breaks_off=True)
    await fail_to_list(provider, Unavailable)
    asked = len(host.asked)
    await fail_to_list(provider, Unavailable)
    assert len(host.asked) == asked
    clock.advance(REST_S + 1)
    assert await provider.list_open() == ()


@pytest.mark.parametrize("host", ["github"], indirect=True)
async def test_an_answer_that_breaks_off(host: Host, provider: Provider) -> None:
    """Half a list is no list, and no rubbish either: it is asked for again."""
    host.fail(200, times=2, breaks_off=True, body=b"[")
    assert await provider.list_open() == ()
    host.fail(200, times=3, breaks_off=True, body=b"[")
    error = await fail_to_list(provider, Unavailable)
    assert "broke off" in error.message


async def test_nobody_listens(host: Host, clock: FakeClock) -> None:
    """Nothing is there: temporary, and it says so."""
    provider = open_for(host, clock, host.url.replace("127.0.0.1", "127.0.0.2"))
    error = await fail_to_list(provider, Unavailable)
    assert "cannot be reached" in error.message
    await provider.close()


LIMITS = {
    "a minute": (429, {"Retry-After": "90"}, 90),
    "a date": (429, {"Retry-After": "Fri, 15 Jan 2027 08:02:00 GMT"}, 120),
    "a moment": (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000600"}, 600),
    "GitLab's": (429, {"RateLimit-Remaining": "0", "RateLimit-Reset": "1800000045"}, 45),
    "no word": (429, {}, 60),
    "a year": (429, {"Retry-After": "31536000"}, 3600),
    "rubbish": (429, {"Retry-After": "soon", "X-RateLimit-Reset": "-5"}, 60),
    "the past": (429, {"Retry-After": "0"}, 1),
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("host", ["github"], indirect=True)
async def test_a_limit_is_kept(host: Host, provider: Provider, clock: FakeClock, name: str) -> None:
    """It is told until when; before that nothing is sent at all, and after it everything is."""
    status, headers, after_s = LIMITS[name]
    host.fail(status, headers=headers)
    error = await fail_to_list(provider, RateLimited)
    assert isinstance(error, RateLimited)
    assert error.until == clock.now() + after_s
    clock.advance(after_s - 0.5)
    await fail_to_list(provider, RateLimited)
    assert len(host.asked) == 1
    clock.advance(1)
    assert await provider.list_open() == ()


@pytest.mark.parametrize("host", ["github"], indirect=True)
async def test_a_second_limit_is_told_by_words(host: Host, provider: Provider) -> None:
    """GitHub's secondary limits are a 403 like any other, but for what it says."""
    host.fail(403, body=b'{"message": "You have exceeded a secondary rate limit."}')
    await fail_to_list(provider, RateLimited)


@pytest.mark.parametrize("host", ["github"], indirect=True)
async def test_the_last_request_that_is_allowed(host: Host, provider: Provider) -> None:
    """Its answer counts, and the next one is not sent."""
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000600"}
    host.fail(200, headers=spent, body=b"[]")
    assert await provider.list_open() == ()
    await fail_to_list(provider, RateLimited)
    assert len(host.asked) == 1


RUBBISH = {
    "a page": (b"<html>Please log in</html>", "is not JSON"),
    "nothing": (b"", "is empty"),
    "an object": (b'{"a": 1}', "is no JSON list"),
    "text": (b'"list"', "is no JSON list"),
    "numbers": (b"[1, 2]", "is no JSON object"),
    "half of it": (b'[{"number": 1', "is not JSON"),
    "no commit": (b'[{"number": 1, "iid": 1}]', "has no commit"),
    "a path": (b'[{"number": "../1", "iid": "../1"}]', "has no number"),
    "depth": (b"[" * 5000 + b"]" * 5000, "is nested more than"),
    "bytes": (b"\xff\xfe\x00", "is not UTF-8"),
    "twice": (b'[{"number": 1, "number": 2, "iid": 1, "iid": 2}]', "names a field twice"),
}


@pytest.mark.parametrize("name", RUBBISH)
@pytest.mark.parametrize("host", ["github", "gitlab"], indirect=True)
async def test_rubbish_is_an_error_of_ours(host: Host, provider: Provider, name: str) -> None:
    """Whatever answers in the provider's place: one sentence and where to look."""
    body, words = RUBBISH[name]
    host.fail(200, body=body)
    error = await fail_to_list(provider, ProviderError)
    assert words in error.message and "apiUrl" in error.hint


@pytest.mark.parametrize("host", ["gitea"], indirect=True)
async def test_an_answer_without_end(host: Host, provider: Provider) -> None:
    """More than 4 MiB of one answer are not read."""
    host.fail(200, body=b"[" + b" " * (5 << 20) + b"]", path="comments")
    with pytest.raises(ProviderError, match="larger than 4 MiB"):
        await provider.find_comment(1, make_marker("films"))


async def test_the_token_goes_to_no_other_host(host: Host, provider: Provider) -> None:
    """A redirect elsewhere is not followed, whoever it may be."""
    other = GitHubHost()
    runner = await serve(other)
    host.fail(301, headers={"Location": f"{other.url}/repos/x/y/pulls?page=1"})
    error = await fail_to_list(provider, NotThere)
    assert other.asked == [] and "provider.repo" in error.hint
    await runner.cleanup()


async def test_a_renamed_repository_is_followed_on_the_same_host(
    host: Host, provider: Provider
) -> None:
    """Reading follows; in a circle it ends; and no POST becomes another request."""
    host.add(Pull(1))
    lists = (
        host.url.removesuffix("/")
        + {
            "github": "/repos/studio/films/pulls?state=open&per_page=30&page=1",
            "gitea": "/repos/studio/films/pulls?state=open&limit=30&page=1",
            "gitlab": "/projects/studio%2Fspring%2Ffilms/merge_requests"
            "?state=opened&per_page=30&page=1",
        }[host.kind]
    )
    host.fail(301, headers={"Location": lists})
    assert len(await provider.list_open()) == 1
    host.fail(302, headers={"Location": lists}, times=3)
    await fail_to_list(provider, NotThere)
    host.fail(302, headers={"Location": lists}, method="POST")
    with pytest.raises(NotThere):
        await provider.set_status(SHA, PRICED)


@pytest.mark.parametrize("host", ["gitlab"], indirect=True)
async def test_two_statuses_at_once(host: Host, provider: Provider) -> None:
    """GitLab's word that another is being written is temporary."""
    host.fail(409, method="POST", body=b'{"message": "Another update is in progress"}')
    with pytest.raises(Unavailable):
        await provider.set_status(SHA, PRICED)

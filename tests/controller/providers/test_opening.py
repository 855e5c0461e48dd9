"""From the address in a Sync document to a provider: where it is asked, and what is refused."""

from __future__ import annotations

from typing import Literal

import pytest

from reconciler.controller.documents import ProviderAddress
from reconciler.controller.providers.opening import find_api_url, open_provider
from reconciler.errors import NotAllowed, UsageError
from reconciler.formats.secret import Secret
from reconciler.service.routes import Routes
from tests.clock import FakeClock

Kind = Literal["github", "gitlab", "gitea"]


@pytest.mark.parametrize(
    ("kind", "api_url", "url"),
    [
        ("github", "", "https://api.github.com"),
        ("github", "https://api.github.com/", "https://api.github.com"),
        ("github", "https://api.films.ghe.com", "https://api.films.ghe.com"),
        ("github", "https://git.example.com", "https://git.example.com/api/v3"),
        ("github", "https://git.example.com/api/v3/", "https://git.example.com/api/v3"),
        ("gitlab", "", "https://gitlab.com/api/v4"),
        ("gitlab", "https://git.example.com", "https://git.example.com/api/v4"),
        ("gitlab", "https://example.com/gitlab/api/v4", "https://example.com/gitlab/api/v4"),
        ("gitea", "https://git.example.com:3000", "https://git.example.com:3000/api/v1"),
        ("gitea", "http://localhost:3000", "http://localhost:3000/api/v1"),
    ],
)
def test_where_it_is_asked(kind: Kind, api_url: str, url: str) -> None:
    """The public API, the one of an own server, or what is usual below a host."""
    assert find_api_url(ProviderAddress(kind, "studio/films", api_url)) == url


@pytest.mark.parametrize(
    "api_url",
    [
        "",
        "git.example.com",
        "http://git.example.com",
        "https://",
        "https://me:pass@git.example.com",
        "https://git.example.com/api/v1?x=1",
        "https://[::1",
        "ftp://git.example.com",
        "https://git.exam\u202eple.com",
    ],
)
def test_where_no_token_goes(api_url: str) -> None:
    """Not without encryption, not with a user name, not to what is no URL."""
    with pytest.raises(UsageError) as caught:
        find_api_url(ProviderAddress("gitea", "studio/films", api_url))
    assert "https://" in caught.value.hint and "pass" not in caught.value.message


@pytest.mark.parametrize(
    ("kind", "repo"),
    [
        ("github", "films"),
        ("github", "studio/spring/films"),
        ("github", "studio/../films"),
        ("gitea", "studio/films?x"),
        ("gitlab", "films"),
        ("gitlab", "studio//films"),
        ("gitlab", "studio/fi lms"),
    ],
)
def test_what_is_no_repository(kind: Kind, repo: str) -> None:
    """A name that would ask for another path is refused before anything is sent."""
    address = ProviderAddress(kind, repo, "https://git.example.com", "TOKEN")
    with pytest.raises(UsageError, match="no name of a repository"):
        open_provider(address, Secret("t"), clock=FakeClock(), routes=Routes())


@pytest.mark.parametrize("token", ["", "two words", "t\u00f6ken", "line\nbreak"])
def test_a_missing_token_is_told_by_its_variable(token: str) -> None:
    """Its name, and never what is in it."""
    address = ProviderAddress("github", "studio/films", "", "FILMS_TOKEN")
    with pytest.raises(NotAllowed, match="FILMS_TOKEN") as caught:
        open_provider(address, Secret(token), clock=FakeClock(), routes=Routes())
    assert not token or token not in caught.value.message

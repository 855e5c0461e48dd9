"""Addresses of repositories: what git is given, and what never."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.controller.addresses import (
    explain_bad_api_url,
    explain_bad_path,
    explain_bad_ref,
    explain_bad_url,
    looks_like_token,
    show_address,
    tidy_path,
)

_REFS = st.text(alphabet="ab/.-@{~^:?*[\\ lock", min_size=1, max_size=9)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/studio/films.git",
        "https://git.example.com:8443/films",
        "https://[2001:db8::1]/films.git",
        "http://127.0.0.1:8080/films.git",
        "http://localhost/films.git",
        "ssh://git@git.example.com:2222/~studio/films.git",
        "ssh://git.example.com/films.git",
        "git@git.example.com:studio/films.git",
        "file:///srv/films.git",
    ],
)
def test_good_urls(url: str) -> None:
    """Every form that a provider shows on the page of a repository."""
    assert explain_bad_url(url) == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://bob:pass@host/films.git", "https://…@host/films.git"),
        ("https://bob:p@ss@host/films.git", "https://…@host/films.git"),
        ("https://host/films.git?token=pass#pass", "https://host/films.git?…"),
        ("bob:pass@host:films.git", "…@host:films.git"),
        ("git@host:films.git", "git@host:films.git"),
        ("https://host/films.git", "https://host/films.git"),
    ],
)
def test_what_may_be_a_password_is_not_shown(url: str, shown: str) -> None:
    """Also where the URL is one that is refused."""
    assert show_address(url) == shown


@given(_REFS)
def test_refs_are_what_git_takes(ref: str) -> None:
    """A name that passes is one by git's own word, and no option to it."""
    if explain_bad_ref(ref) == "":
        command = ["git", "check-ref-format", "--allow-onelevel", ref]
        assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize("ref", ["main", "release/1.0", "refs/heads/main", "HEAD", "größe"])
def test_good_refs(ref: str) -> None:
    """Branches, and full names of refs."""
    assert explain_bad_ref(ref) == ""


@given(st.text(alphabet="a/.-~g\\it\n", max_size=9))
def test_paths_stay_inside(path: str) -> None:
    """What passes has one spelling, which neither climbs nor begins at the root."""
    if explain_bad_path(path) == "":
        parts = tidy_path(path).split("/")
        assert all(part and part != ".." for part in parts)
        assert tidy_path(path) == tidy_path(f"./{path}/")


def test_tokens_are_known_by_how_they_begin() -> None:
    """Names of variables are none, nor are branches."""
    assert looks_like_token(f"ghp_{'a1' * 18}")
    assert looks_like_token("https://hooks.slack.com/services/T000/B000/abc")
    assert not looks_like_token("GITHUB_TOKEN")
    assert not looks_like_token("refs/heads/task-tracking")


def test_roots_of_apis() -> None:
    """https, or this very machine."""
    assert explain_bad_api_url("https://git.example.com/api/v1") == ""
    assert explain_bad_api_url("http://127.0.0.1:3000/api/v1") == ""
    assert explain_bad_api_url("http://git.example.com/api/v1")
    assert explain_bad_api_url("https://git.example.com/api?x=1")
    assert explain_bad_api_url("file:///etc/passwd")

"""The host of git repositories that tests fetch from: it is git's own, and it makes trouble."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.githost import GitHost, Trouble
from tests.repository import Repository


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with GitHost(tmp_path / "host") as host:
        yield host


def publish(host: GitHost) -> tuple[str, str]:
    work = host.folder.parent / "work"
    work.mkdir()
    repository = Repository(work)
    commit = repository.commit("first")
    return host.publish(repository), commit


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Plain git, as somebody without any settings runs it."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run(["git", *arguments], env=environment, capture_output=True, text=True)


def test_plain_git_fetches_and_pushes(host: GitHost, tmp_path: Path) -> None:
    """What is published can be cloned, and what is pushed is there; each request is counted."""
    url, commit = publish(host)
    clone = str(tmp_path / "clone")
    assert git("clone", "--quiet", "--filter=blob:none", url, clone).stderr == ""
    assert git("-C", clone, "push", "--quiet", "origin", "HEAD:refs/heads/more").returncode == 0
    assert host.ask("rev-parse", "refs/heads/more") == commit
    assert host.count()["upload-pack"] >= 2
    assert host.count()["receive-pack"] >= 2


def test_a_token_is_asked_for(host: GitHost) -> None:
    """Nobody is let in without it, and whoever has it is."""
    url, commit = publish(host)
    host.token = "film-token"
    assert git("ls-remote", url).returncode != 0
    known = url.replace("://", "://anybody:film-token@")
    assert commit in git("ls-remote", known).stdout


def test_trouble_on_order(host: GitHost) -> None:
    """The next request meets it, and the one after that does not."""
    url, commit = publish(host)
    troubles: tuple[Trouble, ...] = ("cut", "garbage", "redirect", "401", "404", "500")
    for trouble in troubles:
        host.order(trouble)
        assert git("ls-remote", url).returncode != 0, trouble
    assert commit in git("ls-remote", url).stdout

"""How git is run when it speaks with a repository elsewhere: which URLs, with what, and what it is
told of this machine.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from reconciler.errors import CutlistError, RemoteRefused
from reconciler.formats.secret import Secret
from reconciler.system.git.remote import Mirror
from tests.githost import GitHost
from tests.repository import Repository


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    with GitHost(tmp_path / "host") as host:
        yield host


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("work")
    (folder / "cutlist.yaml").write_text("kind: Project\n")
    repository = Repository(folder)
    repository.commit("first")
    return repository


def open_mirror(tmp_path: Path, url: str, token: str = "") -> Mirror:
    return Mirror.open(tmp_path / "mirror", url, token=Secret(token))


def test_a_token_opens_and_is_shown_nowhere(
    host: GitHost, work: Repository, tmp_path: Path
) -> None:
    """It goes with each request, and stands in no file of the mirror and in no error."""
    host.token = "film-token-1234"
    url = host.publish(work)
    with pytest.raises(RemoteRefused):
        open_mirror(tmp_path, url).list_refs()
    mirror = open_mirror(tmp_path, url, "film-token-1234")
    commit = mirror.fetch_revision("refs/heads/main").id
    assert mirror.fetch_files(commit) == 1
    for path in mirror.folder.rglob("*"):
        assert not path.is_file() or b"film-token" not in path.read_bytes()
    with pytest.raises(RemoteRefused) as caught:
        open_mirror(tmp_path, url, "wrong-token-1234").list_refs()
    shown = f"{caught.value!r} {caught.value.hint} {caught.value.__context__!r}"
    assert "wrong-token" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "", "-x", "--upload-pack=touch x", "http://example.com/films.git", "git://example.com/x",
        "ext::sh -c touch% x", "ftp://example.com/x", "https://", "file://host/x", "films.git",
        "https://me:secret-word@example.com/films.git", "https://secret-word@example.com/films.git",
        "https://example.com/films.git?token=secret-word", "ssh://-oProxyCommand=x/films",
        "-oProxyCommand=x:films", "https://example.com/a b", "https://example.com:x/films",
    ],
)  # fmt: skip
def test_urls_that_are_not_spoken(tmp_path: Path, url: str) -> None:
    """Other protocols, credentials and what looks like an option never reach git."""
    with pytest.raises(CutlistError) as caught:
        Mirror.open(tmp_path / "mirror", url)
    assert "secret-word@" not in str(caught.value)
    assert "me:secret-word" not in str(caught.value)
    assert not (tmp_path / "mirror").exists()


def test_a_certificate_has_to_be_trusted(
    work: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that nobody vouches for is refused, whatever the person's configuration allows; with the
    authority that is named for git it is taken.
    """
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    (tmp_path / ".gitconfig").write_text("[http]\n\tsslVerify = false\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with GitHost(tmp_path / "host", tls=tls) as host:
        mirror = open_mirror(tmp_path, host.publish(work))
        with pytest.raises(RemoteRefused, match="certificate") as caught:
            mirror.list_refs()
        assert "http.sslCAInfo" in caught.value.hint
        monkeypatch.setenv("GIT_SSL_CAINFO", str(tmp_path / "authority.pem"))
        assert len(mirror.list_refs()) == 1


# ------------------------------------------------------------------ what is told to git


def write_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_ssh_asks_nobody(work: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person's ssh is run in batch mode, and what the environment would put in its place is
    not; a stand-in for ssh runs the command on this machine.
    """
    said, sprung = tmp_path / "said", tmp_path / "sprung"
    write_program(
        tmp_path / "bin", "ssh", f'echo "$@" >> {said}; for last; do :; done; eval "$last"'
    )
    write_program(tmp_path / "bin", "trap", f"touch {sprung}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    for name in ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_PROXY_COMMAND"):
        monkeypatch.setenv(name, str(tmp_path / "bin/trap"))
    mirror = open_mirror(tmp_path, f"git@host.example:{work.root}")
    assert mirror.fetch_revision("refs/heads/main").id == work.git("rev-parse", "HEAD")
    line = said.read_text().splitlines()[0]
    for part in ("BatchMode=yes", "ConnectTimeout=", "git@host.example", "git-upload-pack"):
        assert part in line
    assert not sprung.exists()


@pytest.mark.parametrize(
    ("complaint", "words"),
    [
        ("git@host: Permission denied (publickey).", "Permission denied"),
        ("Host key verification failed.", "known_hosts"),
    ],
)
def test_ssh_that_is_not_let_in(
    work: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaint: str, words: str
) -> None:
    """A person has to act, and is told how."""
    write_program(tmp_path / "bin", "ssh", f"echo '{complaint}' >&2; exit 255")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(RemoteRefused) as caught:
        open_mirror(tmp_path, f"git@host.example:{work.root}").list_refs()
    assert words in f"{caught.value} {caught.value.hint}"


def test_the_persons_helper_gives_the_password(
    host: GitHost, work: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credential helper of the person's own configuration is asked, as git asks it; but not
    where the controller has a token.
    """
    host.token = "helper-token"
    url = host.publish(work)
    asked = tmp_path / "asked"
    helper = f"touch {asked}; echo username=me; echo password=helper-token"
    write_program(tmp_path / "bin", "helper", helper)
    (tmp_path / ".gitconfig").write_text(f"[credential]\n\thelper = {tmp_path / 'bin/helper'}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(open_mirror(tmp_path, url).list_refs()) == 1
    asked.unlink()
    with pytest.raises(RemoteRefused):
        open_mirror(tmp_path, url, "another-token").list_refs()
    assert not asked.exists()


def test_the_persons_configuration_starts_nothing_else(
    host: GitHost, work: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hooks, monitors and maintenance that somebody has set for all repositories stay silent."""
    sprung = tmp_path / "sprung"
    write_program(tmp_path / "bin", "trap", f"touch {sprung}")
    hooks = tmp_path / "hooks"
    for name in ("reference-transaction", "pre-auto-gc", "pre-push"):
        write_program(hooks, name, f"touch {sprung}")
    trap = tmp_path / "bin/trap"
    (tmp_path / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {hooks}\n\tfsmonitor = {trap}\n\taskPass = {trap}\n"
        f"\tsshCommand = {trap}\n[fetch]\n\twriteCommitGraph = true\n\tprune = true\n"
        f"[gc]\n\tauto = 1\n[safe]\n\tbareRepository = explicit\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    mirror = open_mirror(tmp_path, host.publish(work))
    commit = mirror.fetch_revision("refs/heads/main").id
    mirror.fetch_files(commit)
    mirror.push(f"{commit}:refs/heads/more", "")
    assert not sprung.exists()
    assert not (mirror.folder / "objects/info/commit-graphs").exists()

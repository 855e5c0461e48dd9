"""Who signed a commit: real keys of ssh-keygen and gpg, made for the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import CommitNotTrusted, UsageError
from reconciler.system.git.remote import Mirror
from reconciler.system.git.signatures import CommitSigner, verify_commit
from tests.repository import Repository
from tests.signing import SshKey, needs_ssh, run, write_signers

MAIN = "refs/heads/main"
needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="no gpg")


class Signing:
    """A repository, those who sign in it, and a mirror that follows it from this disk."""

    def __init__(self, top: Path) -> None:
        (top / "work").mkdir()
        self.top, self.work = top, Repository(top / "work")
        self.work.commit("unsigned")
        self.mirror = Mirror.open(top / "mirror", self.work.root.as_uri())

    def fetch(self) -> str:
        return self.mirror.fetch_revision(MAIN).id

    def commit(self, *settings: str) -> str:
        """A signed commit, as the mirror has it."""
        told = [part for setting in settings for part in ("-c", setting)]
        self.work.git(*told, "commit", "--quiet", "--allow-empty", "-S", "--message", "signed")
        return self.fetch()

    def forge(self) -> str:
        """The last commit with another message, and the signature as it was."""
        raw = self.work.git("cat-file", "commit", "HEAD").replace("\n\nsigned", "\n\nforged")
        commit = self.work.git("hash-object", "-t", "commit", "-w", "--stdin", given=f"{raw}\n")
        self.work.git("update-ref", MAIN, commit)
        return self.fetch()

    def refuse(self, commit: str, kind: str, signers: Path) -> CommitNotTrusted:
        with pytest.raises(CommitNotTrusted) as caught:
            verify_commit(self.mirror, commit, kind, signers)  # type: ignore[arg-type]
        assert commit[:7] in caught.value.message
        assert "Nothing was sent." in caught.value.hint
        return caught.value


@pytest.fixture
def signing(tmp_path: Path) -> Signing:
    return Signing(tmp_path)


@needs_ssh
def test_a_signer_by_ssh(signing: Signing) -> None:
    """The name comes from the controller's file; each reason to say no has its own words."""
    key, other = SshKey(signing.top / "ada"), SshKey(signing.top / "eve")
    signers = write_signers(signing.top, f"ada@example.com {key.public}")
    unsigned = signing.fetch()
    assert signing.refuse(unsigned, "ssh", signers).reason == "unsigned"
    commit = signing.commit(*key.settings)
    assert verify_commit(signing.mirror, commit, "ssh", signers) == CommitSigner(
        "ada@example.com", key.fingerprint
    )
    refused = signing.refuse(commit, "gpg", signers)
    assert (refused.reason, "another kind (ssh)" in str(refused)) == ("unsigned", True)
    by_eve = signing.commit(*other.settings)
    refused = signing.refuse(by_eve, "ssh", signers)
    assert (refused.reason, other.fingerprint in str(refused)) == ("unknown key", True)
    signing.commit(*key.settings)
    assert signing.refuse(signing.forge(), "ssh", signers).reason == "bad signature"


@needs_ssh
@pytest.mark.parametrize(
    ("options", "revoked", "reason"),
    [
        ('valid-before="20200101"', False, "expired"),
        ('valid-after="20990101"', False, "expired"),
        ('namespaces="file"', False, "unknown key"),
        ("", True, "revoked"),
    ],
)
def test_an_ssh_key_that_does_not_count(
    signing: Signing, options: str, revoked: bool, reason: str
) -> None:
    """It is in the file of signers, but not for this, not now, or not any more."""
    key = SshKey(signing.top / "ada")
    line = f"ada@example.com {options} {key.public}"
    signers = write_signers(signing.top, line, key.public if revoked else "")
    commit = signing.commit(*key.settings)
    refused = signing.refuse(commit, "ssh", signers)
    assert (refused.reason, key.fingerprint in str(refused)) == (reason, reason == "expired")


@needs_ssh
def test_the_repository_brings_no_signers(signing: Signing) -> None:
    """Its own configuration names a program that says yes and a file with the wrong key; in the
    mirror, too, and for the person.
    """
    eve = SshKey(signing.top / "eve")
    own = write_signers(signing.work.root, f"ada@example.com {eve.public}")
    yes = signing.top / "yes"
    yes.write_text(f"#!/bin/sh\ntouch '{signing.top}/sprung'\nexit 0\n")
    yes.chmod(0o755)
    commit = signing.commit(*eve.settings)
    for config in (signing.work.root / ".git/config", signing.mirror.folder / "config"):
        with config.open("a") as file:
            file.write(f'[gpg]\n\tprogram = {yes}\n[gpg "ssh"]\n\tprogram = {yes}\n')
            file.write(f"\tallowedSignersFile = {own}\n")
    signers = write_signers(signing.top, f"ada@example.com {SshKey(signing.top / 'ada').public}")
    assert signing.refuse(commit, "ssh", signers).reason == "unknown key"
    assert not (signing.top / "sprung").exists()


def test_without_signers_nobody_is_trusted(signing: Signing) -> None:
    """A file that is not there, or holds no keys, is a mistake of whoever runs the controller."""
    commit = signing.fetch()
    with pytest.raises(UsageError, match="is not there"):
        verify_commit(signing.mirror, commit, "ssh", signing.top / "nowhere")


# ------------------------------------------------------------------ gpg


class GpgHome:
    """Where people have their gpg keys, and the agent that signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)

    def gpg(self, *arguments: str, given: bytes = b"") -> str:
        return run(
            "gpg", "--batch", "--quiet", "--no-tty", *arguments, home=self.folder, given=given
        )

    def make_key(self, name: str, *options: str) -> str:
        """A new key that can sign; its fingerprint."""
        user = f"{name} <{name}@example.com>"
        self.gpg(
            *options, "--passphrase", "", "--pinentry-mode", "loopback",
            "--quick-gen-key", user, "ed25519", "sign", "1d",
        )  # fmt: skip
        lines = self.gpg("--with-colons", "--list-keys", f"{name}@example.com").splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr"))

    def revoke(self, fingerprint: str) -> None:
        """Publish the revocation that came with the key."""
        path = self.folder / f"openpgp-revocs.d/{fingerprint}.rev"
        self.gpg("--import", given=path.read_bytes().replace(b"\n:-----BEGIN", b"\n-----BEGIN"))

    def export(self, path: Path, *names: str) -> Path:
        self.gpg("--yes", "--armor", "--output", str(path), "--export", *names)
        return path


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpgHome]:
    """Keys of three people, the agent of which ends with the tests."""
    folder = Path("/tmp") / f"cutlist-gpg-{os.getpid()}"  # a socket's path is short
    shutil.rmtree(folder, ignore_errors=True)
    home = GpgHome(folder)
    yield home
    run("gpgconf", "--kill", "all", home=folder)
    shutil.rmtree(folder, ignore_errors=True)


def commit_by(signing: Signing, people: GpgHome, name: str, *faked: str) -> str:
    program = signing.top / "gpg-of-people"
    program.write_text(f'#!/bin/sh\nexec gpg --homedir "{people.folder}" {" ".join(faked)} "$@"\n')
    program.chmod(0o755)
    return signing.commit(f"gpg.program={program}", f"user.signingKey={name}@example.com")


@needs_gpg
def test_a_signer_by_gpg(signing: Signing, people: GpgHome) -> None:
    """The same with a file of public keys, each refusal in its own words."""
    past = ("--faked-system-time", "20200101T000000!")
    ada = people.make_key("ada")
    people.make_key("old", *past)
    gone = people.make_key("gone")
    commit = commit_by(signing, people, "ada")
    expired = commit_by(signing, people, "old", *past)
    revoked = commit_by(signing, people, "gone")
    people.revoke(gone)
    everybody = people.export(signing.top / "everybody")
    signer = verify_commit(signing.mirror, commit, "gpg", everybody)
    assert signer == CommitSigner("ada <ada@example.com>", ada)
    assert signing.refuse(expired, "gpg", everybody).reason == "expired"
    assert signing.refuse(revoked, "gpg", everybody).reason == "revoked"
    strangers = people.export(signing.top / "strangers", "old@example.com")
    assert signing.refuse(commit, "gpg", strangers).reason == "unknown key"
    assert signing.refuse(commit, "ssh", strangers).reason == "unsigned"
    commit_by(signing, people, "ada")
    assert signing.refuse(signing.forge(), "gpg", everybody).reason == "bad signature"
    no_keys = write_signers(signing.top, "no keys")
    with pytest.raises(UsageError, match="gpg reads no public keys"):
        verify_commit(signing.mirror, commit, "gpg", no_keys)

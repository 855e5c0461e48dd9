"""Who signed a commit, by keys that lie with the controller and never in the repository.

Git asks ssh-keygen or gpg. Which program that is, and which keys count, is said here for each
question; neither the repository nor the configuration of the person changes it. The time of an ssh
key (`valid-before`) is held against the time that the commit gives for itself, as git does it:
a key that was stolen belongs into the file of revoked keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from reconciler.errors import CommitNotTrusted, UsageError
from reconciler.formats.names import make_plain
from reconciler.system.clock import SystemClock
from reconciler.system.git.process import (
    Done,
    OutOfTime,
    Patience,
    build_environment,
    find_program,
    run_process,
)
from reconciler.system.git.remote import Mirror

SignatureKind = Literal["ssh", "gpg"]
Reason = Literal["unsigned", "unknown key", "expired", "revoked", "bad signature"]

_IMPORT_TIMEOUT_S = 30.0
_REVOKED = ".revoked"  # beside the file of signers: ssh keys that count no more
_SIGNATURE = re.compile(rb"^gpgsig(?:-sha256)? -----BEGIN (SSH|PGP|[A-Z]+)", re.MULTILINE)
_GOOD_SSH = re.compile(r'^Good "git" signature for (.+) with \S+ key (\S+)$', re.MULTILINE)
_ANY_SSH = re.compile(r'^Good "git" signature with \S+ key (\S+)$', re.MULTILINE)
_GOOD_GPG = re.compile(r"^\[GNUPG:\] GOODSIG \S+ (.+)$", re.MULTILINE)
_KEY_GPG = re.compile(r"^\[GNUPG:\] VALIDSIG (?:\S+ ){9}(\S+)$", re.MULTILINE)
_OTHER_GPG = re.compile(r"^\[GNUPG:\] (?:ERRSIG|NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG) (\S+)", re.M)
# What gpg may do in its temporary home: look, and nothing else; every key in it is trusted.
_GPG_CONF = "no-auto-key-retrieve\ndisable-dirmngr\nno-autostart\ntrust-model always\n"


@dataclass(frozen=True, slots=True)
class CommitSigner:
    """Who signed a commit."""

    name: str  # as the controller's own file of keys calls them
    key: str  # the fingerprint


def verify_commit(mirror: Mirror, commit: str, kind: SignatureKind, signers: Path) -> CommitSigner:
    """Who signed a commit of the mirror, by the keys in `signers`: for ssh a file of allowed
    signers (keys that are revoked stand beside it, in NAME.revoked), for gpg exported public keys.

    Raises CommitNotTrusted with the reason, UsageError where the keys cannot be read, GitError.
    """
    if not signers.is_file():
        raise UsageError(
            f"the file of signers {signers} is not there.",
            hint="Put it on the controller's disk: no commit is trusted without it.",
        )
    raw = mirror.ask_here("cat-file", "commit", commit)
    found = _SIGNATURE.search(raw.partition(b"\n\n")[0])
    if found is None:
        raise _build_error(mirror, commit, "unsigned", "is not signed")
    if found[1] != {"ssh": b"SSH", "gpg": b"PGP"}[kind]:
        other = found[1].decode().lower()
        words = f"has a signature of another kind ({other}), and {kind} is asked for"
        raise _build_error(mirror, commit, "unsigned", words)
    ask = _verify_ssh if kind == "ssh" else _verify_gpg
    return ask(mirror, commit, signers.absolute())


# ------------------------------------------------------------------ ssh


def _verify_ssh(mirror: Mirror, commit: str, signers: Path) -> CommitSigner:
    revoked = signers.with_name(signers.name + _REVOKED)
    settings: dict[str, str | Path] = {
        "gpg.ssh.program": find_program("ssh-keygen"),
        "gpg.ssh.allowedSignersFile": signers,
    }
    if revoked.is_file():
        settings["gpg.ssh.revocationFile"] = revoked
    done = _ask(mirror, commit, settings)
    good = _GOOD_SSH.search(done.complaints)
    if done.code == 0 and good is not None:
        return CommitSigner(make_plain(good[1]), make_plain(good[2]))
    key = _ANY_SSH.search(done.complaints)
    whose = f" {make_plain(key[1])}" if key else ""
    for mark, reason, words in _SSH_REASONS:
        if mark in done.complaints:
            raise _build_error(mirror, commit, reason, words.format(whose))
    if revoked.is_file() and done.complaints.strip() == _NO_WORD_OF_SSH:
        raise _build_error(mirror, commit, "revoked", "is signed with a revoked key")
    raise _build_error(mirror, commit, "bad signature", "has a signature that cannot be read")


# What ssh-keygen says when a known signer's good signature does not count: the key is revoked.
_NO_WORD_OF_SSH = "Could not verify signature."
_SSH_REASONS: tuple[tuple[str, Reason, str], ...] = (
    ("invalid format", "bad signature", "has a signature that cannot be read"),
    ("incorrect signature", "bad signature", "has a signature that does not fit it"),
    ("key has expired", "expired", "is signed with an expired key{}"),
    ("not yet valid", "expired", "is signed with a key{} that is not valid yet"),
    ("not permitted", "unknown key", "is signed with a key{} that may not sign commits"),
    ("No principal matched", "unknown key", "is signed with a key{} that no signer has"),
)


# ------------------------------------------------------------------ gpg


def _verify_gpg(mirror: Mirror, commit: str, signers: Path) -> CommitSigner:
    program = find_program("gpg")
    with _open_keyring(program, signers) as home:
        settings = {"gpg.program": program, "gpg.openpgp.program": program}
        done = _ask(mirror, commit, settings, {"GNUPGHOME": str(home)})
    good, key = _GOOD_GPG.search(done.complaints), _KEY_GPG.search(done.complaints)
    if done.code == 0 and good is not None and key is not None:
        return CommitSigner(make_plain(good[1]), make_plain(key[1]))
    other = key or _OTHER_GPG.search(done.complaints)
    whose = f" {make_plain(other[1])}" if other else ""
    for mark, reason, words in _GPG_REASONS:
        if f"[GNUPG:] {mark} " in done.complaints:
            raise _build_error(mirror, commit, reason, words.format(whose))
    raise _build_error(mirror, commit, "bad signature", "has a signature that cannot be read")


_GPG_REASONS: tuple[tuple[str, Reason, str], ...] = (
    ("BADSIG", "bad signature", "has a signature that does not fit it, by the key{}"),
    ("REVKEYSIG", "revoked", "is signed with a revoked key{}"),
    ("EXPKEYSIG", "expired", "is signed with an expired key{}"),
    ("EXPSIG", "expired", "has a signature that has expired, by the key{}"),
    ("NO_PUBKEY", "unknown key", "is signed with a key{} that no signer has"),
)


@contextmanager
def _open_keyring(program: str, keys: Path) -> Iterator[Path]:
    """A home for gpg with these keys and no others, for the length of a block."""
    with TemporaryDirectory(prefix="cutlist-keys-") as folder:
        home = Path(folder)
        (home / "gpg.conf").write_text(_GPG_CONF, encoding="utf-8")
        command = [program, "--batch", "--no-tty", "--quiet", "--import", "--", str(keys)]
        environment = build_environment({"LC_ALL": "C", "GNUPGHOME": folder})
        try:
            done = run_process(
                command, home, environment, Patience(SystemClock(), _IMPORT_TIMEOUT_S)
            )
        except OutOfTime:
            done = Done(1, b"", "it took too long")
        if done.code != 0:
            said = make_plain(done.complaints.strip().rpartition("\n")[2].removeprefix("gpg: "))
            raise UsageError(
                f"gpg reads no public keys in {keys}: {said.rstrip('.')}.",
                hint="`gpg --export --armor NAME...` writes such a file.",
            )
        yield home


# ------------------------------------------------------------------ both


def _ask(
    mirror: Mirror,
    commit: str,
    settings: Mapping[str, str | Path],
    environment: Mapping[str, str] | None = None,
) -> Done:
    """What git says of a signature; any program but the one that is named does not pass."""
    refused = find_program("false")
    programs = ("gpg.program", "gpg.openpgp.program", "gpg.x509.program", "gpg.ssh.program")
    told = {**dict.fromkeys(programs, refused), "gpg.minTrustLevel": "undefined", **settings}
    return mirror.run_here(
        "verify-commit", "--raw", commit,
        settings=[f"{name}={value}" for name, value in told.items()], environment=environment,
    )  # fmt: skip


def _build_error(mirror: Mirror, commit: str, reason: Reason, words: str) -> CommitNotTrusted:
    return CommitNotTrusted(
        f"the commit {commit[:7]} of {make_plain(mirror.url)} {words}.",
        reason=reason,
        hint=_HINTS[reason],
    )


_HINTS: dict[Reason, str] = {
    "unsigned": "Sign it (`git commit --amend -S`) and push again. Nothing was sent.",
    "unknown key": "Have a known signer sign it, or add the key to the signers. Nothing was sent.",
    "expired": "Sign it with a key that is valid, or renew the key. Nothing was sent.",
    "revoked": "Find out who pushed it: the key must not be used any more. Nothing was sent.",
    "bad signature": "Find out who pushed it: it was changed after signing. Nothing was sent.",
}

"""Runs git where it acts: in a folder of ours, and over the network with a repository elsewhere.

What may be started is git's own transport, the person's credential helper, and ssh, which asks
nobody anything. Nothing that a repository, a host or a commit says can add to that: the folder's
configuration is ours (`bare.py`), and what stands on the command line wins over every file.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.errors import GitError, RemoteStopped, RemoteTimeout, UsageError
from reconciler.formats.hosts import is_loopback
from reconciler.formats.names import is_plain, make_plain
from reconciler.formats.secret import Secret
from reconciler.system.git.process import (
    AskedToStop,
    Done,
    OutOfTime,
    Patience,
    build_environment,
    find_program,
    run_process,
)

REMOTE = "cutlist"  # what the repository elsewhere is called in ours; no file mentions it
# For what has to know that objects may be missing, and are there elsewhere.
PARTIAL = (f"remote.{REMOTE}.promisor=true", f"remote.{REMOTE}.partialCloneFilter=blob:none")
_SSH = (
    "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
    " -o PermitLocalCommand=no -o ClearAllForwardings=yes -o ForwardAgent=no"
)
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",  # and nothing asks in a window either
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_SSH_COMMAND": _SSH,
    "GIT_SSH_VARIANT": "ssh",
    "GIT_NO_LAZY_FETCH": "1",  # what is missing is fetched when we say so, in one request
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
}
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.alternateRefsCommand=false",
    "core.gitProxy=",
    "core.fsync=all",  # a fetch is whole on the disk, or it was not
    "safe.bareRepository=all",
    "credential.interactive=false",
    "i18n.commitEncoding=UTF-8",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "protocol.version=2",
    "transfer.bundleURI=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "fetch.showForcedUpdates=false",
    "fetch.prune=false",
    "fetch.unpackLimit=1",  # what is fetched stays the pack that it came in
    "push.gpgSign=false",
    "push.recurseSubmodules=no",
    "push.followTags=false",
    "push.useForceIfIncludes=false",
    "repack.writeBitmaps=false",
    "http.followRedirects=false",
    "http.sslVerify=true",
    "http.lowSpeedLimit=1",  # bytes a second: a host that still counts says a little now and then
    "http.lowSpeedTime=60",
)
# What is no matter of many bytes has this long, seconds.
_QUICK_S = 120.0
_QUICK = frozenset({"ls-remote", "push"})
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs/(?!.*(?:\.\.|//|@\{|\.lock(?:/|\Z)))[^\x00-\x20\x7f~^:?\[\\]+(?<![/.])")
_SCP = re.compile(r"(?:[\w.-]+@)?[A-Za-z0-9][\w.-]*:(?!//)[^\s]+")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository elsewhere is reached."""

    url: str
    protocol: str  # the only one that git may speak: https, http, ssh or file

    @classmethod
    def parse(cls, url: str) -> Address:
        """The address that a URL is. Raises UsageError for one that is not allowed."""
        return cls(url, _find_protocol(url))


def _find_protocol(url: str) -> str:
    if not url or url.startswith("-") or not is_plain(url) or re.search(r"\s|::", url):
        raise _build_url_error(url)
    if url.startswith("/"):
        return "file"
    if "://" not in url:
        if not _SCP.fullmatch(url):
            raise _build_url_error(url)
        return "ssh"
    try:
        parts = urlsplit(url)
        host, user, password, _ = parts.hostname or "", parts.username, parts.password, parts.port
    except ValueError:
        raise _build_url_error(url) from None
    if password is not None or (user is not None and parts.scheme != "ssh"):
        raise UsageError(
            "the URL of a repository holds credentials.",
            hint="Name an environment variable that holds the token, and take it out of the URL.",
        )
    known = {
        "https": bool(host),
        "http": is_loopback(host),
        "ssh": bool(host) and not host.startswith("-"),
        "file": not host and parts.path.startswith("/"),
    }
    if not known.get(parts.scheme, False) or parts.query or parts.fragment:
        raise _build_url_error(url)
    return parts.scheme


def _build_url_error(url: str) -> UsageError:
    shown = re.sub(r"://[^/@]*@", "://", make_plain(url))
    return UsageError(
        f'"{shown}" is not the URL of a repository that can be fetched.',
        hint="https, ssh (also git@HOST:PATH) and file are spoken; http only on this machine.",
    )


class Transport:
    """Git, run in one folder for one repository elsewhere."""

    def __init__(
        self, folder: Path, address: Address, patience: Patience, token: Secret | None
    ) -> None:
        self.folder = folder
        self.address = address
        self._patience = patience
        self._token = token

    def run(self, *arguments: str, given: bytes = b"", settings: Sequence[str] = ()) -> Done:
        """The outcome of a command that speaks with the repository elsewhere, whatever it is.

        Raises RemoteTimeout, RemoteStopped, and GitError where git cannot be run.
        """
        remote = (f"remote.{REMOTE}.url={self.address.url}",)
        environment = {"GIT_ALLOW_PROTOCOL": self.address.protocol, **self._build_token_variables()}
        return self._run(
            (*_SETTINGS, *remote, *settings), arguments, environment, given, network=True
        )

    def run_here(
        self,
        *arguments: str,
        given: bytes = b"",
        environment: Mapping[str, str] | None = None,
        settings: Sequence[str] = (),
    ) -> Done:
        """The outcome of a command that works in the folder and reaches nobody."""
        variables = {"GIT_ALLOW_PROTOCOL": "", **(environment or {})}
        return self._run((*_SETTINGS, *settings), arguments, variables, given, network=False)

    def list_secrets(self) -> list[str]:
        """The texts that no error may show."""
        if not self._token:
            return []
        return [self._token.reveal(), encode_token(self._token)]

    def _run(
        self,
        settings: Sequence[str],
        arguments: Sequence[str],
        variables: Mapping[str, str],
        given: bytes,
        *,
        network: bool,
    ) -> Done:
        told = [part for setting in settings for part in ("-c", setting)]
        command = [find_program("git"), "--no-pager", "--git-dir=.", *told, *arguments]
        environment = build_environment({**_ENVIRONMENT, **variables}, network=network)
        what = f"git {arguments[0]} of {make_plain(self.address.url)}"
        patience = self._patience
        if arguments[0] in _QUICK:
            patience = replace(patience, timeout_s=min(patience.timeout_s, _QUICK_S))
        try:
            return run_process(command, self.folder, environment, patience, given)
        except OutOfTime:
            late = f"{what} has not ended in {patience.timeout_s:.0f} s."
            raise RemoteTimeout(late, hint="It is tried again.") from None
        except AskedToStop:
            raise RemoteStopped(f"{what} was stopped.", hint="It is begun anew later.") from None

    def _build_token_variables(self) -> dict[str, str]:
        """The token as a header of requests to this URL; in no file, argument or URL.

        With it no helper is asked: one credential, or none.
        """
        if not self._token or self.address.protocol not in ("https", "http"):
            return {}
        header = f"Authorization: Basic {encode_token(self._token)}"
        settings = {
            f"http.{self.address.url}.extraHeader": header,
            "credential.helper": "",
        }
        variables = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            variables[f"GIT_CONFIG_KEY_{number}"] = key
            variables[f"GIT_CONFIG_VALUE_{number}"] = value
        return variables


def encode_token(token: Secret) -> str:
    """The token as the password of any user: what GitHub, GitLab and Gitea take alike."""
    return base64.b64encode(f"x-access-token:{token.reveal()}".encode()).decode()


def check_answer(done: Done, what: str) -> bytes:
    """What a command in our own folder says. Raises GitError with what it complains of."""
    if done.code != 0:
        said = make_plain(done.complaints.strip().partition("\n")[0].removeprefix("fatal: "))
        raise GitError(f"{what}: {said.rstrip('.') or f'ended with code {done.code}'}.")
    return done.out


def check_commit(name: str) -> None:
    """Raises UsageError for what is not the whole id of a commit."""
    if not _COMMIT.fullmatch(name):
        raise UsageError(f'"{make_plain(name)}" is not the whole id of a commit.')


def check_ref(name: str) -> None:
    """Raises UsageError for what is not the whole name of a ref; `*` may stand in it."""
    if not _REF.fullmatch(name):
        raise UsageError(
            f'"{make_plain(name)}" is not the name of a ref.', hint="Say refs/heads/NAME."
        )


def check_refspec(refspec: str) -> None:
    """Raises UsageError for what is neither REF-OR-COMMIT nor REF-OR-COMMIT:REF."""
    source, colon, here = refspec.removeprefix("+").partition(":")
    if not _COMMIT.fullmatch(source):
        check_ref(source)
    if colon:
        check_ref(here)

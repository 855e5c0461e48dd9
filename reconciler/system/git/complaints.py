"""What git complains of when it speaks with a repository elsewhere, and which error that is. Pure.

Whether trying again can help is the error's class: `RemoteUnreachable` may be over by itself, for
`RemoteRefused` a person has to act. What nobody knows is taken for the former: asking again costs
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.errors import (
    BranchProtected,
    GitError,
    PushRejected,
    RefMissing,
    RemoteRefused,
    RemoteUnreachable,
)
from reconciler.formats.names import make_plain

_MOST_WORDS = 300  # characters of what git said
_LATER = "It is tried again."


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)


# In the order in which they are asked: what is certain comes before what follows from it.
_FULL = _any_of("No space left on device", "Disk quota exceeded")
_MISSING = _any_of(
    "couldn't find remote ref", "not our ref", "unadvertised object", "no such remote ref"
)
_BUSY = _any_of(
    r"returned error: (?:5\d\d|429|408)", "early EOF", "unexpected disconnect", "RPC failed",
    "Could not resolve", "Failed to connect", "Couldn't connect", "Operation too slow",
    "Connection (?:refused|reset|timed)", "timed? out", "Recv failure", "Empty reply",
    "Network is unreachable", "No route to host", "Temporary failure", "transfer closed",
    "unexpected eof", "bad band", "kex_exchange_identification",
)  # fmt: skip
_CERTIFICATE = _any_of("certificate", "SSL peer", "CAfile")
_KEY_OF_HOST = _any_of("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED")
_NOT_FOR_US = _any_of(
    "Authentication failed", "could not read (?:Username|Password)", "returned error: 40[13]",
    "Permission denied", "access denied", "not authorized", "unauthorized",
)  # fmt: skip
_MOVED = _any_of(r"returned error: 30\d", "update_url_from_redirect")
_NOT_THERE = _any_of(
    "returned error: (?:404|410)", "repository .* not found", "Repository not found",
    "does not appear to be a git repository", "not a git repository", "does not exist",
    "not valid: is this a git repository", "invalid server response", "no matching",
)  # fmt: skip
_FOREIGN = _any_of("dubious ownership", "safe\\.directory")
_FORBIDDEN = _any_of("transport '.*' not allowed", "protocol '.*' is not (?:supported|allowed)")
_REFUSALS = (
    (_CERTIFICATE, "The certificate of the host is not trusted: http.sslCAInfo in the git"
     " configuration of the controller's user names the right authority."),
    (_KEY_OF_HOST, "Put the host's key into known_hosts of the controller's user."),
    (_NOT_FOR_US, "Give the controller a token, or a key or credential helper that may read (and"
     " for the lock file, write) this repository."),
    (_MOVED, "The host sends elsewhere, and that is not followed: write the URL as the host gives"
     " it for cloning."),
    (_FOREIGN, "The folder belongs to somebody else: `git config --global --add safe.directory DIR`"
     " trusts it."),
    (_NOT_THERE, "Check the URL; many hosts say the same where a token is missing."),
    (_FORBIDDEN, "Repositories are reached by https, ssh or, on this machine, file."),
)  # fmt: skip
# Of our own folder, never of what the host says (its lines begin with "remote:").
_DAMAGED = _any_of(
    r"^(?:error|fatal): .*(?:is corrupt|is empty|bad object|bad shallow|shallow file|broken|bad ref"
    r"|cannot be accessed|does not match index|non-monotonic|inflate|unable to read tree"
    r"|too small to be an index|wrong index|did not send all necessary|invalid object"
    r"|missing (?:blob|tree|commit)|unable to (?:parse|map|unpack|open object)|bad config"
    r"|could not (?:parse|read) |not a valid object|unresolvable reference|cannot read pack"
    r"|packfile|pack has|from promisor remote)",
)
_OTHER_FORMAT = _any_of("mismatched algorithms", "hash algorithm")
_IN_THE_WAY = _any_of(
    "cannot lock ref", "some local refs could not be updated", "cannot update ref"
)

_LOST_RACE = _any_of(
    r"\[rejected\]", "stale info", "fetch first", "non-fast-forward",
    r"remote rejected\].*(?:cannot lock|failed to update|already exists)",
)  # fmt: skip
_PROTECTED = _any_of("protected branch", "hook declined", "GH006", "GH013", r"\[remote rejected\]")


def is_damage(said: str) -> bool:
    """Whether it is our own folder that is not whole."""
    own = _drop_remote_lines(said)
    certain = (_FULL, _MISSING, _BUSY, _CERTIFICATE, _KEY_OF_HOST, _NOT_FOR_US, _MOVED, _NOT_THERE)
    return bool(_DAMAGED.search(own)) and not any(pattern.search(own) for pattern in certain)


def is_other_format(said: str) -> bool:
    """Whether the repository elsewhere names its objects by another algorithm than ours."""
    return bool(_OTHER_FORMAT.search(said))


def is_in_the_way(said: str) -> bool:
    """Whether a ref of ours cannot be written since one of another name is there (`a`, `a/b`)."""
    return bool(_IN_THE_WAY.search(_drop_remote_lines(said)))


def is_full(said: str) -> bool:
    """Whether the disk is full."""
    return bool(_FULL.search(_drop_remote_lines(said)))


def build_remote_error(url: str, what: str, said: str, secrets: Iterable[str]) -> GitError:
    """The error that a complaint is. `what` we did: "fetch"; `secrets` are cut from its words."""
    words = f"git {what} of {make_plain(url)}: {summarize(said, secrets)}."
    if _MISSING.search(said):
        return RefMissing(words, hint="Check the name of the branch, tag or commit.")
    if _BUSY.search(said):
        return RemoteUnreachable(words, hint=_LATER)
    for pattern, hint in _REFUSALS:
        if pattern.search(said):
            return RemoteRefused(words, hint=hint)
    return RemoteUnreachable(words, hint=_LATER)


def build_push_error(url: str, said: str, secrets: Iterable[str]) -> GitError:
    """The error that a complaint about a push is."""
    words = f"git push to {make_plain(url)}: {summarize(said, secrets)}."
    if _LOST_RACE.search(said):
        return PushRejected(words, hint="The branch has moved: fetch it, and build on it anew.")
    if _PROTECTED.search(said):
        hint = "Allow the controller to push to this branch, or let it open a pull request."
        return BranchProtected(words, hint=hint)
    return build_remote_error(url, "push", said, secrets)


def summarize(said: str, secrets: Iterable[str] = ()) -> str:
    """The lines of a complaint that matter, plain, without secrets, and not long."""
    for secret in secrets:
        said = said.replace(secret, "…") if secret else said
    said = re.sub(r"://[^/\s@]*@", "://", said)
    lines = [line.strip() for line in said.replace("\r", "\n").split("\n") if line.strip()]
    own = [line for line in lines if line.startswith(("fatal: ", "error: ", "!"))]
    theirs = [line for line in lines if line.startswith("remote: ")]
    before = lines[: lines.index(own[0])] if own else lines  # ssh complains before git does
    ssh = [line for line in before if line not in theirs]
    chosen = [*ssh[-1:], *own[:2], *theirs[:2]]
    short = "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in chosen)
    return make_plain(short)[:_MOST_WORDS].rstrip(". ") or "it ended without a word"


def _drop_remote_lines(said: str) -> str:
    return "\n".join(line for line in said.split("\n") if not line.startswith("remote:"))

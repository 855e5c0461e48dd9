"""Where a repository is, as people write it, and what may not stand there.

What passes here is handed to git as an argument: nothing of it can be taken for an option, names a
program, or carries a password.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from reconciler.formats.hosts import is_loopback
from reconciler.formats.names import is_plain

_SCP = re.compile(r"[A-Za-z0-9_.][\w.-]*@[A-Za-z0-9][\w.-]*:[^-].*")  # git@host:path
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_USER = re.compile(r"[A-Za-z0-9_.][\w.-]*")
_BAD_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
# beginnings of what providers and services hand out as secrets
_TOKEN = re.compile(
    r"\b(gh[pousr]_|github_pat_|glpat-|gldt-|glrt-|glptt-|xox[abeprs]-|sk-)[\w-]{8,}"
    r"|hooks\.slack\.com/\w+/\S+|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY"
)


def looks_like_token(text: str) -> bool:
    """Whether a secret seems to stand in `text`, by how those of known services begin."""
    return _TOKEN.search(text) is not None


def show_address(text: str) -> str:
    """A URL for people: without what may be a password."""
    head, at, tail = text.rpartition("@")
    if at and ("://" in head or ":" in head):
        text = f"{head.partition('://')[0]}://…@{tail}" if "://" in head else f"…@{tail}"
    return re.sub(r"[?#].*", "?…", text, flags=re.DOTALL)


def explain_bad_url(url: str) -> str:
    """What is wrong with the URL of a repository, as the end of a sentence; empty when nothing
    is.
    """
    if not is_plain(url) or " " in url or "\\" in url:
        return "it has blanks, control characters or a backslash"
    if url.startswith("-"):
        return "it begins with - and could be taken for an option"
    if "::" in url.partition("//")[0]:
        return "it names a helper of git, and a helper is a program"
    if "://" not in url:
        return _explain_bad_short_form(url)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "it is no URL"
    if parts.query or parts.fragment:
        return "a query or a fragment has no place in it"
    if parts.scheme == "file":
        return _explain_bad_file_url(parts)
    return _explain_bad_server(parts)


def _explain_bad_short_form(url: str) -> str:
    if _SCP.fullmatch(url):
        return ""
    if url.startswith("/"):
        return f"a repository of this machine is written file://{url}"
    return "it is neither a URL nor git@HOST:PATH"


def _explain_bad_file_url(parts: SplitResult) -> str:
    if parts.netloc:
        return f"a path follows file:// at once: file:///{parts.netloc}{parts.path}"
    absolute = parts.path.startswith("/") and ".." not in parts.path.split("/")
    return "" if absolute and len(parts.path) > 1 else "it names no absolute path"


def _explain_bad_server(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if parts.scheme not in ("https", "ssh", "http"):
        return f"git is not let speak {parts.scheme}"
    if not _HOST.fullmatch(host):
        return "it has no host that is a name or an address"
    if parts.password is not None or (parts.scheme != "ssh" and parts.username is not None):
        return "a user or a password has no place in it: name the token's variable in tokenFrom"
    if parts.username is not None and not _USER.fullmatch(parts.username):
        return "its user could be taken for an option"
    if parts.scheme == "http" and not is_loopback(host):
        return "what is rendered must not travel unprotected: use https (http only on this machine)"
    return "" if parts.path.strip("/") else "it names a host and no repository"


def explain_bad_ref(ref: str) -> str:
    """What is wrong with the name of a branch or a ref, by the rules of git; empty when nothing
    is.
    """
    if ref.startswith("-"):
        return "it begins with - and could be taken for an option"
    if not is_plain(ref) or _BAD_IN_REF.search(ref):
        return "git allows no blanks, control characters, .., @{ nor any of ~ ^ : ? * [ \\ in a ref"
    parts = ref.split("/")
    if any(part.startswith(".") or part.endswith((".", ".lock")) for part in parts):
        return "git allows no part of a ref to begin or end with a dot, nor to end in .lock"
    return "" if all(parts) and ref != "@" else "it is not the name of a branch or a ref"


def explain_bad_path(path: str) -> str:
    """What is wrong with the path of a project in its repository; empty when nothing is."""
    if not is_plain(path) or "\\" in path:
        return "it has control characters or a backslash: write / between folders"
    if path.startswith("-"):
        return "it begins with - and could be taken for an option"
    if path.startswith(("/", "~")):
        return "it must be relative to the root of the repository"
    if ".." in path.split("/"):
        return "it must not climb: .. has no place in it"
    if any(part.casefold() == ".git" for part in path.split("/")):
        return "nothing is read out of .git/"
    return ""


def tidy_path(path: str) -> str:
    """A path in a repository in its one spelling: `films` for `./films/`, `.` for the root."""
    return "/".join(part for part in path.split("/") if part not in ("", ".")) or "."


def explain_bad_api_url(url: str) -> str:
    """What is wrong with the root of a provider's API; empty when nothing is."""
    if not is_plain(url) or not url.isascii() or " " in url or "\\" in url:
        return "it has blanks, control characters or letters beyond ASCII"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "it is no URL"
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not _HOST.fullmatch(host):
        return "it is no https URL"
    if parts.username is not None or parts.query or parts.fragment:
        return "a user, a query or a fragment has no place in it"
    if parts.scheme == "http" and not is_loopback(host):
        return "a token must not travel unprotected: use https (http only on this machine)"
    return ""


def explain_bad_local_path(path: str) -> str:
    """What is wrong with the text of a path of this machine; empty when nothing is."""
    if not is_plain(path):
        return "it has control characters or marks that reorder text"
    if "://" in path:
        return "it is a URL; legal is a path of this machine"
    if path.startswith("~"):
        return "write the path out: who runs the controller decides what ~ is"
    return "" if path else "it is empty"

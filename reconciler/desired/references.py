"""What a media URL of a manifest names, and what its identity is. Pure.

One of: a remote URL, a path relative to the manifest, a data URI, a temporary upload (oss://),
another edit (edit://NAME), or a part of its video (edit://NAME#last-frame, edit://NAME#audio).
"""

from __future__ import annotations

import posixpath
import re
from typing import Literal
from urllib.parse import urlsplit

from reconciler.desired.datauri import BadDataUri, is_data_uri, parse_data_uri
from reconciler.formats.digest import hash_bytes
from reconciler.formats.fragments import parse_fragment
from reconciler.formats.signed_urls import Signatures
from reconciler.formats.values import value

Kind = Literal["remote", "local", "data", "oss", "edit"]

# A link as nearly all are: it has a host, and nothing in it that would be refused.
_PLAIN_LINK = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/[!-~]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class BadReference(ValueError):
    """The text names no usable medium; the message says why and what is legal."""


@value(frozen=True, slots=True)
class Reference:
    """A parsed media URL; `value` is the URL, the path in the project, or the edit's name.
    `fragment` says which frame of that edit's video is meant, or its sound; empty: the video.
    """

    kind: Kind
    value: str
    fragment: str = ""

    @property
    def source(self) -> str:
        """What tells these bytes of an edit from others of it: NAME, NAME#last-frame."""
        return f"{self.value}#{self.fragment}" if self.fragment else self.value

    @property
    def is_link(self) -> bool:
        """Whether it names something elsewhere, by an address that stands for it in the key."""
        return self.kind in ("remote", "oss")

    def identity(self, signatures: Signatures) -> str | None:
        """What stands for it in the key; None for what has to be looked at first (a file, another
        edit).
        """
        if self.kind == "remote":
            return signatures.remove_signature(self.value)
        if self.kind == "oss":
            return self.value
        if self.kind == "data":
            return f"sha256:{hash_bytes(parse_data_uri(self.value).content)}"
        return None


def parse_reference(url: str, manifest: str) -> Reference:
    """What `url` names in the manifest at path `manifest` of the project. Raises BadReference."""
    if _PLAIN_LINK.fullmatch(url):
        return Reference("remote", url)
    if is_data_uri(url):
        try:
            parse_data_uri(url)
        except BadDataUri as error:
            raise BadReference(str(error)) from None
        return Reference("data", url)
    if _CONTROL.search(url) or url != url.strip():
        raise BadReference("it has control characters or blanks around it")
    lower = url[:8].lower()
    if lower.startswith(("http://", "https://")):
        if not _find_host(url):
            raise BadReference("the URL has no host")
        return Reference("remote", url)
    if lower.startswith("oss://"):
        return Reference("oss", url)
    if lower.startswith("edit://"):
        whole, mark, fragment = url[7:].partition("#")
        name = whole.rstrip("/")
        if not name:
            raise BadReference("edit:// needs the name of an edit")
        return Reference("edit", name, _parse_fragment(fragment) if mark else "")
    if lower.startswith("file:"):
        raise BadReference("write a path relative to the manifest, without file://")
    if _SCHEME.match(url):
        raise BadReference(
            "legal are http(s)://, a path relative to the manifest, data:image/…;base64,…, oss://"
            " and edit://NAME"
        )
    return Reference("local", _resolve_path(url, manifest))


def _parse_fragment(text: str) -> str:
    try:
        return parse_fragment(text)
    except ValueError as error:
        raise BadReference(str(error)) from None


def _find_host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError as error:  # `http://[`, or letters that Unicode turns into a slash
        raise BadReference("the host of the URL cannot be read") from error


def _resolve_path(path: str, manifest: str) -> str:
    if path.startswith(("/", "~")):
        raise BadReference("absolute paths are not allowed; write it relative to the manifest")
    if "\\" in path:
        raise BadReference("write / between folders, on every system")
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(manifest), path))
    if joined == ".." or joined.startswith("../"):
        raise BadReference("the path leaves the project; only files inside it are uploaded")
    return joined


def show_url(url: str) -> str:
    """`url` as it may be printed: no query string (it may hold a signature), no long Base64, no
    control characters.
    """
    if is_data_uri(url):
        text = f"{url[:32]}…" if len(url) > 32 else url
    else:
        head, mark, _ = url.partition("?")
        scheme, slashes, rest = head.partition("://")
        host, slash, path = rest.partition("/")
        # no user name, no password
        head = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if slashes else head
        text = f"{head}?…" if mark else head
    return "".join(c if c.isprintable() else "\ufffd" for c in text)

"""Who may look at the page, and who may change something through it. Pure.

On this machine, whoever has the token of this start, under a name of this machine. From elsewhere
only people with a token of a file, or those whom a reverse proxy names. What changes something has
to come from the page itself, or from a program that brings its token in a header.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from reconciler.formats.hosts import is_loopback
from reconciler.formats.names import make_plain
from reconciler.formats.secret import Secret

_SAFE_METHODS = ("GET", "HEAD")
_MOST_NAME = 200  # characters of a person's name


@dataclass(frozen=True, slots=True)
class Knock:
    """What of a request decides whether it is let in. The names of `headers` are in small letters;
    `cookies` are those of the request, `token` is what stands in its address.
    """

    method: str
    peer: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str] = field(default_factory=dict)
    token: str = ""

    @property
    def host(self) -> str:
        """The name by which it was called, with its port."""
        return self.headers.get("host", "").lower()

    @property
    def bearer(self) -> str:
        """The token in its header, empty where it brings none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


class NotAdmitted(Exception):
    """A request that is not let in. `code` says it to programs, `hint` what to do next."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


class PageGate(Protocol):
    """Decides who is let in."""

    cookie: str  # the name of the cookie that carries a token; empty: there is none

    def admit(self, knock: Knock) -> str:
        """Who it is, in words for the books. Raises NotAdmitted."""


class TokenGate:
    """Lets in who brings one of the tokens, in a header, in the cookie, or once in the address.

    `people` are their owners, with the token of each. With `ports` given, it answers only to the
    names of this machine at one of them: a name that its owner has pointed here gets nothing.
    """

    def __init__(
        self, people: Sequence[tuple[str, Secret]], cookie: str, ports: Sequence[int] = ()
    ) -> None:
        self._people = people
        self._ports = frozenset(ports)
        self.cookie = cookie

    def admit(self, knock: Knock) -> str:
        if self._ports and not self._is_own_name(knock):
            raise NotAdmitted(
                "foreign_host",
                "This page is not known by that name.",
                "Open the address that was printed at the start.",
            )
        name = self._find_owner(knock.bearer)
        if name is None:
            _refuse_other_sites(knock)
            name = self._find_owner(knock.cookies.get(self.cookie, ""))
            if name is None and knock.method in _SAFE_METHODS:
                name = self._find_owner(knock.token)
            if name is not None:
                _require_own_origin(knock)
        elif "origin" in knock.headers:
            _require_own_origin(knock)
        if name is None:
            raise NotAdmitted(
                "no_token",
                "This page is only for people with its token.",
                "Open the whole address with `?token=…`, as it was printed or given to you.",
            )
        return name

    def find_cookie_token(self, knock: Knock) -> str | None:
        """The token in the address that is to be kept in the cookie; None where there is none."""
        return knock.token if self._find_owner(knock.token) is not None else None

    def _find_owner(self, token: str) -> str | None:
        given, owner = token.encode(errors="replace"), None
        for name, secret in self._people:  # each is compared, so that time tells nothing
            if hmac.compare_digest(given, secret.reveal().encode()):
                owner = name
        return owner

    def _is_own_name(self, knock: Knock) -> bool:
        name, port = _split_host(knock.host)
        return is_loopback(name) and (port or 80) in self._ports


class ProxyGate:
    """Lets in whom a reverse proxy at one address names in a header; nobody else."""

    cookie = ""

    def __init__(self, address: str, header: str) -> None:
        self._address, self._header = address, header.lower()

    def admit(self, knock: Knock) -> str:
        if knock.peer != self._address:
            raise NotAdmitted(
                "not_the_proxy",
                "This page is reached through its proxy only.",
                "Open the address of the proxy.",
            )
        name = make_plain(knock.headers.get(self._header, "").strip())[:_MOST_NAME]
        if not name:
            raise NotAdmitted(
                "nobody_named",
                f"The proxy names nobody in the header {self._header}.",
                "Sign in at the proxy; it has to set this header on every request.",
            )
        _refuse_other_sites(knock)
        _require_own_origin(knock)
        return name


def _refuse_other_sites(knock: Knock) -> None:
    """Nothing for the page of another site, but for a link that somebody follows."""
    site = knock.headers.get("sec-fetch-site", "none")
    followed = (
        knock.method in _SAFE_METHODS
        and knock.headers.get("sec-fetch-mode") == "navigate"
        and knock.headers.get("sec-fetch-dest") == "document"
    )
    if site not in ("none", "same-origin") and not followed:
        raise _refuse_site()


def _require_own_origin(knock: Knock) -> None:
    """What changes something says where it comes from, and that is the page itself."""
    origin = knock.headers.get("origin")
    if origin is None and knock.method in _SAFE_METHODS:
        return
    try:
        parts = urlsplit(origin or "")
        own = parts.scheme in ("http", "https") and parts.netloc.lower() == knock.host
    except ValueError:
        own = False
    if not own:
        raise _refuse_site()


def _refuse_site() -> NotAdmitted:
    return NotAdmitted(
        "foreign_site",
        "Another site has asked for this.",
        "Use the page itself; a program brings its token as `Authorization: Bearer …`.",
    )


def _split_host(host: str) -> tuple[str, int | None]:
    """Name and port of a Host; no name where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None

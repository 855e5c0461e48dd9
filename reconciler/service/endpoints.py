"""Where requests go: the bundled server, a region of the vendor, or a URL; and which realm that is.

Whether an address costs money is decided here, by `find_realm`, and nowhere else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from reconciler.errors import Fault, InvalidInput, Place, UsageError
from reconciler.formats.hosts import is_loopback
from reconciler.formats.names import suggest_name
from reconciler.formats.values import value
from reconciler.system import shipped

Realm = Literal["live", "mock"]
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:.]*:[0-9a-f:.]*")
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*")


@value(frozen=True, slots=True)
class Endpoint:
    """Where requests go. `base_url` is empty for the bundled server until it runs."""

    name: str  # mock, singapore, beijing, or the URL
    base_url: str
    realm: Realm
    region: str | None  # of those whose models are known; None: another, or nobody's
    loopback: bool
    vendor: bool = False  # whether the host is one of the vendor's; its videos are paid for

    @property
    def bundled(self) -> bool:
        """Whether this program starts the server itself."""
        return self.name == "mock"


def find_endpoint(name: str, spec: Mapping[str, Any], where: str, place: Place | None) -> Endpoint:
    """Turns `mock`, a region or a URL into an Endpoint; `place` is where the project file says so.

    Raises InvalidInput for the project file, UsageError for an option or a variable.
    """
    regions = shipped.read_service()["regions"]
    if name == "mock":
        return Endpoint("mock", "", "mock", None, True)
    if name in regions:
        region = regions[name]
        workspace = spec.get("workspace", "")
        url = region["workspace_base_url"] if workspace else region["base_url"]
        return Endpoint(name, url.format(workspace=workspace), "live", name, False, True)
    try:
        return _url_endpoint(name, spec)
    except ValueError as error:
        legal = f"legal are mock, {', '.join(regions)}, or a URL such as https://HOST/api/v1"
        # a password is nobody's business
        shown = name if "@" not in name else "…@" + name.rpartition("@")[2]
        near = suggest_name(name, ["mock", *regions])
        message = f'{where} is "{shown}": {error}; {legal}.{near}'
        if place is None:
            raise UsageError(message) from None
        raise InvalidInput([Fault(place, message)], files=1) from None


def _url_endpoint(text: str, spec: Mapping[str, Any]) -> Endpoint:
    parts, host = _understood(text)
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise ValueError("a key must not travel unencrypted; use https (http only on loopback)")
    port = "" if parts.port is None else f":{parts.port}"
    base_url = f"{parts.scheme}://{_netloc(host)}{port}{parts.path.rstrip('/') or '/api/v1'}"
    vendor = is_vendor(host)
    region = find_region(host) if vendor else None
    return Endpoint(base_url, base_url, find_realm(text, spec), region, loopback, vendor)


def find_realm(url: str, spec: Mapping[str, Any]) -> Realm:
    """Whether what is rendered at `url` is paid for: the one answer to "is it money?".

    It is, unless the host is this very machine, or the project file calls it a mock. `realm` of the
    project file speaks of the origin (scheme, host, port) of its own `endpoint` and of no other,
    whoever names that origin. A host of the vendor is live whatever anybody says. Raises ValueError
    for a URL that cannot be an endpoint.
    """
    understood = _understood(url)
    host = understood[1]
    if is_vendor(host):
        return "live"
    own = spec.get("endpoint", "mock")
    if "realm" in spec and "://" in own and _origin(_understood(own)) == _origin(understood):
        return "live" if spec["realm"] == "live" else "mock"
    return "mock" if is_loopback(host) else "live"


def _understood(text: str) -> tuple[SplitResult, str]:
    """The parts of a URL and its host, in one spelling. Raises ValueError in words."""
    if "://" not in text:
        raise ValueError("it is no known name and no URL")
    if not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("it has blanks, control characters or a backslash")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not an http(s) URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a user name, a query or a fragment has no place in it")
    _ = parts.port  # raises ValueError for a port that is no number
    host = parts.hostname.lower().removesuffix(".")
    if not host.isascii():
        raise ValueError("its host has letters beyond ASCII; write it in its ASCII form (xn--…)")
    if not _HOST.fullmatch(host):
        raise ValueError("its host is no name and no address")
    if ":" in host or _NUMERIC.fullmatch(host):
        try:
            host = str(ipaddress.ip_address(host))
        except ValueError:
            raise ValueError(
                "its host is no address as people write it; for this machine write 127.0.0.1"
            ) from None
    return parts, "127.0.0.1" if host == "localhost" else host


def _origin(url: tuple[SplitResult, str]) -> tuple[str, str, int]:
    """Scheme, host and port of a URL, the port that is usual for its scheme filled in."""
    parts, host = url
    usual = {"http": 80, "https": 443}[parts.scheme]
    return parts.scheme, host, usual if parts.port is None else parts.port


def _netloc(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_vendor(host: str) -> bool:
    """Whether `host` lies under a domain of the vendor."""
    host = host.lower().removesuffix(".")
    domains = shipped.read_service()["vendor_domains"]
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def find_region(host: str) -> str | None:
    """The region whose models are known and whose hosts include `host`; None for any other."""
    for name, region in shipped.read_service()["regions"].items():
        suffix = urlsplit(region["workspace_base_url"]).netloc.partition("}")[2]
        if host == urlsplit(region["base_url"]).netloc or host.endswith(suffix):
            return str(name)
    return None

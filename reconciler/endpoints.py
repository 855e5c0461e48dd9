"""Where requests go: the bundled server, a region of the vendor, or a URL; and which realm that is."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from reconciler import shipped
from reconciler.errors import Fault, InvalidInput, Place, UsageError

Realm = Literal["live", "mock"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go. `base_url` is empty for the bundled server until it runs."""

    name: str  # mock, singapore, beijing, or the URL
    base_url: str
    realm: Realm
    region: str | None
    loopback: bool

    @property
    def bundled(self) -> bool:
        """Whether this program starts the server itself."""
        return self.name == "mock"


def endpoint_of(name: str, spec: Mapping[str, Any], where: str, place: Place | None) -> Endpoint:
    """Turns `mock`, a region or a URL into an Endpoint; `place` is where the project file says so.

    Raises InvalidInput for the project file, UsageError for an option or a variable.
    """
    regions = shipped.service()["regions"]
    if name == "mock":
        return Endpoint("mock", "", "mock", None, True)
    if name in regions:
        region = regions[name]
        workspace = spec.get("workspace", "")
        template = region.get("workspace_base_url") if workspace else None
        return Endpoint(
            name,
            template.format(workspace=workspace) if template else region["base_url"],
            "live",
            name,
            False,
        )
    try:
        return _url_endpoint(name, spec, own=place is not None)
    except ValueError as error:
        legal = f"legal are mock, {', '.join(regions)}, or a URL such as https://HOST/api/v1"
        # a password is nobody's business
        shown = name if "@" not in name else "…@" + name.rpartition("@")[2]
        message = f'{where} is "{shown}": {error}; {legal}.'
        if place is None:
            raise UsageError(message) from None
        raise InvalidInput([Fault(place, message)], files=1) from None


def _url_endpoint(text: str, spec: Mapping[str, Any], *, own: bool) -> Endpoint:
    if "://" not in text:
        raise ValueError("it is no known name and no URL")
    parts = urlsplit(text)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("it is not an http(s) URL")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("a user name, a query or a fragment has no place in it")
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise ValueError("a key must not travel unencrypted; use https (http only on loopback)")
    _ = parts.port  # raises ValueError for a port that is no number
    netloc = (
        parts.netloc.lower().replace("localhost", "127.0.0.1", 1)
        if host == "localhost"
        else parts.netloc.lower()
    )
    base_url = f"{parts.scheme}://{netloc}{parts.path.rstrip('/') or '/api/v1'}"
    region = vendor_of(text)
    realm: Realm = "live" if region else spec.get("realm", "mock") if own else "mock"
    return Endpoint(base_url, base_url, realm, region, loopback)


def vendor_of(url: str) -> str | None:
    """The region whose hosts `url` names; None for anybody else's host."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return None
    for name, region in shipped.service()["regions"].items():
        hosts = [
            urlsplit(region[each]).netloc
            for each in ("base_url", "workspace_base_url")
            if each in region
        ]
        if any(
            host == each or ("{workspace}" in each and host.endswith(each.partition("}")[2]))
            for each in hosts
        ):
            return str(name)
    return None


def is_loopback(host: str) -> bool:
    """Whether `host` is this very machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""Which way requests leave this machine, and whose certificates are believed: what the usual
variables say, as values. Pure; config.py reads the variables.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY as curl and others read them; the small spelling of
a name wins. What cannot be read is left out, with a warning that names the variable and never
shows a password.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import field, replace
from urllib.parse import unquote, urlsplit

from reconciler.formats.untrusted import make_plain_line
from reconciler.formats.values import value

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressBlock = ipaddress.IPv4Network | ipaddress.IPv6Network

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PORTS = {
    "http": 80,
    "https": 443,
    "socks5": 1080,
    "socks5h": 1080,
    "socks4": 1080,
    "socks4a": 1080,
}
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")


@value(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it. It may want neither `user` nor `password`."""

    variable: str
    scheme: str  # http, https, socks5, socks5h, socks4 or socks4a
    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def socks(self) -> bool:
        return self.scheme.startswith("socks")

    @property
    def address(self) -> str:
        """Where it is, without its password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@value(frozen=True, slots=True)
class Exempt:
    """An entry of NO_PROXY. One of `name` and `block` is set; neither stands for every host."""

    name: str = ""
    itself: bool = True  # whether the name alone counts too, not only what is below it
    block: AddressBlock | None = None
    port: int | None = None
    scheme: str = ""

    def covers(self, scheme: str, host: str, address: Address | None, port: int) -> bool:
        """Whether requests to that host go straight there."""
        if self.port not in (None, port) or self.scheme not in ("", scheme):
            return False
        if self.block is not None:
            return address is not None and address in self.block
        if not self.name:
            return True
        return (self.itself and host == self.name) or host.endswith(f".{self.name}")


@value(frozen=True, slots=True)
class Routes:
    """Proxies by the scheme of the request (`all`: any), what goes straight, and certificates."""

    proxies: Mapping[str, Proxy] = field(default_factory=dict)
    exempt: tuple[Exempt, ...] = ()
    cert_file: str = ""
    cert_dir: str = ""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Routes:
        """What the variables of a process say."""
        warnings: list[str] = []
        proxies = {}
        for scheme in ("https", "http", "all"):
            variable, value = _variable(env, f"{scheme}_proxy")
            if value and not (variable == "HTTP_PROXY" and "REQUEST_METHOD" in env):
                proxy = _proxy(variable, value)
                if proxy is None:
                    warnings.append(
                        f"warning: {variable} is left out: it cannot be read as a proxy; legal is"
                        " http://HOST:PORT, also with https, socks5 or socks5h"
                    )
                else:
                    proxies[scheme] = proxy
        variable, value = _variable(env, "no_proxy")
        exempt = []
        for entry in re.split(r"[,\s]+", value):
            read = _exempt(entry) if entry else None
            if read is not None:
                exempt.append(read)
            elif entry:
                warnings.append(
                    f'warning: "{make_plain_line(entry.rpartition("@")[2])}" of {variable} is '
                    "left out: it"
                    " cannot be read; legal are host names, addresses and blocks such as"
                    " 10.0.0.0/8 or fd00::/8"
                )
        return cls(
            proxies,
            tuple(exempt),
            cert_file=env.get("SSL_CERT_FILE", "").strip(),
            cert_dir=env.get("SSL_CERT_DIR", "").strip(),
            warnings=tuple(warnings),
        )

    def straight(self) -> Routes:
        """The same without proxies: for a service on this machine."""
        return replace(self, proxies={}, warnings=())

    def proxy(self, scheme: str, host: str, port: int | None) -> Proxy | None:
        """The proxy for a request; None where it goes straight."""
        named = self.proxies.get(scheme) or self.proxies.get("all")
        if named is None:
            return None
        host = host.lower().rstrip(".")
        address, port = _address(host), port or _PORTS.get(scheme, 0)
        if any(exemption.covers(scheme, host, address, port) for exemption in self.exempt):
            return None
        return named


def _variable(env: Mapping[str, str], name: str) -> tuple[str, str]:
    """The name of a variable as it is spelled in `env`, and its value."""
    spelled = name if name in env else name.upper()
    return spelled, env.get(spelled, "").strip()


def _proxy(variable: str, value: str) -> Proxy | None:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
        # what desktops and tunnels write for a proxy that speaks SOCKS 5
        scheme = "socks5" if scheme == "socks" else scheme
        port = _PORTS[scheme] if parts.port is None else parts.port
    except (ValueError, KeyError):
        return None
    if scheme not in _PORTS or port == 0 or (_address(host) is None and not _NAME.fullmatch(host)):
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(variable, scheme, host, port, user, password)


def _exempt(entry: str) -> Exempt | None:
    entry = entry.lower()
    if entry == "*":
        return Exempt()
    scheme, _, rest = entry.rpartition("://")
    if re.search(r"[#?@\\]", rest):
        return None
    bare = re.sub(r"^\[([^\[\]]*)\](/\d+)?$", r"\1\2", rest)
    if "/" in rest or _address(bare) is not None:
        block = _block(bare)
        return None if block is None else Exempt(block=block, scheme=scheme)
    try:
        port = urlsplit(f"//{rest}").port
        host = urlsplit(f"//{rest}").hostname or ""
    except ValueError:
        return None
    if (block := _block(host)) is not None:
        return Exempt(block=block, port=port, scheme=scheme)
    below = host.startswith((".", "*."))
    name = host.removeprefix("*").removeprefix(".").rstrip(".")
    if not _NAME.fullmatch(name):
        return None
    return Exempt(name, not below, port=port, scheme=scheme)


def _block(text: str) -> AddressBlock | None:
    """A block of addresses, or one address as a block."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None

"""The service that a recorder passes requests on to: one address, asked once for each request.

Nothing is sent a second time and no redirect is followed, so the key reaches that address only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDict
from yarl import URL

from mockserver.catalogue import Doc
from mockserver.errors import ServerError
from mockserver.http.index import API

CONNECT_TIMEOUT_S = 30.0
LARGEST_ANSWER = 64 << 20  # bytes
_CHUNK_BYTES = 256 << 10
# What belongs to one connection, what aiohttp writes itself, and what a service has no use for.
_NOT_PASSED = frozenset(
    {
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
        *("proxy-authenticate", "proxy-authorization", "proxy-connection", "cookie", "set-cookie"),
        *("host", "content-length", "accept-encoding"),
    }
)


class NotSent(Exception):
    """The upstream could not be reached: nothing was sent."""


class NoAnswer(Exception):
    """Something was sent, and no whole answer came: nobody knows what the upstream did."""


@dataclass(frozen=True)
class Reply:
    """What the upstream answered, as it came."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


class Upstream:
    """Passes requests on to the service at `base_url`, such as https://HOST/api/v1.

    Raises ServerError for an address that is none, that holds a name and a password, or over which
    a key would go unprotected, unless `plain_http` says that it may.
    """

    def __init__(self, base_url: str, service: Doc, *, plain_http: bool = False) -> None:
        parts = _split(base_url)
        self.is_loopback = _is_loopback(parts.hostname or "")
        if parts.scheme == "http" and not self.is_loopback and not plain_http:
            raise ServerError(
                f"the key would go to {parts.hostname} unprotected; name an https address, or add"
                " --plain-http if that network is yours"
            )
        path = parts.path.rstrip("/") or API
        self.host = parts.hostname or ""
        self.base_url = f"{parts.scheme}://{parts.netloc}{path}"
        self.region = _find_region(self.host, service["regions"])
        self._scheme = parts.scheme
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Be ready to send."""
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            # A connection of its own for each request: one that was closed meanwhile would make
            # aiohttp send again.
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            skip_auto_headers=(hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.CONTENT_TYPE),
        )

    async def close(self) -> None:
        """Send nothing any more."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def accepts_uploads_at(self, url: object) -> bool:
        """Whether an upload may be passed on to an address that the service has named."""
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
            return bool(parts.hostname) and parts.scheme in {"https", self._scheme}
        except ValueError:
            return False

    async def ask(self, method: str, rest: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Pass a request on; `rest` is the path below the API's root, with the query.

        Raises NotSent or NoAnswer.
        """
        passed = pass_headers(headers)
        return await self._send(method, f"{self.base_url}{rest}", passed, body or None)

    async def upload(
        self, url: str, headers: Mapping[str, str], chunks: AsyncIterator[bytes]
    ) -> Reply:
        """Pass an upload form on, without a key. Raises NotSent or NoAnswer."""
        names = (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH)
        passed = CIMultiDict((name, headers[name]) for name in names if name in headers)
        return await self._send("POST", url, passed, chunks)

    async def _send(self, method: str, url: str, headers: CIMultiDict[str], data: Any) -> Reply:
        assert self._session is not None, "open it first"
        headers[hdrs.ACCEPT_ENCODING] = "identity"
        try:
            async with self._session.request(
                method, URL(url, encoded=True), headers=headers, data=data, allow_redirects=False
            ) as response:
                body = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    body += chunk
                    if len(body) > LARGEST_ANSWER:
                        raise NoAnswer("its answer is too large")
                return Reply(response.status, pass_headers(response.headers), bytes(body))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(str(error) or type(error).__name__) from error


def pass_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers that are passed on, in their order."""
    items = ((name, value) for name, value in headers.items() if name.lower() not in _NOT_PASSED)
    return CIMultiDict(items)


def _split(base_url: str) -> SplitResult:
    try:
        parts = urlsplit(base_url)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or parts.query or parts.fragment:
        raise ServerError(
            "the upstream should be a base URL such as https://dashscope.aliyuncs.com/api/v1"
        )
    if parts.username is not None or parts.password is not None:
        raise ServerError(
            "the upstream should hold no name and no password: clients send the key themselves"
        )
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _find_region(host: str, regions: Doc) -> str | None:
    """The region of a host, as the service's figures name them."""
    for name, region in regions.items():
        workspaces = urlsplit(region["workspace_base_url"].replace("{workspace}", "")).netloc
        if host == urlsplit(region["base_url"]).hostname or host.endswith(workspaces):
            return str(name)
    return None

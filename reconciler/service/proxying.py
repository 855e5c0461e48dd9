"""The ways on which requests leave this machine: straight or through a proxy, and whose
certificates are believed. Nothing of the environment is read: both come as Routes.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from reconciler.errors import CutlistError
from reconciler.formats.untrusted import make_plain_line
from reconciler.service.routes import Proxy, Routes


class RoutedTransport(httpx.AsyncBaseTransport):
    """For each request the connections that Routes says: straight, or through a proxy."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._transports: dict[tuple[str, Proxy | None], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        way = (url.scheme, self._routes.proxy(url.scheme, url.host, url.port))
        if way not in self._transports:
            self._transports[way] = _build_transport(self._routes, *way)
        return await self._transports[way].handle_async_request(request)

    async def aclose(self) -> None:
        for transport in self._transports.values():
            await transport.aclose()


def check_route(routes: Routes, url: str) -> None:
    """Raises CutlistError when requests to `url` cannot leave the way they are told to: before
    anything is sent.
    """
    try:
        host = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise CutlistError(f"the endpoint {make_plain_line(url)} is no URL: {error}") from None
    _build_transport(routes, host.scheme, routes.proxy(host.scheme, host.host, host.port))


def _build_transport(routes: Routes, scheme: str, proxy: Proxy | None) -> httpx.AsyncHTTPTransport:
    encrypted = scheme == "https" or (proxy is not None and proxy.scheme == "https")
    # without encryption nothing is ever checked with it, and it is slow to make
    context = _load_certificates(routes) if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=20)
    return httpx.AsyncHTTPTransport(
        verify=context,
        trust_env=False,
        limits=limits,
        proxy=None if proxy is None else _build_proxy(proxy, context),
    )


def _build_proxy(proxy: Proxy, context: ssl.SSLContext) -> httpx.Proxy:
    if proxy.scheme not in ("http", "https", "socks5", "socks5h"):
        raise CutlistError(
            f"{proxy.variable} names {proxy.address}; SOCKS 4 is not spoken here.",
            hint="Name a proxy with http, https or socks5 instead. Nothing was sent.",
        )
    if proxy.socks and not list_socks_errors():
        raise CutlistError(
            f"{proxy.variable} names {proxy.address}, and SOCKS needs a package that is not"
            " installed.",
            hint=(
                "Install it (pip install 'cutlist[socks]'), name a proxy with http in HTTPS_PROXY,"
                " or unset the variable. Nothing was sent."
            ),
        )
    return httpx.Proxy(
        proxy.address,
        auth=(proxy.user, proxy.password) if proxy.user or proxy.password else None,
        ssl_context=context if proxy.scheme == "https" else None,
    )


def _load_certificates(routes: Routes) -> ssl.SSLContext:
    """Whose signatures are believed: those of SSL_CERT_FILE or SSL_CERT_DIR, or the usual ones."""
    if not routes.cert_file and not routes.cert_dir:
        return httpx.create_ssl_context(trust_env=False)
    variable, name = (
        ("SSL_CERT_FILE", routes.cert_file)
        if routes.cert_file
        else ("SSL_CERT_DIR", routes.cert_dir)
    )
    path, folder = Path(name), variable == "SSL_CERT_DIR"
    kind = "folder" if folder else "file"
    if not (path.is_dir() if folder else path.is_file()):
        raise _describe_bad_certificates(variable, name, f"no {kind} is there")
    try:
        return ssl.create_default_context(
            cafile=None if folder else name, capath=name if folder else None
        )
    except (ssl.SSLError, ValueError) as error:
        raise _describe_bad_certificates(variable, name, "it holds no certificates") from error
    except OSError as error:
        raise _describe_bad_certificates(
            variable, name, f"it cannot be read ({error.strerror})"
        ) from error


def _describe_bad_certificates(variable: str, name: str, why: str) -> CutlistError:
    return CutlistError(
        f"{variable} names {make_plain_line(name, 300)} for certificates, and"
        f" {make_plain_line(why)}.",
        hint=f"Correct {variable}, or unset it: the usual certificates are used then. Nothing was"
        " sent.",
    )


def list_socks_errors() -> tuple[type[Exception], ...]:
    """The errors of the package that speaks SOCKS; none where it is not installed."""
    try:
        from socksio import SOCKSError
    except ImportError:
        return ()
    return (SOCKSError,)

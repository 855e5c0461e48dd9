"""Proxies, exceptions and certificates, as the usual variables name them."""

from __future__ import annotations

import pytest

from reconciler.service.routes import Routes

P = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("env", "address", "variable"),
    [
        ({"HTTPS_PROXY": P}, P, "HTTPS_PROXY"),
        ({"https_proxy": P, "HTTPS_PROXY": "http://other:1"}, P, "https_proxy"),
        (
            {"https_proxy": "", "HTTPS_PROXY": P, "ALL_PROXY": "http://b:2"},
            "http://b:2",
            "ALL_PROXY",
        ),
        ({"HTTPS_PROXY": "proxy.example:3128"}, P, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://proxy.example"}, "http://proxy.example:80", "HTTPS_PROXY"),
        ({"ALL_PROXY": "socks://127.0.0.1:7890/"}, "socks5://127.0.0.1:7890", "ALL_PROXY"),
        ({"ALL_PROXY": "socks5h://[::1]"}, "socks5h://[::1]:1080", "ALL_PROXY"),
        ({"ALL_PROXY": "socks5://a:1", "HTTPS_PROXY": P}, P, "HTTPS_PROXY"),
        ({"HTTP_PROXY": P}, None, None),
        ({}, None, None),
    ],
)
def test_which_proxy(env: dict[str, str], address: str | None, variable: str | None) -> None:
    """The variable of the scheme, then the one for all; the small spelling wins."""
    routes = Routes.of(env)
    proxy = routes.proxy("https", "api.example", None)
    found = (proxy.address, proxy.variable) if proxy else (None, None)
    assert (found, routes.warnings) == ((address, variable), ())


def test_a_web_server_does_not_choose_the_proxy() -> None:
    """In a CGI process HTTP_PROXY is a header of whoever asked."""
    env = {"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}
    assert Routes.of(env).proxy("http", "api.example", None) is None


@pytest.mark.parametrize(
    ("entries", "straight", "proxied"),
    [
        ("example.com", ["example.com", "a.example.com", "EXAMPLE.com."], ["wexample.com"]),
        (".example.com", ["a.example.com"], ["example.com"]),
        ("*.example.com", ["a.b.example.com"], ["example.com"]),
        ("localhost,10.0.0.0/8", ["10.1.2.3", "localhost"], ["11.0.0.1", "ten.example"]),
        ("fd00::/8", ["fd12::1"], ["fe80::1", "10.0.0.1"]),
        ("[fd00::]/8 ::1", ["fd12::1", "::1", "[::1]"], ["::2"]),
        ("192.168.1.1", ["192.168.1.1"], ["192.168.1.10"]),
        ("a.example:8443", [], ["a.example"]),
        ("a.example:443,[::1]:443", ["a.example", "::1"], ["b.example"]),
        ("https://a.example", ["a.example"], ["b.example"]),
        ("http://a.example", [], ["a.example"]),
        ("*", ["anything.example", "10.0.0.1"], []),
        ("", [], ["a.example"]),
    ],
)
def test_what_goes_straight(entries: str, straight: list[str], proxied: list[str]) -> None:
    """Names, addresses, blocks of both kinds, ports and schemes."""
    routes = Routes.of({"HTTPS_PROXY": P, "no_proxy": entries})
    assert routes.warnings == ()
    assert [host for host in straight if routes.proxy("https", host, None)] == []
    assert [host for host in proxied if not routes.proxy("https", host, None)] == []


@pytest.mark.parametrize(
    "value",
    [
        "http://[::1",
        "http://:80",
        "ftp://a:1",
        "http://a:99999",
        "http://a:x",
        "http://a b",
        "://",
        "http://user:pa#s3cret@a:1",
        "http://user:s3cret@ä:1",
    ],
)
def test_a_proxy_that_cannot_be_read_is_left_out(value: str) -> None:
    """The warning names the variable, and shows no password; the others still count."""
    routes = Routes.of({"https_proxy": value, "ALL_PROXY": P})
    (warning,) = routes.warnings
    assert warning.startswith("warning: https_proxy is left out")
    assert "s3cret" not in warning
    proxy = routes.proxy("https", "a.example", None)
    assert proxy is not None
    assert proxy.address == P


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/99", "fd00::/200", "a/b", "[::1", "a:99999", "ä.example"]
)
def test_an_exception_that_cannot_be_read_is_left_out(entry: str) -> None:
    """The warning names the variable and the entry; the other entries still count."""
    routes = Routes.of({"HTTPS_PROXY": P, "NO_PROXY": f"b.example,{entry}"})
    (warning,) = routes.warnings
    assert warning.startswith(f'warning: "{entry}" of NO_PROXY is left out')
    assert routes.proxy("https", "b.example", None) is None
    assert routes.proxy("https", "c.example", None) is not None


def test_a_password_is_in_no_text() -> None:
    """User and password go to the proxy, and into no repr."""
    proxy = Routes.of({"HTTPS_PROXY": "http://ann:s3%40cret@proxy.example:3128"}).proxies["https"]
    assert (proxy.user, proxy.password) == ("ann", "s3@cret")
    assert "s3" not in repr(proxy) + proxy.address
    assert "ann" not in repr(proxy) + proxy.address

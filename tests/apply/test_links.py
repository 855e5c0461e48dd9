"""Where an answer may lead."""

from __future__ import annotations

import pytest

from reconciler.errors import HostRefused
from reconciler.service.links import Hosts

LIVE = Hosts(("*.vendor.example", "cdn.example"), "result", loopback=False)
LOCAL = Hosts(("*.vendor.example",), "result", loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.vendor.example/x.mp4?Signature=s%2F",
        "https://a.b.vendor.example:8443/",
        "https://CDN.example/视频.mp4",
        "HTTPS://cdn.example",
    ],
)
def test_links_that_are_followed(url: str) -> None:
    """Encrypted, to a host that is expected."""
    LIVE.check(url)


def test_a_service_on_this_machine_names_this_machine() -> None:
    """http on loopback, for a service that is itself there, and for no other."""
    for url in ("http://127.0.0.1:8000/a", "http://[::1]:8000/a", "http://localhost/a"):
        LOCAL.check(url)
        with pytest.raises(HostRefused):
            LIVE.check(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://a.vendor.example/x", "not an allowed host"),
        ("https://evil.example/x", "not an allowed host"),
        ("https://vendor.example.evil.example/", "not an allowed host"),
        ("ftp://a.vendor.example/", "not an allowed host"),
        ("https://a.vendor.example:99999/", "no legal port"),
        ("https://a.vendor.example:0/", "no legal port"),
        ("https://a.vendor.example:x/", "no legal port"),
        ("https://ann:s3cret@a.vendor.example/", "holds a user name"),
        ("https://@a.vendor.example/", "holds a user name"),
        ("https://evil.example\\@a.vendor.example/", "characters that no link has"),
        ("https://a.vendor.example/a b", "characters that no link has"),
        ("https://a.vendor.example/\r\nX: y", "characters that no link has"),
        ("https://a.vendor.example/\u202e", "characters that no link has"),
        ("https://ä.vendor.example/", "no legal name of a host"),
        ("https://a..\uff0evendor.example/", "no URL|no legal name of a host"),
        ("https://-.vendor.example/", "no legal name of a host"),
        ("https://[::1/", "no URL"),
        ("https:///x", "no legal name of a host"),
        ("x", "no legal name of a host"),
        ("https://a.vendor.example/" + "a" * 9000, "longer than"),
    ],
)
def test_links_that_are_refused(url: str, words: str) -> None:
    """Each with its reason, and no secret of it."""
    with pytest.raises(HostRefused, match=words) as refused:
        LIVE.check(url)
    assert "s3cret" not in str(refused.value)

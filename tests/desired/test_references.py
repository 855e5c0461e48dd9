"""What a media URL names."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.datauri import DataUri, parse_data_uri
from reconciler.desired.references import (
    BadReference,
    Reference,
    parse_reference,
    show_url,
)
from tests.making import SIGNATURES

HERE = "specs/films/spring.yaml"


@pytest.mark.parametrize(
    ("url", "kind", "value"),
    [
        ("./clips/a.mp4", "local", "specs/films/clips/a.mp4"),
        ("a.mp4", "local", "specs/films/a.mp4"),
        ("../a.mp4", "local", "specs/a.mp4"),
        ("../../a.mp4", "local", "a.mp4"),
        ("./a//b/../c.mp4", "local", "specs/films/a/c.mp4"),
        ("caf\u00e9 1.mp4", "local", "specs/films/caf\u00e9 1.mp4"),
        ("https://example.com/a.mp4?b=c", "remote", "https://example.com/a.mp4?b=c"),
        ("HTTP://example.com", "remote", "HTTP://example.com"),
        ("oss://bucket/a.mp4", "oss", "oss://bucket/a.mp4"),
        ("edit://first-shot", "edit", "first-shot"),
        ("edit://first-shot/", "edit", "first-shot"),
        ("data:image/png;base64,aGF0", "data", "data:image/png;base64,aGF0"),
        ("DATA:IMAGE/PNG;BASE64,aGF0", "data", "DATA:IMAGE/PNG;BASE64,aGF0"),
    ],
)
def test_kinds(url: str, kind: str, value: str) -> None:
    """Each way to write a medium is understood; a path is meant relative to its manifest."""
    found = parse_reference(url, HERE)
    assert (found.kind, found.value) == (kind, value)


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("last-frame", "last-frame"),
        ("first-frame", "first-frame"),
        ("frame=2.5s", "frame=2.5s"),
        ("frame=02.500s", "frame=2.5s"),
        ("frame=3.0s", "frame=3s"),
        ("audio", "audio"),
    ],
)
def test_a_part_of_an_edit(text: str, fragment: str) -> None:
    """A fragment says which frame is meant, in one spelling, or the sound."""
    assert parse_reference(f"edit://a#{text}", HERE) == Reference("edit", "a", fragment)


@pytest.mark.parametrize(
    "text", ["", "last", "frame=2", "frame=2m", "frame=-1s", "frame=1.2345s", "sound", "Audio"]
)
def test_what_is_no_part(text: str) -> None:
    """Any other fragment is refused, with those that are legal."""
    with pytest.raises(BadReference, match="legal are #first-frame"):
        parse_reference(f"edit://a#{text}", HERE)


@pytest.mark.parametrize(
    "url",
    [
        "/etc/passwd",
        "~/a.mp4",
        "../../../a.mp4",
        "a\\b.mp4",
        "C:\\a.mp4",
        "C:/a.mp4",
        "file:///a.mp4",
        "ftp://a/b",
        "javascript:1",
        "https://",
        "https:///a.mp4",
        "http://[",
        "edit://",
        "data:image/png",
        "data:,aGF0",
        "data:;base64,aGF0",
        "data:image/png;base65,aGF0",
        "data:image/png;;base64,aGF0",
        "data:image/png;base64;charset=utf-8,aGF0!",
        "data:image/png,\u00e9",
        "data:image/png,%zz",
        "data:image/png;a=\u202eb;base64,aGF0",
        "data:video/mp4;base64,aGF0",
        "a\nb.mp4",
        "a.mp4 ",
        "\x7f",
        "data:image/png;base64,aGF",
    ],
)
def test_refused(url: str) -> None:
    """What would leave the project, or mean nothing to the service, is refused in words."""
    with pytest.raises(BadReference) as told:
        parse_reference(url, HERE)
    assert str(told.value)


@given(st.text(max_size=40))
def test_never_leaves_the_project(url: str) -> None:
    """Whatever is written, a local reference is a relative path without a step upwards, or it is
    refused.
    """
    try:
        found = parse_reference(url, HERE)
    except BadReference:
        return
    if found.kind == "local":
        parts = found.value.split("/")
        assert not found.value.startswith("/")
        assert ".." not in parts
        assert "\\" not in found.value


MIMES = [
    ("image/jpeg", "jpeg"),
    ("image/jpg", "jpeg"),
    ("image/png", "png"),
    ("image/webp", "webp"),
    ("image/bmp", "bmp"),
]


def spellings(raw: bytes, mime: str) -> list[str]:
    """The same bytes as data URIs in ways that RFC 2397 allows, or that YAML makes of them."""
    text = base64.b64encode(raw).decode()
    folded = "\n  ".join(text[at : at + 7] for at in range(0, len(text), 7))
    escaped = text.replace("+", "%2B").replace("/", "%2f").replace("=", "%3D")
    return [
        f"data:{mime};base64,{text}",
        f"DATA:{mime.upper()};BASE64,{text}",
        f"data:{mime};charset=utf-8;name=a%20b.png;base64,{text}",
        f"data:{mime};base64,\n  {folded}\n",
        f"data:{mime};base64,{escaped}",
        f"data:{mime};base64,{'%0D%0A'.join([text[:4], text[4:]])}",
        f"data:{mime},{''.join(f'%{byte:02x}' for byte in raw)}",
        f"Data:{mime};a=b,{quote_from_bytes(raw)}",
    ]


@given(st.binary(max_size=50), st.sampled_from(MIMES))
def test_data_uri(raw: bytes, mime: tuple[str, str]) -> None:
    """However a data URI is spelled, it is its bytes, has their identity, and is sent in
    one way.
    """
    sent = f"data:image/{mime[1]};base64,{base64.b64encode(raw).decode()}"
    for uri in spellings(raw, mime[0]):
        assert parse_data_uri(uri) == DataUri(mime[1], raw), uri
        assert parse_data_uri(uri).text == sent
        assert parse_reference(uri, HERE).kind == "data"
        assert (
            parse_reference(uri, HERE).identity(SIGNATURES) == f"sha256:{sha256(raw).hexdigest()}"
        )


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("data:image/gif;base64,aGF0", "legal are image/jpeg, image/jpg, image/png"),
        ("data:;base64,aGF0", "without a type is no image format"),
        ("data:image/png;base64", "put it in quotes"),
        ("data:image/png;base64,aGF", "the Base64 of the data URI is broken"),
        ("data:image/png;base64,aGF_", "broken"),
        ("data:image/png,\u00e9", "must be written as %XX"),
    ],
)
def test_bad_data_uri(uri: str, said: str) -> None:
    """What is no data URI of a picture is told with what is legal."""
    with pytest.raises(BadReference, match=re.escape(said)):
        parse_reference(uri, HERE)


def test_unknown_until_looked_at() -> None:
    """A file and another edit have no identity from their text alone; an upload is its own."""
    assert [
        parse_reference(each, HERE).identity(SIGNATURES)
        for each in ("a.mp4", "edit://a", "oss://b/c")
    ] == [
        None,
        None,
        "oss://b/c",
    ]


@given(st.text("abc/?&=%:@#.2", max_size=30))
def test_identity_is_stable(rest: str) -> None:
    """The identity of an identity is itself: nothing is taken away twice."""
    once = SIGNATURES.remove_signature(f"https://example.com/{rest}")
    assert SIGNATURES.remove_signature(once) == once


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://example.com/a?Signature=secret", "https://example.com/a?…"),
        ("https://example.com/a", "https://example.com/a"),
        ("data:image/png;base64," + "A" * 100, "data:image/png;base64,AAAAAAAAAA…"),
        ("data:,", "data:,"),
        ("a\x1b[31m\u202eb", "a\ufffd[31m\ufffdb"),
    ],
)
def test_shown(url: str, text: str) -> None:
    """What is printed holds no signature, no flood of letters and nothing that moves the cursor."""
    assert show_url(url) == text

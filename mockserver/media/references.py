"""The media that a request names: which they are, and what is written in those given inline."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from mockserver.catalogue import Doc, Variant
from mockserver.digest import compute_sha256, encode_canonical

_URL_NAMES = ("url", "urls")  # how the names of fields end that hold references


class MediaReference(NamedTuple):
    """A medium named in a request: its role, the name of its limits, and the text as given."""

    role: str
    limits: str
    url: str


def list_references(variant: Variant, inputs: Doc) -> Iterator[MediaReference]:
    """Every media reference of an `input`, as the model file marks them (x-media).

    The fields of the input must have been checked before.
    """
    if variant.media_anywhere is not None:
        yield from _list_anywhere(variant.media_anywhere, inputs, named=False)
        return
    for name, field in variant.media_fields:
        value = inputs.get(name)
        if value is None:
            continue
        if "x-media" in field:
            yield MediaReference(name, field["x-media"], value)
        elif "x-media" in field["items"]:
            most = field.get("maxItems", len(value))  # of more, the first ones are used
            limits = field["items"]["x-media"]
            yield from (MediaReference(name, limits, url) for url in value[:most])
        else:
            for item in value:
                yield MediaReference(item["type"], item["type"], item["url"])
                for part, schema in field["items"]["properties"].items():
                    if "x-media" in schema and item.get(part) is not None:
                        yield MediaReference(part, schema["x-media"], item[part])


def _list_anywhere(limits: str, value: Any, *, named: bool) -> Iterator[MediaReference]:
    """Every text in a value that stands below a name of URLs; `named` is whether it does already.

    All of them play the part `video`: what they are is not known.
    """
    if isinstance(value, dict):
        for name, item in value.items():
            is_name = name.lower().endswith(_URL_NAMES)
            yield from _list_anywhere(limits, item, named=is_name)
    elif isinstance(value, list):
        for item in value:
            yield from _list_anywhere(limits, item, named=named)
    elif named and isinstance(value, str):
        yield MediaReference("video", limits, value)


def compute_job_sha256(request: Doc, request_sha256: str, digests: dict[str, str]) -> str:
    """Digest of a request in which media stand as the digests of their bytes.

    `digests` holds them by the text that was given; the others stand as they are.
    """
    if not digests:
        return request_sha256

    def replace_media(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replace_media(item) for key, item in value.items()}
        if isinstance(value, list):
            return [replace_media(item) for item in value]
        return digests.get(value, value) if isinstance(value, str) else value

    inputs = replace_media(request.get("input"))
    return compute_sha256(encode_canonical({**request, "input": inputs}))


def read_data_uri(url: str) -> tuple[str, bytes]:
    """The MIME type of a data URI in small letters, and its bytes; no bytes if it is unreadable.

    RFC 2397: case does not matter, parameters may stand before `base64`, the data may be
    percent-encoded, and line ends in Base64 count for nothing. Whether the service takes all of it
    is not documented (assumption).
    """
    head, comma, text = url[5:].partition(",")
    mime, *parameters = [part.strip().lower() for part in head.split(";")]
    try:
        data = unquote_to_bytes(text.encode("ascii"))
        if parameters and parameters[-1] == "base64":
            data = base64.b64decode(b"".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return mime, b""
    return mime, data if comma else b""


def is_http(url: str) -> bool:
    """Whether a text is a URL that can be fetched by http(s)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)

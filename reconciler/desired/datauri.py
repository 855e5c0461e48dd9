"""Parses pictures inside a manifest: data URIs (RFC 2397) in every legal spelling. Pure.

The service is sent one spelling, `data:image/png;base64,…`, since it documents no other.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from reconciler.formats.values import value

FORMATS = {
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",  # not registered, and written by many
    "image/png": "png",
    "image/bmp": "bmp",
    "image/webp": "webp",
}
_SCHEME = "data:"
_BLANKS = re.compile(r"[ \t\r\n]+")
_PARAMETER = re.compile(r"[!-<>-~]+=[!-~]*")
_PERCENT = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})*")


class BadDataUri(ValueError):
    """The text is no data URI of a picture; the message says why and what is legal."""


@value(frozen=True, slots=True)
class DataUri:
    """A picture in a URI: the format that it claims, and its bytes."""

    format: str  # jpeg, png, bmp or webp
    content: bytes

    @property
    def text(self) -> str:
        """The one spelling that is sent."""
        return f"data:image/{self.format};base64,{base64.b64encode(self.content).decode()}"


def is_data_uri(url: str) -> bool:
    """Whether a URL is a data URI."""
    return url[: len(_SCHEME)].lower() == _SCHEME


def parse_data_uri(uri: str) -> DataUri:
    """The picture in a data URI. Raises BadDataUri.

    Case does not matter before the comma; parameters say nothing; blanks and line ends between
    the characters of the data are left out, as are those around the whole.
    """
    head, comma, data = uri.partition(",")
    mime, *parameters = [_BLANKS.sub("", part) for part in head[len(_SCHEME) :].split(";")]
    is_base64 = bool(parameters) and parameters[-1].lower() == "base64"
    others = parameters[:-1] if is_base64 else parameters
    if not comma or not all(_PARAMETER.fullmatch(parameter) for parameter in others):
        quotes = (
            "" if comma else "; put it in quotes, since between braces YAML ends it at the comma"
        )
        raise BadDataUri(
            f"a data URI must read data:image/png;base64,… (also jpeg, bmp, webp){quotes}"
        )
    if mime.lower() not in FORMATS:
        raise BadDataUri(
            f"{mime or 'a data URI without a type'} is no image format of the service; legal are"
            f" {', '.join(FORMATS)}"
        )
    data = _BLANKS.sub("", data)
    if not _PERCENT.fullmatch(data):
        raise BadDataUri("the data URI has characters that must be written as %XX")
    return DataUri(FORMATS[mime.lower()], _decode_content(data, is_base64=is_base64))


def _decode_content(data: str, *, is_base64: bool) -> bytes:
    plain = unquote_to_bytes(data) if "%" in data else data.encode("ascii")
    if not is_base64:
        return plain
    try:
        return base64.b64decode(b"".join(plain.split()), validate=True)
    except binascii.Error as error:
        raise BadDataUri(f"the Base64 of the data URI is broken ({error})") from None

"""The last look at a line before it is written: does it still hold a key or a signature?

It is looked for in many spellings, since a program may echo what it was given in any of them.
"""

from __future__ import annotations

import base64
import codecs
import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote

from mockserver.recording.redaction import LEAST_SECRET, REMOVED, Rules

WINDOW = 12  # characters of a long key that are too many to be told
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_PARAMETER = re.compile(r"(?<=[?&])([\w.-]{1,60})=([^&#\s\"'<>;\\]*)")
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")


def find_leak(text: str, keys: Iterable[str], removed: Iterable[str], rules: Rules) -> str | None:
    """What a line still holds that nobody may see, in words that do not tell it; None if nothing.

    `keys` are those that were sent, and `removed` what was taken out of this and other lines.
    """
    views = list(dict.fromkeys(_list_views(text)))
    whole = "\n".join(views)
    folded = whole.lower()
    for key in keys:
        if len(key) >= LEAST_SECRET and _holds_key(key, whole, folded):
            return "the key that was sent"
    if any(secret in whole for secret in removed):
        return "a signature or an account id"
    for form in rules.document["key_forms"]:
        if any(re.search(form["form"], view) for view in views):
            return f"something that looks like {form['name']}"
    for name, value in _PARAMETER.findall(whole):
        if name.lower() in rules.query_names and value not in ("", REMOVED):
            return f"a signed link (parameter {name})"
    return None


def _list_views(text: str) -> Iterator[str]:
    """A text as it is, and as others may decode it."""
    yield text
    plain = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    for _ in range(3):
        yield plain
        plain = html.unescape(unquote(plain))
    yield plain
    yield from _decode_parts(plain)


def _decode_parts(text: str) -> Iterator[str]:
    """What Base64 and hexadecimal digits in a text say, where they say text."""
    for part in _ENCODED.findall(text):
        stem = part.rstrip("=").replace("-", "+").replace("_", "/")
        for start in range(4):
            cut = stem[start:]
            cut = cut[: len(cut) // 4 * 4 + (len(cut) % 4 if len(cut) % 4 != 1 else 0)]
            data = base64.b64decode(cut + "=" * (-len(cut) % 4))
            yield data.decode("ascii", "ignore")
        if len(part) % 2 == 0 and re.fullmatch(r"[0-9A-Fa-f]+", part):
            yield bytes.fromhex(part).decode("ascii", "ignore")


def _holds_key(key: str, whole: str, folded: str) -> bool:
    """Whether a text holds a key, or a large part of a long one, in one of its spellings."""
    windows = {key}
    if len(key) >= 2 * WINDOW:
        windows |= {key[i : i + WINDOW] for i in range(len(key) - WINDOW + 1)}
    data = key.encode("utf-8", "replace")
    others = {
        key[::-1],
        quote(key, safe=""),
        "".join(f"%{byte:02x}" for byte in data),
        "".join(f"&#{byte};" for byte in data),
        data.hex(),
        " ".join(key),
        codecs.encode(key, "rot13"),
    }
    in_any_case = {text.lower() for text in windows | others}
    exact = {base64.b32encode(data).decode().rstrip("=")}
    return any(text in folded for text in in_any_case) or any(text in whole for text in exact)

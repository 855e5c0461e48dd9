"""Canonical JSON, digests, and identifiers that follow from a seed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson

_ODD = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8: equal values give equal bytes.

    Raises TypeError for what no such text can hold, such as lone surrogates.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def compact(value: Any) -> bytes:
    """JSON without spaces, keys in their order, in UTF-8; a lone surrogate, as from a header,
    becomes a "?".
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return _ODD.encode(value).encode("utf-8", "replace")


def read(data: bytes | str) -> Any:
    """The value of a JSON text as RFC 8259 has it. Raises ValueError, also for NaN, infinities and
    lone surrogates.
    """
    return orjson.loads(data)


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def derived_uuid(seed: int, kind: str, n: int) -> str:
    """The n-th identifier of a kind: the same for the same seed, in the form of a random UUID."""
    text = _drawn(seed, kind, n).hex()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def derived_share(seed: int, kind: str, n: int) -> float:
    """The n-th number of a kind between 0 and 1: the same for the same seed."""
    return int.from_bytes(_drawn(seed, kind, n)[:7], "big") / (1 << 56)


def _drawn(seed: int, kind: str, n: int) -> bytes:
    return hashlib.sha256(f"{seed}:{kind}:{n}".encode()).digest()

"""Canonical JSON, digests, and identifiers that follow from a seed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8: equal values give equal bytes.

    Raises ValueError for what no such text can hold: lone surrogates, infinity and NaN.
    """
    return _CANONICAL.encode(value).encode("utf-8")


def compact(value: Any) -> str:
    """JSON without spaces, keys in their order."""
    return _COMPACT.encode(value)


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def derived_uuid(seed: int, kind: str, n: int) -> str:
    """The n-th identifier of a kind: the same for the same seed, in the form of a random UUID."""
    text = hashlib.sha256(f"{seed}:{kind}:{n}".encode()).hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"

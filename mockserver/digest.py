"""Canonical JSON, digests, and identifiers that follow from a seed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson

# The digit of a UUID that tells its variant, by the digit that chance gave.
_VARIANT = {f"{n:x}": "89ab"[n & 3] for n in range(16)}
_LENIENT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def encode_canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8: equal values give equal bytes.

    Raises TypeError for what no such text can hold, such as lone surrogates.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def encode_compact(value: Any) -> bytes:
    """JSON without spaces, with keys in their order, in UTF-8.

    A lone surrogate, as it may come from a header, becomes a "?".
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return _LENIENT.encode(value).encode("utf-8", "replace")


def load_json(data: bytes | str) -> Any:
    """The value of a JSON text as RFC 8259 has it.

    Raises ValueError for any other text, also for NaN, infinities and lone surrogates.
    """
    return orjson.loads(data)


def compute_sha256(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def derive_uuid(seed: int, kind: str, n: int) -> str:
    """The n-th identifier of a kind, in the form of a random UUID: the same for the same seed."""
    text = _derive_bytes(seed, kind, n).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def derive_share(seed: int, kind: str, n: int) -> float:
    """The n-th number of a kind between 0 and 1: the same for the same seed."""
    return int.from_bytes(_derive_bytes(seed, kind, n)[:7], "big") / (1 << 56)


def _derive_bytes(seed: int, kind: str, n: int) -> bytes:
    return hashlib.sha256(f"{seed}:{kind}:{n}".encode()).digest()

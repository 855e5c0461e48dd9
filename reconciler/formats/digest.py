"""Canonical JSON (RFC 8785) and SHA-256: how things get their identity."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

DIGEST = re.compile(r"[0-9a-f]{64}")  # SHA-256 as text: all of it has to match
_LARGEST = 2**53 - 1  # of the integers that RFC 8785 has
_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, check_circular=False, separators=(",", ":")
).encode


def is_same_json(one: object, other: object) -> bool:
    """Whether two plain values are equal in JSON.

    1 and 1.0 are equal there; 1 and true are not, although they are in Python.
    """
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def hash_bytes(data: bytes) -> str:
    """SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def encode_canonical(value: Any) -> bytes:
    """`value` as RFC 8785 canonical JSON. Raises ValueError for what JSON cannot say (NaN, integers
    past 2^53).
    """
    if _is_plain(value):
        try:
            return _encode(value).encode()
        except UnicodeEncodeError:  # half a surrogate pair, for which the other has words
            pass
    import rfc8785  # lazy: nearly everything is plain

    return rfc8785.dumps(value)


def _is_plain(value: Any) -> bool:
    """Whether the encoder of Python writes `value` as RFC 8785 has it.

    Numbers with a fraction are written otherwise there, and keys are sorted as UTF-16.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is dict:
        for name, part in value.items():
            if type(name) is not str or not name.isascii() or not _is_plain(part):
                return False
        return True
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))
    return kind is int and -_LARGEST <= value <= _LARGEST


def digest_json(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`."""
    return hash_bytes(encode_canonical(value))

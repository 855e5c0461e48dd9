"""Canonical JSON (RFC 8785) and SHA-256: how things get their identity."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


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
    return rfc8785.dumps(value)


def digest_json(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`."""
    return hash_bytes(encode_canonical(value))

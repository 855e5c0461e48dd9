"""Reads amounts of bytes as people write them: `500MiB`, `20GiB`, `1TiB`. Pure."""

from __future__ import annotations

import re

LEGAL = "a number and MiB, GiB or TiB, such as 20GiB"

_SIZE = re.compile(r"(?P<number>[0-9]{1,6}(\.[0-9]{1,3})?)(?P<unit>MiB|GiB|TiB)")
_BYTES = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def parse_size(text: str) -> int:
    """The bytes of an amount. Raises ValueError, whose text says what is legal instead."""
    size = _SIZE.fullmatch(text)
    if size is None:
        raise ValueError(f"legal is {LEGAL}")
    return int(float(size["number"]) * _BYTES[size["unit"]])

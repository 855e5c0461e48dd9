"""Markers of the index: of a result that was stored lately, an empty object whose name says in
short what its record says. Pure.
"""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

from reconciler.formats.digest import encode_canonical
from reconciler.formats.records import parse_json
from reconciler.state.store.records import Row

_LONGEST_NAME = 900  # bytes; services take 1024 with the store's own prefix
_LONGEST_PART = 250  # bytes between two `/`; services that keep files take 255
_ROW = (int, float, int, int, str, str, str, str, bool, str, str, str, bool)


def name_marker(name: str, row: Row, prefix: str) -> tuple[str, str]:
    """(row, packed, as the name tells it, or empty where it would be too long; the whole name) of
    the marker of a result (KEY.DIGEST) below `prefix`.
    """
    facts = _pack_row(row)
    if len(f"{prefix}/index/recent/{name}.{facts}") > _LONGEST_NAME:
        facts = ""
    whole = f"{name}.{facts}"
    parts = (whole[at : at + _LONGEST_PART] for at in range(0, len(whole), _LONGEST_PART))
    return facts, f"index/recent/{'/'.join(parts)}"


def _pack_row(row: Row) -> str:
    return urlsafe_b64encode(zlib.compress(encode_canonical(list(row)), 9)).decode().rstrip("=")


def unpack_row(facts: str) -> Row | None:
    """The row that a marker's name tells; None where it tells none."""
    try:
        raw = urlsafe_b64decode(facts + "=" * (-len(facts) % 4))
        row = parse_json(zlib.decompressobj().decompress(raw, 1 << 16))
    except (ValueError, zlib.error):
        return None
    if not isinstance(row, list) or len(row) != len(_ROW):
        return None
    kinds = zip(row, _ROW, strict=True)
    fits = all(
        type(value) is kind or (kind is float and type(value) is int) for value, kind in kinds
    )
    return tuple(row) if fits else None

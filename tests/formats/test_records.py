"""Our own files, read after somebody damaged them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.formats.records import build_record, parse_json


@dataclass(frozen=True)
class Note:
    """A record with a field of each kind."""

    name: str
    size: int
    length: float
    more: Mapping[str, Any]
    done: bool = False


GOOD: dict[str, Any] = {"name": "a", "size": 1, "length": 2, "more": {"x": [1]}}


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5000], ids=lambda raw: raw[:12]
)
def test_what_is_no_json(raw: bytes) -> None:
    """There is one error for all that cannot be read, however deep it is."""
    with pytest.raises(ValueError):
        parse_json(raw)


def test_a_record() -> None:
    """Fields with a default may be left out; whole numbers are numbers."""
    assert build_record(Note, GOOD) == Note("a", 1, 2, {"x": [1]})
    assert build_record(Note, {**GOOD, "done": True}).done


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "a",
        {},
        {**GOOD, "new": 1},
        {**GOOD, "name": None},
        {**GOOD, "size": 1.5},
        {**GOOD, "size": True},
        {**GOOD, "length": "2"},
        {**GOOD, "more": []},
        {**GOOD, "done": 1},
    ],
)
def test_what_is_no_record(data: Any) -> None:
    """A field that is missing, unknown or of another kind makes the whole record none."""
    with pytest.raises(ValueError):
        build_record(Note, data)

"""Canonical JSON is that of RFC 8785, whichever way it is written."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.formats.digest import digest_json, encode_canonical, hash_bytes

# Beside each other: the last that is one unit of UTF-16, and what takes two and so comes before it.
KEYS = st.text(
    st.sampled_from('ab"\\/\x00\x1f\x7fé\ud7ff\ue000\uffff\U0001f3a5\U0010ffff'), max_size=3
)
TEXTS = st.text(st.characters(categories=("L", "N", "P", "S", "Z", "C")), max_size=8)
NUMBERS = (
    st.integers()
    | st.integers(2**53 - 3, 2**53 + 3)
    | st.integers(-(2**53) - 3, -(2**53) + 3)
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1.0, 1e-7, 1e-6, 1e16, 1e21, 1e22, 5e-324, 123456789.125])
)
VALUES = st.recursive(
    TEXTS | NUMBERS | st.booleans() | st.none(),
    lambda part: (
        st.lists(part, max_size=4)
        | st.tuples(part, part)
        | st.dictionaries(KEYS | TEXTS, part, max_size=4)
    ),
    max_leaves=12,
)


class Word(StrEnum):
    A = "a"


def encode(write: Any, value: Any) -> bytes | str:
    """What is written, or that nothing can be."""
    try:
        return bytes(write(value))
    except ValueError:
        return "no canonical JSON"


@given(VALUES)
@example({"\ue000": 1, "\U0001f3a5": 2})
@example({"b": [], "a": {}, "": ()})
@example(["\ud800"])
@example({"\ud800": 1})
@example({1: 2})
@example([Word.A, True, 2**53 - 1, -(2**53)])
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_it_is_what_the_library_writes(value: Any) -> None:
    """Byte for byte, for floats, large integers and keys of every kind; and what has no canonical
    form is refused.
    """
    assert encode(encode_canonical, value) == encode(rfc8785.dumps, value)


def test_digest() -> None:
    """The digest is that of the bytes; the order of fields does not count."""
    assert digest_json({"b": 1, "a": "é"}) == hash_bytes(b'{"a":"\xc3\xa9","b":1}')
    assert digest_json({"a": "é", "b": 1}) == digest_json({"b": 1, "a": "é"})
    with pytest.raises(ValueError, match="not representable"):
        digest_json([float("nan")])

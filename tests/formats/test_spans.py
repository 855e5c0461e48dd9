"""Spans of time as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.formats.spans import PATTERN, parse_span, parse_span_within


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("10m", 600), ("2h", 7200), ("1d", 86400), ("1.5h", 5400), ("0s", 0)],
)
def test_spans(text: str, seconds: float) -> None:
    """A number and its unit."""
    assert parse_span(text) == seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("60", "write it with its unit, such as 60s"),
        ("", "legal is a number and s, m, h or d"),
        ("1h30m", "legal is a number"),
        ("-1s", "legal is a number"),
        ("１s", "legal is a number"),
        ("1s\n", "legal is a number"),
        ("infs", "legal is a number"),
        ("9999999999s", "legal is a number"),
    ],
)
def test_other_texts(text: str, words: str) -> None:
    """What is meant is said; digits of other scripts and a line break are none of it."""
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_span(text)


def test_bounds_are_legal_themselves() -> None:
    """From the shortest to the longest, both included."""
    assert parse_span_within("1s", "1s", "1d") == 1
    assert parse_span_within("24h", "1s", "1d") == 86400
    for text in ("0.999s", "1441m"):
        with pytest.raises(ValueError, match="legal is 1s to 1d"):
            parse_span_within(text, "1s", "1d")


@given(st.text(alphabet="0123456789.smhd-\n ", max_size=8))
def test_the_schema_takes_what_the_program_takes(text: str) -> None:
    """The pattern for editors and the parser never disagree."""
    fits = re.search(PATTERN.removesuffix("$") + r"\Z", text) is not None
    try:
        parse_span(text)
    except ValueError:
        assert not fits
    else:
        assert fits

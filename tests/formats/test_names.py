"""Names: which ones a file system may take for the same, and which hide something."""

from __future__ import annotations

import fnmatch
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.formats.names import compile_wildcard, fold_path, is_plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A.mp4", "a.mp4"),
        ("caf\u00e9", "cafe\u0301"),
        ("CAF\u00c9", "cafe\u0301"),
        ("stra\u00dfe", "STRASSE"),
        ("\u212b", "\u00e5"),
        ("\u1e9e", "ss"),
    ],
)
def test_taken_for_the_same(one: str, other: str) -> None:
    """Paths that differ in case or Unicode form only are one path."""
    assert fold_path(one) == fold_path(other)


@given(st.text(max_size=10))
def test_folding_twice_is_folding_once(text: str) -> None:
    """Folding is stable, and the same for every Unicode form of a text."""
    assert fold_path(fold_path(text)) == fold_path(text)
    assert fold_path(unicodedata.normalize("NFD", text)) == fold_path(
        unicodedata.normalize("NFC", text)
    )


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\x1bb",
        "\x7f",
        "a\u202eb",
        "a\u2066b",
        "a\u200bb",
        "\ufeffa",
        "a\u2028b",
        "a\ue000b",
        "\ud800",
    ],
)
def test_hidden(text: str) -> None:
    """Control characters, marks that reorder or hide, private and broken characters are seen."""
    assert not is_plain(text)


@pytest.mark.parametrize(
    "text",
    ["renders/a b.mp4", "caf\u00e9", "\u6625\u5929", "\u05d0\u05d1", "\U0001f3ac", "a\u0301"],
)
def test_plain(text: str) -> None:
    """Letters of every script, accents and pictures are fine."""
    assert is_plain(text)


@given(st.text("ab*?\n[.", max_size=8), st.text("ab\n[.", max_size=12))
def test_wildcards_are_those_of_shells(pattern: str, text: str) -> None:
    """`*` and `?` as everywhere, over line ends too; brackets and all else stand for themselves."""
    shell = fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))
    assert bool(compile_wildcard(pattern).fullmatch(text)) is shell

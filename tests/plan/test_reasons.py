"""Old and new values in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.reasons import describe_changes, diff_words


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("Make the cat jump", "Make the dog jump", "Make the [cat→dog] jump"),
        ("Make it", "Make it snow", "Make it[→ snow]"),
        ("Make it snow", "Make it", "Make it[ snow→]"),
        ("a", "b", "[a→b]"),
        ("", "b", "[→b]"),
        ("Make  it\nsnow", "Make  it\nrain", "Make it [snow→rain]"),
    ],
)
def test_word_diff(old: str, new: str, shown: str) -> None:
    """The words that changed stand in brackets, old before new, in one line."""
    assert diff_words(old, new) == shown


@given(st.text("ab \n", max_size=80), st.text("ab \n", max_size=80))
def test_word_diff_is_one_short_line(old: str, new: str) -> None:
    """However long the prompts, one line comes out that fits a screen."""
    shown = diff_words(f"{old} " * 20, f"{new} " * 20)
    assert "\n" not in shown
    assert len(shown) <= 401


def test_a_change_far_into_a_long_prompt() -> None:
    """What changed is shown, not what comes before it."""
    long = "word " * 200
    assert "[cat→dog]" in diff_words(f"{long}cat", f"{long}dog")


def test_a_prompt_without_an_end_is_compared_as_far_as_it_is_shown() -> None:
    """A stranger's prompt of a megabyte takes no longer than one of a page."""
    shown = diff_words("a " * 500_000, "a " * 300_000 + "b a " * 100_000)
    assert "[a→b]" in shown
    assert len(shown) == 400


def test_the_rule_of_keys_itself() -> None:
    """Where nothing of the request changed, it was the rule."""
    job = {"v": 1, "model": "m", "input": {}, "parameters": {}, "take": 1}
    assert describe_changes({**job, "v": 0}, job, {}) == ("the rule of keys changed", ())
    assert describe_changes(job, {**job, "model": "n"}, {}) == ("model changed", ("model: m → n",))


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({"/input/media/0/url": "./girl.mp4"}, "input ./girl.mp4 changed"),
        ({"/input/media/0/url": "input.media[0].url"}, "input.media[0].url changed"),
        ({}, "input.media[0].url changed"),
    ],
)
def test_a_medium_is_named_once(written: dict[str, str], reason: str) -> None:
    """By what the manifest writes; a data URI, and a medium of an old log, by its field."""
    job = {"v": 1, "model": "m", "parameters": {}, "take": 1}
    old, new = ({**job, "input": {"media": [{"url": f"sha256:{c * 64}"}]}} for c in "ab")
    assert describe_changes(old, new, written) == (reason, ())

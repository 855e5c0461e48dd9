"""JSON, ids, numbers and text of strangers: what passes is small, flat, finite and printable."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.formats.untrusted import (
    DEEPEST,
    LONGEST_ID,
    MOST_VALUES,
    Unfit,
    find_task_ids,
    is_task_id,
    make_plain_line,
    quote_service,
    read_json,
    read_whole_number,
)

ID = "0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (b"\xef\xbb\xbf{}", {}),
        (
            b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": 5}',
            {"a": None, "b": None, "c": None, "d": 5},
        ),
        (b'{"a": ' + b"9" * 5000 + b', "b": 1}', {"a": None, "b": 1}),
        (b'{"a\\ud800": ["\\udc00", ["\\ud83d"]]}', {"a\ufffd": ["\ufffd", ["\ufffd"]]}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    ],
)
def test_what_passes(raw: bytes, value: Any) -> None:
    """Sane JSON as it is; a number or half a character that says nothing harms nothing
    beside it.
    """
    assert read_json(raw) == value


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is empty"),
        (b"  ", "is empty"),
        (b"<html>", "is not JSON"),
        (b"{}{}", "is not JSON"),
        ("{}".encode("utf-16"), "is not UTF-8 text"),
        (b'{"a": "\xff"}', "is not UTF-8 text"),
        (b'{"a": 1, "a": 2}', "names a field twice"),
        (b"[" * 100_000 + b"]" * 100_000, f"is nested more than {DEEPEST} levels deep"),
        (b"[" * 900 + b"]" * 900, f"is nested more than {DEEPEST} levels deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, f"is nested more than {DEEPEST} levels deep"),
        (b"[" + b"{}," * MOST_VALUES + b"{}]", f"holds more than {MOST_VALUES:,} values"),
    ],
)
def test_what_does_not_pass(raw: bytes, words: str) -> None:
    """Everything else is refused with its reason, and never by another exception."""
    with pytest.raises(Unfit, match=words):
        read_json(raw)


def test_the_deepest_that_passes() -> None:
    """The limit is exact."""
    assert read_json(b"[" * DEEPEST + b"]" * DEEPEST)
    with pytest.raises(Unfit):
        read_json(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))


@pytest.mark.parametrize("good", [ID, "t-1", "a", "A_b-9", "a" * LONGEST_ID])
def test_ids(good: str) -> None:
    """What can be one segment of a path, and nothing but that."""
    assert is_task_id(good)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        ".",
        "..",
        "-a",
        "a/b",
        "a?b=1",
        "a#b",
        "a b",
        "a\n",
        "a%2fb",
        "ａ",
        "a" * 129,
        7,
        None,
        [ID],
    ],
)
def test_no_ids(bad: Any) -> None:
    """Everything that would change the path, or is no text."""
    assert not is_task_id(bad)


def test_ids_in_what_is_no_json() -> None:
    """Of an answer that broke off the id is still read; what is escaped inside a text is not."""
    assert find_task_ids(b'{"output":{"task_id" : "t-1","x":') == ["t-1"]
    assert find_task_ids(b'"task_id":"a" "task_id":"b" "task_id":"a"') == ["a", "b"]
    assert find_task_ids(b'{"message":"\\"task_id\\":\\"x\\""') == []
    assert find_task_ids(b'"task_id":"' + b"a" * 600) == []


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (5.0, 5),
        (0, 0),
        (11, None),
        (-1, None),
        (True, None),
        ("5", None),
        (1.5, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        (None, None),
        ([], None),
    ],
)
def test_whole_numbers(value: Any, number: int | None) -> None:
    """From 0 to the limit; everything else is None."""
    assert read_whole_number(value, 10) == number


def test_text_for_eyes() -> None:
    """One line, bounded, without what moves a cursor; what is not text is shown as it is
    written.
    """
    assert make_plain_line("a\n b\x1b[2J\u202e") == "a b\ufffd[2J\ufffd"
    assert make_plain_line("x" * 100, 10) == "x" * 9 + "…"
    assert make_plain_line({"a": 1}) == "{'a': 1}"


def test_what_is_quoted_of_an_answer() -> None:
    """No key, no query of a URL; also where the text is enormous, in no time."""
    said = quote_service("at https://h/a.mp4?Signature=s of sk-secret\x07", secret="sk-secret")
    assert said == "at https://h/a.mp4?… of …\ufffd"
    assert len(quote_service("a" * 4_000_000)) == 2000
    assert quote_service(json.loads("5")) == ""

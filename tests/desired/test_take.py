"""Raising `take` in the text of a manifest: what changes, what stays, and when it is left to a
person.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.take import raise_take
from reconciler.errors import CutlistError, UsageError
from reconciler.formats.parsing import parse_documents
from tests.desired import legal
from tests.desired.writing import Style

SPECS = Path(__file__).parents[2] / "specs"
HEAD = "apiVersion: cutlist/v1\nkind: Edit\nmetadata: {name: film}\n"


def after(text: str, index: int = 0) -> str:
    """The text with its take raised."""
    return raise_take(text.encode(), "specs/film.yaml", index).raw.decode()


CASES: dict[str, tuple[str, str]] = {
    "a number": ("spec:\n  take: 1\n  input: {}\n", "spec:\n  take: 2\n  input: {}\n"),
    "below characters that are no breaks": (
        "spec:\n  input: {a: x\u2028y, b: \x85}\n  output: x\u2029y\n",
        "spec:\n  input: {a: x\u2028y, b: \x85}\n  output: x\u2029y\n  take: 2\n",
    ),
    "a number that gets longer": (
        "spec:\n  take: 99   # of many\n",
        "spec:\n  take: 100   # of many\n",
    ),
    "other ways to write it": ("spec: {'take': +4, input: {}}", "spec: {'take': 5, input: {}}"),
    "a whole number with a point": (
        "spec:\n  take: 1.0 # a comment\n",
        "spec:\n  take: 2 # a comment\n",
    ),
    "below the number": (
        "spec:\n  take:\n    3\n  input: {}\n",
        "spec:\n  take:\n    4\n  input: {}\n",
    ),
    "another take is none of ours": (
        "spec:\n  input: {take: 7}\n  parameters: {take: 8}\n",
        "spec:\n  input: {take: 7}\n  parameters: {take: 8}\n  take: 2\n",
    ),
    "below the last line": (
        "spec:\n    input:\n      media:\n      - {type: video}   # the clip\n\n# the end\n",
        (
            "spec:\n    input:\n      media:\n      - {type: video}   # the clip\n    take: 2\n\n#"
            " the end\n"
        ),
    ),
    "without a final newline": ("spec:\n  input: {}", "spec:\n  input: {}\n  take: 2"),
    "with strange line ends": ("spec:\r\n  input: {}\r\n", "spec:\r\n  input: {}\r\n  take: 2\r\n"),
    "with mixed line ends": (
        "spec:\n  input: {}\r\n# x\n",
        "spec:\n  input: {}\r\n  take: 2\r\n# x\n",
    ),
    "below a block of text": (
        "spec:\n  input:\n    prompt: |\n      rain\n\n---\n",
        "spec:\n  input:\n    prompt: |\n      rain\n  take: 2\n\n---\n",
    ),
    "below a block that keeps its blank lines": (
        "spec:\n  input:\n    prompt: |+\n      rain\n\n",
        "spec:\n  input:\n    prompt: |+\n      rain\n\n  take: 2\n",
    ),
    "above a block of text at the very end": (
        "spec:\n  # the request\n  input:\n    prompt: |\n      rain",
        "spec:\n  # the request\n  take: 2\n  input:\n    prompt: |\n      rain",
    ),
    "below text of several lines": (
        "spec:\n  input:\n    prompt: rain\n      and more\n      rain\n",
        "spec:\n  input:\n    prompt: rain\n      and more\n      rain\n  take: 2\n",
    ),
    "in braces": ("spec: {input: {a: 1}}  # all\n", "spec: {input: {a: 1}, take: 2}  # all\n"),
    "in braces with a comma": ("spec: {input: {a: 1},}\n", "spec: {input: {a: 1}, take: 2,}\n"),
    "in braces over lines": (
        "spec: {\n  model: a,\n  input: {a: 1}   # last\n}\n",
        "spec: {\n  model: a,\n  take: 2,\n  input: {a: 1}   # last\n}\n",
    ),
    "in braces over lines, commas first": (
        "spec: { model: a   # one\n      , input: {a: 1}   # two\n      }\n",
        "spec: { model: a   # one\n      , input: {a: 1}, take: 2   # two\n      }\n",
    ),
    "as JSON": (
        'spec: {"model": "a",\n\t"input": {"a": 1}\n}\n',
        'spec: {"model": "a",\n\t"take": 2,\n\t"input": {"a": 1}\n}\n',
    ),
    "quoted keys": ("spec:\n  'input': {}\n", "spec:\n  'input': {}\n  'take': 2\n"),
    "letters of many bytes": (
        "spec: {input: {prompt: 雪と😀, b: é}} # 雪\n",
        "spec: {input: {prompt: 雪と😀, b: é}, take: 2} # 雪\n",
    ),
    "spec comes first": (
        "spec:\n  input: {}\nstatus: {}\n",
        "spec:\n  input: {}\n  take: 2\nstatus: {}\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_changes(case: str) -> None:
    """A number, or one line, or one entry between braces; all else stays byte for byte."""
    before, expected = CASES[case]
    assert after(HEAD + before) == HEAD + expected


def test_a_document_that_is_json() -> None:
    """It stays JSON."""
    text = json.dumps({"metadata": {"name": "film"}, "spec": {"input": {"a": [1]}}}, indent=2)
    assert json.loads(after(text))["spec"] == {"take": 2, "input": {"a": [1]}}
    assert json.loads(after(json.dumps(json.loads(text))))["spec"] == {
        "take": 2,
        "input": {"a": [1]},
    }


def test_a_mark_of_the_byte_order_stays() -> None:
    """Files of some editors begin with one."""
    text = f"\ufeff{HEAD}spec: {{input: {{}}}}\n"
    assert after(text) == text.replace("}}", "}, take: 2}")


@pytest.mark.parametrize("index", [0, 1, 2])
def test_only_one_document_changes(index: int) -> None:
    """Empty documents do not count, as they do not for the loader."""
    parts = [
        f"{HEAD}spec:\n  input: {{}}\n",
        f"{HEAD}spec: {{take: 5}}\n",
        f"{HEAD}spec:\n  take: 1 # one\n",
    ]
    text = "---\n# nothing\n---\n" + "---\n".join(parts)
    expected = [
        parts[0] + "  take: 2\n",
        parts[1].replace("5", "6"),
        parts[2].replace("1 #", "2 #"),
    ]
    parts[index] = expected[index]
    assert after(text, index) == "---\n# nothing\n---\n" + "---\n".join(parts)


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        (
            "take: ${{ matrix.take }}\n  input: {}",
            UsageError,
            "specs/film.yaml:5:9: take is ${{ matrix.take }}",
        ),
        (
            "take: 1000000\n  input: {}",
            UsageError,
            "specs/film.yaml:5:9: take is 1000000, and no higher one is legal",
        ),
        ("? input\n  : {}", CutlistError, "specs/film.yaml:5:3: take cannot be raised here"),
    ],
)
def test_what_is_left_to_a_person(spec: str, error: type[CutlistError], words: str) -> None:
    """Where no number can be raised, or no way to write it keeps all else, the place is told and
    what to write.
    """
    with pytest.raises(error) as caught:
        after(f"{HEAD}spec:\n  {spec}\n")
    assert str(caught.value).startswith(words)
    assert type(caught.value) is error
    assert caught.value.hint or "no higher" in words


def test_a_key_in_the_long_form_is_no_place_for_a_line() -> None:
    """`? key` is YAML that nobody writes by accident: what can be done there is done, without a
    guess.
    """
    text = f"{HEAD}spec:\n  ? input\n  : {{}}\n  take: 3\n"
    assert after(text) == text.replace("3", "4")


@given(
    st.data(),
    st.lists(legal.specs(), min_size=1, max_size=3),
    st.sampled_from([str, lambda t: t.replace("\n", "\r\n")]),
)
def test_nothing_but_the_take_changes(
    data: st.DataObject, specs: list[dict[str, Any]], line_ends: Callable[[str], str]
) -> None:
    """However a manifest is written: it means the same but for one number, and only adds bytes or
    changes that one.
    """
    style = Style(data.draw)
    documents = []
    for spec in specs:
        take = data.draw(st.one_of(st.none(), st.integers(1, 2000)))
        whole = spec if take is None else {**spec, "take": take}
        documents.append(
            style.document({"metadata": {"name": "film"}, "spec": whole}).replace("\ufeff", "")
        )
    text = line_ends(data.draw(st.sampled_from(["", "\ufeff"])) + "---\n".join(documents))
    index = data.draw(st.integers(0, len(specs) - 1))
    before, faults = parse_documents(text.encode(), "a.yaml")
    assert faults == []
    made = raise_take(text.encode(), "a.yaml", index)
    read, faults = parse_documents(made.raw, "a.yaml")
    assert faults == []
    old = before[index].data["spec"].get("take", 1)
    assert (made.before, made.after) == (old, old + 1)
    expected = [dict(each.data) for each in before]
    expected[index] = {**expected[index], "spec": {**expected[index]["spec"], "take": old + 1}}
    assert [each.data for each in read] == expected
    new = made.raw.decode()
    start = next(
        (at for at, (one, other) in enumerate(zip(text, new, strict=False)) if one != other),
        len(text),
    )
    if "take" not in before[index].data["spec"]:
        added = len(new) - len(text)
        assert new[:start] + new[start + added :] == text  # pure addition
    else:
        assert len(new.splitlines()) == len(text.splitlines())
        changed = [
            (a, b) for a, b in zip(text.splitlines(), new.splitlines(), strict=True) if a != b
        ]
        assert len(changed) == 1

"""Strict YAML: what is data, what stays text, what is refused, and where everything stands."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import CutlistError
from reconciler.formats import parsing
from reconciler.formats.document import MAX_BYTES, join_pointer, name_field
from reconciler.formats.parsing import MAX_DEPTH, MAX_INTEGER, parse_documents


def value(text: str) -> Any:
    """The value of `v: TEXT`, which must be without faults."""
    documents, faults = parse_documents(f"v: {text}\n".encode(), "a.yaml")
    assert faults == []
    return documents[0].data["v"]


def faults(text: str | bytes) -> list[str]:
    """The faults of a text, as people read them."""
    return [
        str(fault)
        for fault in parse_documents(text if isinstance(text, bytes) else text.encode(), "a.yaml")[
            1
        ]
    ]


@pytest.mark.parametrize(
    "text",
    [
        "NO",
        "no",
        "yes",
        "Off",
        "y",
        "12:30:45",
        "1:30",
        "010",
        "-010",
        "+07",
        "00.5",
        "0x1F",
        "0b11",
        "0o7",
        "1_000",
        "2024-01-01",
        "1.2.3",
        "nUll",
        "1e",
        "e5",
        "=",
    ],
)
def test_stays_text(text: str) -> None:
    """What YAML 1.1 would turn into a boolean, a time, an octal or a date is the text it looks
    like.
    """
    assert value(text) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1", 1),
        ("-0", 0),
        ("+5", 5),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("0.05", 0.05),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("9007199254740992", MAX_INTEGER),
        ("'1'", "1"),
        ('"true"', "true"),
        ("''", ""),
        ("|-\n  1", "1"),
        (">-\n  a\n  b", "a b"),
    ],
)
def test_is_data(text: str, meant: Any) -> None:
    """Numbers, booleans and nothing are what JSON knows; quotes make text."""
    found = value(text)
    assert (found, type(found)) == (meant, type(meant))


_NUMBERS = st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
_TEXT = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="\ufeff")
)
_NAMES = st.text("abc~/ é.", min_size=1, max_size=5)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_NAMES, _JSON, min_size=1, max_size=4))
def test_json_is_read_as_json(data: dict[str, Any]) -> None:
    """Every JSON document means the same here."""
    documents, found = parse_documents(json.dumps(data, ensure_ascii=False).encode(), "a.yaml")
    assert found == []
    assert documents[0].data == data


@given(st.text("abN O:-_{}[],&*!|>'\"#%@`?\n\t 01.e~<=\u2028\x1b", max_size=60))
def test_never_raises_and_never_disagrees(text: str) -> None:
    """Any text gives documents or faults with a place in it; what it accepts, a YAML parser accepts
    too.
    """
    documents, found = parse_documents(text.encode(), "a.yaml")
    lines = text.count("\n") + 1
    assert all(1 <= fault.place.line <= lines and fault.place.column >= 1 for fault in found)
    if not found:
        ordinary = text.replace("\u2028", "x")
        assert len(documents) <= len(list(yaml.compose_all(ordinary, Loader=yaml.CSafeLoader)))


@given(st.binary(max_size=80))
def test_any_bytes(raw: bytes) -> None:
    """Bytes that are no text are a fault, never a traceback."""
    documents, found = parse_documents(raw, "a.yaml")
    assert all(fault.place.line >= 1 and fault.message for fault in found)
    assert all(document.data is not None for document in documents)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", 'a.yaml:2:1: error: duplicate key "a" (first at 1:1)'),
        ("a: {b: 1, 'b': 2}", 'a.yaml:1:11: error: duplicate key "b" (first at 1:5)'),
        (
            "a: &x 1",
            "a.yaml:1:4: error: the anchor &x is not allowed; write the value out where it is used",
        ),
        ("&x a: 1", "a.yaml:1:1: error: anchors and tags are not allowed on keys"),
        (
            "a: !x 1",
            (
                "a.yaml:1:4: error: the tag !x is not allowed; write plain text, numbers, true or"
                " false"
            ),
        ),
        ("a: .NaN", "a.yaml:1:4: error: .NaN is not a number that JSON can carry"),
        (
            "a: 9007199254740993",
            (
                "a.yaml:1:4: error: the integer 9007199254740993 is beyond 2^53; no program reads"
                " it exactly"
            ),
        ),
        (
            "null: 1",
            (
                "a.yaml:1:1: error: the key null is not text; put it in quotes if it is meant as a"
                " name"
            ),
        ),
        (
            "1.5: 1",
            "a.yaml:1:1: error: the key 1.5 is not text; put it in quotes if it is meant as a name",
        ),
        (
            "a: [1",
            (
                "a.yaml:1:6: error: this is not YAML: while parsing a flow sequence: did not find"
                " expected ',' or ']'"
            ),
        ),
    ],
)
def test_refused(text: str, said: str) -> None:
    """One fault, with its line and column, what is wrong and what to write instead."""
    assert faults(text) == [said]


def test_all_faults_in_one_run() -> None:
    """Faults do not hide each other, over several documents."""
    found = faults("a: &x 1\na: *x\n---\nb: !t 1\n'b': .inf\n")
    places = [":".join(each.split(":")[1:3]) for each in found]
    assert places == ["1:4", "2:1", "2:4", "4:4", "5:1", "5:6"]


def test_bounds() -> None:
    """1 MiB and 32 levels are read, one more of either is not."""
    fits = b"a: 1\n" + b"#" * (MAX_BYTES - 5)
    assert parse_documents(fits, "a.yaml")[1] == []
    assert "1048577 bytes" in faults(fits + b"#")[0]
    assert faults("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH) == []
    assert (
        "nested deeper than 32 levels"
        in faults("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1))[0]
    )


def test_places() -> None:
    """Every value and every key knows its line and column; what is not there has the place of what
    is around it.
    """
    documents, _ = parse_documents(b"a:\n  'b/c': [x, {d: 1}]\n---\n\ne: 2\n", "a.yaml")
    at = join_pointer(join_pointer("", "a"), "b/c")
    assert str(documents[0].place(at)) == "a.yaml:2:10"
    assert str(documents[0].place(at, key=True)) == "a.yaml:2:3"
    assert str(documents[0].place(f"{at}/1/d")) == "a.yaml:2:18"
    assert str(documents[0].place(f"{at}/1/nowhere/deep")) == "a.yaml:2:14"
    assert str(documents[1].place("/e")) == "a.yaml:5:4"


def test_bom_and_line_ends() -> None:
    """A byte order mark and Windows line ends change neither data nor places."""
    documents, found = parse_documents("\ufeffa: 1\r\nb: [2]\r\n".encode(), "a.yaml")
    assert (found, documents[0].data, str(documents[0].place("/b/0"))) == (
        [],
        {"a": 1, "b": [2]},
        "a.yaml:2:5",
    )


_ORDINARY = "\x85\u2028\u2029"


@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
@pytest.mark.parametrize("char", [*_ORDINARY, "\xa0", "\u200b", "\ue000", "\U0001f600", "\ufffd"])
def test_every_character_of_a_plain_text(
    monkeypatch: pytest.MonkeyPatch, loader: Any, char: str
) -> None:
    """Is itself, without quotes, in quotes, in a block and in a key; and is no line."""
    monkeypatch.setattr(parsing, "_LOADER", loader)
    text = (
        f"# {char}\na: x{char}y\nb: 'x{char}y'\nc: \"x{char}y\"\nd: |-\n  x{char}y\n  z\n"
        f"x{char}y: {{e: x{char}y, f: 1}}\ng: {char}\nh: .nan\n"
    )
    documents, found = parse_documents(text.encode(), "a.yaml")
    whole = f"x{char}y"
    assert [str(fault.place) for fault in found] == ["a.yaml:10:4"]
    assert documents[0].data == {
        "a": whole, "b": whole, "c": whole, "d": f"{whole}\nz", whole: {"e": whole, "f": 1},
        "g": char, "h": ".nan",
    }  # fmt: skip
    assert str(documents[0].place(f"/{whole}/f")) == "a.yaml:8:18"


def test_the_last_line_is_the_last_of_the_editor() -> None:
    """What is missing at the end of a file without a last break is missing in its last line."""
    assert faults("a: [1\n")[0].startswith("a.yaml:2:1:")
    assert faults("a:\r\n  b: [1")[0].startswith("a.yaml:2:8:")


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"a: 1\nb: \xff", "2:4"),
        ("\ufeffé: ".encode() + b"\xff", "1:4"),
        (b"a: 1\rb: \xff", "2:4"),
        ("a: é\u2028é".encode() + b"\xff", "1:7"),
    ],
)
def test_places_of_bytes_that_are_no_text(raw: bytes, place: str) -> None:
    """Columns are characters, and lines are those of an editor."""
    assert faults(raw)[0].startswith(f"a.yaml:{place}: error: byte 0xff is not UTF-8")


def test_places_of_characters_that_are_not_allowed() -> None:
    """Also behind characters that were once breaks."""
    assert faults("a: 1\u2028\r\nb: x\x1by")[0].startswith("a.yaml:2:5: error: this is not YAML")


def test_a_file_may_hold_every_character() -> None:
    """Whatever a file holds, there are characters left to stand for the three."""
    private = "".join(chr(code) for code in (*range(0xE000, 0xF900), *range(0xF0000, 0xFFFFE)))
    documents, found = parse_documents(f"a: {private}\u2028\x85\u2029 \ue000\n".encode(), "a.yaml")
    assert found == []
    assert documents[0].data["a"] == f"{private}\u2028\x85\u2029 \ue000"


def test_without_libyaml_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader in Python takes tabs otherwise: another video from the same manifest."""
    monkeypatch.setattr(parsing, "_LOADER", None)
    with pytest.raises(CutlistError, match="without libyaml"):
        parse_documents(b"a: 1", "a.yaml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("prompt: Make it #1 red", "1:17"),
        ("prompt: Make it # 1 red", "1:17"),
        ("prompt: Make it  #1 red", "1:18"),
        ("prompt: #1 red", "1:9"),
        ("prompt: Make\n  it #1\nb: 1", "2:6"),
        ("a: {prompt: Make it #1\n}", "1:21"),
        ("prompt: Make it\n  #1 red", "2:3"),
        ("prompt: a\u2028b #1", "1:13"),
        ("prompt: Make it red  # as agreed", ""),
        ("prompt: Make it red\t# as agreed", ""),
        ("prompt: Make it red  ##", ""),
        ("prompt: Make it red\n  # as agreed", ""),
        ("a:\n  prompt: Make it red\n  #negative_prompt: rain", ""),
        ("prompt: 'Make it #1 red'", ""),
        ("prompt: 'Make it' #1 red", ""),
        ("prompt: |\n  Make it #1 red", ""),
        ("prompt: Make it#1 red", ""),
    ],
)
def test_where_a_text_is_cut(text: str, place: str) -> None:
    """At a ` #` in a text without quotes, unless it looks like a comment."""
    documents, found = parse_documents(text.encode(), "a.yaml")
    assert found == []
    assert [str(at) for at in documents[0].cut_at.values()] == (
        [f"a.yaml:{place}"] if place else []
    )


def test_a_text_that_goes_on_below_a_comment() -> None:
    """What is not YAML because of a ` #` above says so."""
    assert "` #` in the line above" in faults("prompt: Make it #1\n  red\n")[0]
    assert "#" not in faults("prompt: [a, b\n  red\n")[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spec:\n\tmodel: x\n", "indent it with blanks"),
        ("spec:\n  prompt：snow\n  media: []\n", "in the line above is a full-width colon"),
        ("prompt: Two scenes: day and night\n", "a text with `: ` in it stands in quotes"),
        ("- prompt: Note:\n", "a text with `: ` in it stands in quotes"),
    ],
)
def test_slips_of_the_hand(text: str, said: str) -> None:
    """What is not YAML because of a slip says which."""
    assert said in faults(text)[0]


@pytest.mark.parametrize("text", ["prompt: [a: b: c]\n", 'a: "x: y" z\n', "prompt: }\n"])
def test_what_is_no_slip(text: str) -> None:
    """What is not YAML for another reason is not explained by a guess."""
    assert faults(text)[0].startswith("a.yaml:1") and "(" not in faults(text)[0]


def test_no_number_is_infinite() -> None:
    """Whatever is accepted can be written as JSON again."""
    assert all(not math.isinf(value(text)) for text in ("1e308", "-1e308"))
    assert "too large" in faults("v: 1e309")[0]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (["spec", "parameters", "seed"], "parameters.seed"),
        (["spec"], "spec"),
        (["input", "media", 0, "url"], "input.media[0].url"),
        (["metadata", "name"], "metadata.name"),
        ([], ""),
    ],
)
def test_field_name(path: list[str | int], name: str) -> None:
    """Fields are named as people write them."""
    assert name_field(path) == name

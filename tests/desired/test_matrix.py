"""`matrix`: one document, an edit for every cell. What is refused stands in tests/badinput."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.desired import graph, matrix
from reconciler.desired.edit import Medium
from reconciler.desired.references import Reference
from reconciler.formats import schema
from reconciler.formats.parsing import parse_documents
from tests.making import read_edit, read_text

EDIT = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {{name: street, labels: {{look: "${{{{ matrix.look }}}}"}}}}
spec:
  matrix: {matrix}
  model: wan2.7-videoedit
  input:
    prompt: Make it ${{{{ matrix.look }}}}, ${{{{matrix.look}}}}!
    media: [{{type: video, url: "./${{{{ matrix.clip }}}}.mp4"}}]
  parameters: {{duration: "${{{{ matrix.seconds }}}}"}}
"""


def cells(matrix_: Any, text: str = EDIT) -> list[Any]:
    """The edits of a matrix, which has no faults."""
    found = read_text(text.format(matrix=json.dumps(matrix_)))
    assert found.faults == []
    assert found.names == [edit.name for edit in found.edits]
    return list(found.edits)


def test_every_cell_is_an_edit() -> None:
    """The product of the lists, in their order; names, default outputs and values are those of the
    cell.
    """
    edits = cells({"look": ["snow", "rain"], "clip": ["a", "b"], "seconds": [2]})
    assert [edit.name for edit in edits] == [
        "street[look=snow,clip=a,seconds=2]",
        "street[look=snow,clip=b,seconds=2]",
        "street[look=rain,clip=a,seconds=2]",
        "street[look=rain,clip=b,seconds=2]",
    ]
    last = edits[-1]
    assert last.output == "renders/street[look=rain,clip=b,seconds=2].mp4"
    assert last.labels == {"look": "rain"}
    assert last.input == {
        "prompt": "Make it rain, rain!",
        "media": [{"type": "video", "url": "./b.mp4"}],
    }
    assert last.parameters == {"duration": 2}
    assert str(last.place("/input/prompt")) == "specs/case.yaml:8:13"


def test_text_between_two_values() -> None:
    """A string that begins with one value and ends with another is text, not one value with a
    strange name.
    """
    text = EDIT.replace(
        "Make it ${{{{ matrix.look }}}}, ${{{{matrix.look}}}}!",
        "${{{{ matrix.look }}}} or ${{{{ matrix.clip }}}}",
    )
    assert (
        cells({"look": ["snow"], "clip": ["a"], "seconds": [2]}, text)[0].input["prompt"]
        == "snow or a"
    )


def test_cells_are_left_out_and_added() -> None:
    """`exclude` leaves out all that fit, `include` adds; what is there twice is made once."""
    edits = cells(
        {
            "look": ["snow", "rain"],
            "clip": ["a", "b"],
            "seconds": [2],
            "exclude": [{"look": "rain"}],
            "include": [
                {"look": "fog", "clip": "c", "seconds": 3},
                {"look": "snow", "clip": "a", "seconds": 2},
            ],
        }
    )
    assert [edit.name for edit in edits] == [
        "street[look=snow,clip=a,seconds=2]",
        "street[look=snow,clip=b,seconds=2]",
        "street[look=fog,clip=c,seconds=3]",
    ]


def test_a_matrix_of_included_cells_alone() -> None:
    """Cells can be named one by one; the first one says which lists there are."""
    edits = cells(
        {
            "include": [
                {"look": "fog", "clip": "c", "seconds": 3},
                {"seconds": 2, "clip": "a", "look": "rain"},
            ]
        }
    )
    assert [edit.name for edit in edits] == [
        "street[look=fog,clip=c,seconds=3]",
        "street[look=rain,clip=a,seconds=2]",
    ]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("720P", "720P"), ("1280*720", "1280*720"), (0.5, "0.5"), (True, "true"), (-1, "-1"),
        ("It snows, heavily", "it-snows-heavily~cb2dcb"), ("雪", "53058f"),
        ("a/b", "a-b~c14cdd"), ("a,b=c]", "a-b-c~f45485"),
    ],
)  # fmt: skip
def test_values_in_names(value: Any, named: str) -> None:
    """Short plain values stand in names as they are; others as their words and a mark, so that none
    are alike.
    """
    text = EDIT.format(matrix=json.dumps({"look": [value, "z"], "clip": ["a"], "seconds": [2]}))
    documents, _ = parse_documents(text.encode(), "specs/a.yaml")
    found, _ = matrix.expand_matrix(documents[0])
    assert found[0].suffix == f"[look={named},clip=a,seconds=2]"


def test_the_values_of_one_cell_never_name_another() -> None:
    """Values that differ give names that differ, whatever they are made of."""
    values = ["a b", "a-b", "a  b", "A b", "a,b", "é", "è", "1", 2, "true", False]
    edits = cells({"look": values, "clip": ["a"], "seconds": [2]})
    assert (
        len({edit.name.casefold() for edit in edits})
        == len({edit.name for edit in edits})
        == len(values)
    )


def test_a_list_that_nothing_uses_is_a_warning() -> None:
    """Its cells are one job; people should know."""
    found = read_text(
        EDIT.format(
            matrix=json.dumps({"look": ["a"], "clip": ["a"], "seconds": [2], "idle": [1, 2]})
        )
    )
    assert [(fault.severity, fault.message) for fault in found.faults] == [
        ("warning", "nothing uses ${{ matrix.idle }}: its 2 values make the same job")
    ]
    assert len(found.edits) == 2


def test_suspend() -> None:
    """An edit says itself that it is to be left alone."""
    plain = EDIT.format(matrix=json.dumps({"look": ["a"], "clip": ["a"], "seconds": [2]}))
    assert not read_edit(plain).suspend
    assert read_edit(f"{plain}  suspend: true\n").suspend


# ------------------------------------------------------------------ very large ones

MANY = """\
apiVersion: cutlist/v1
kind: Edit
metadata: {{name: street}}
spec:
  matrix: {{n: {values}}}
  model: wan2.7-videoedit
  input: {{prompt: {prompt}, media: [{{type: video, url: "{url}"}}]}}
  parameters: {{resolution: "{resolution}"}}
"""
HOLE = '"${{ matrix.n }}"'


def many(values: list[Any], **fields: str) -> str:
    usual = {"prompt": "rain", "url": "./a.mp4", "resolution": "720P"}
    return MANY.format(**{**usual, **fields}, values=json.dumps(values))


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the schema was asked about, at which place."""
    asked: list[str] = []
    check = schema.validate_document

    def counted(document: Any, rules: Any, *, at: str = "") -> Any:
        asked.append(at)
        return check(document, rules, at=at)

    monkeypatch.setattr(schema, "validate_document", counted)
    return asked


def test_a_matrix_that_is_wrong_all_over(checks: list[str]) -> None:
    """The first hundred cells that are wrong are enough: nobody reads ten thousand faults."""
    found = read_text(many([f"t{n}" for n in range(10_000)], resolution="${{ matrix.n }}"))
    assert checks.count("") == 100
    assert len(found.faults) == 101
    assert str(max(found.faults, key=lambda fault: "looked at" in fault.message)) == (
        "specs/case.yaml:5:3: error: 100 of the first 100 cells are wrong; the other 9,900 were not"
        " looked at"
    )
    assert len(found.names) == 10_000  # an edit that builds on one of them is not wrong, too


def test_only_what_is_wrong_is_worded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that are right need no words for their faults: those are slow to find."""
    pytest.importorskip("jsonschema_rs")
    worded: list[object] = []
    word = schema._load_validator()

    def counted(rules: Any) -> Any:
        worded.append(rules)
        return word(rules)

    monkeypatch.setattr(schema, "_load_validator", lambda: counted)
    found = read_text(many([f"look {n}" for n in range(1000)], prompt=HOLE))
    assert (found.faults, len(found.edits), worded) == ([], 1000, [])
    wrong = read_text(many(["rain", "snow", 7, "fog"], prompt=HOLE))
    assert [fault.message for fault in wrong.faults] == ["input.prompt is 7; it must be text."]
    assert len(worded) == 1


def test_a_fault_of_many_cells_is_told_of_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits that thousands of cells name and that there are not: eight, and how many more; only
    for those is anything like them looked for.
    """
    asked: list[object] = []

    def counted(name: object, _known: object) -> str:
        asked.append(name)
        return ""

    monkeypatch.setattr(graph, "suggest_name", counted)
    found = read_text(many(list(range(2000)), url="edit://none${{ matrix.n }}"))
    assert found.faults == []
    media = {edit.name: [Medium("/input/media/0/url", Reference("edit", f"none{at}"), "video")]
             for at, edit in enumerate(found.edits)}  # fmt: skip
    faults = list(graph.check_graph(found.edits, lambda edit: media[edit.name], found.names))
    assert (len(faults), len(asked)) == (9, 8)
    assert faults[-1].message == "1,992 more names here are of no edit"

"""`matrix`: one document, an edit for every cell. What is refused stands in tests/badinput."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.desired import matrix
from reconciler.document import parse
from tests.making import edit_of, reading

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
    found = reading(text.format(matrix=json.dumps(matrix_)))
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
    documents, _ = parse(text.encode(), "specs/a.yaml")
    found, _ = matrix.expand(documents[0])
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
    found = reading(
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
    assert not edit_of(plain).suspend
    assert edit_of(f"{plain}  suspend: true\n").suspend

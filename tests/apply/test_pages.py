"""The service's list as values: nothing is ever left out, and what cannot be true is said."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import OutcomeUnknown
from reconciler.service.pages import ListedTask, list_page, parse_moment

ID = "0385dc79-5ff8-4d82-bcb6-8f2d1f0c6a11"
ROW = {"task_id": ID, "model_name": "m", "status": "RUNNING", "gmt_create": 1790000000000}


def page(rows: Any, **fields: Any) -> Any:
    """A list's answer of one page, with `fields` in the place of its own."""
    answer = {"data": rows, "total": len(rows), "total_page": min(1, len(rows)), "page_no": 1}
    return list_page({**answer, "page_size": 100, **fields}, page_no=1, page_size=100)


def test_a_row_as_the_service_writes_it() -> None:
    """The documented row is read whole, its milliseconds as seconds."""
    answer = page([ROW])
    assert answer.rows == (ListedTask(ID, "m", "RUNNING", 1790000000.0),)
    assert (answer.total, answer.pages, answer.contradictions) == (1, 1, ())


@pytest.mark.parametrize(
    "bent",
    [
        {"task_id": 17}, {"task_id": None}, {"task_id": ""}, {"task_id": ".."},
        {"task_id": "x?y=1"}, {"task_id": "a/b"}, {"task_id": "a b"}, {"task_id": "a#b"},
        {"task_id": "a" * 129}, {"task_id": "a\n"}, {"task_id": "\u0661" * 8}, {"task_id": [ID]},
    ],
)  # fmt: skip
def test_a_row_without_a_legal_id_stays_and_is_told(bent: dict[str, Any]) -> None:
    """A task_id that is none is None, and the page proves nothing."""
    answer = page([{**ROW, **bent}])
    assert answer.rows == (ListedTask(None, "m", "RUNNING", 1790000000.0),)
    assert answer.contradictions == ("row 1 has no task_id that can be read",)


@pytest.mark.parametrize("row", [None, 5, "text", [], {}])
def test_what_is_no_row_is_a_row_that_cannot_be_read(row: Any) -> None:
    """Nothing is ever "no row"."""
    assert page([row]).rows == (ListedTask(None, None, "", None),)


@pytest.mark.parametrize("name", [None, 5, "", [], "m" * 201])
def test_a_model_that_cannot_be_read_is_none(name: Any) -> None:
    """A name of the model that is missing or no text is None, and the row stays."""
    assert page([{**ROW, "model_name": name}]).rows == (
        ListedTask(ID, None, "RUNNING", 1790000000.0),
    )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1790000000000, 1790000000.0),
        (1790000000, 1790000000.0),
        ("1790000000000", 1790000000.0),
        ("2026-09-21 22:13:20.500", 1790000000.5),
        ("2026-09-21T14:13:20Z", 1790000000.0),
        *((bad, None) for bad in (None, True, 0, -1, "", "soon", float("nan"), float("inf"))),
        *((bad, None) for bad in (1e300, 10**400, "9" * 400, "2026-99-99 00:00:00", [], {})),
    ],
)
def test_moments(value: Any, seconds: float | None) -> None:
    """Every form of a time that is understood, and None for the rest, never an exception."""
    assert parse_moment(value) == seconds


def test_the_start_stands_in_for_a_creation_that_cannot_be_read() -> None:
    """A row without gmt_create is dated by its start_time."""
    row = {**ROW, "gmt_create": "?", "start_time": 1790000001000}
    assert page([row]).rows[0].created_at == 1790000001.0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"total": 2}, "page 1 of 2 tasks should have 2 rows, and has 1"),
        ({"total": 0, "total_page": 0}, "page 1 of 0 tasks should have 0 rows, and has 1"),
        ({"total_page": 2}, "1 tasks do not fill 2 pages of 100"),
        ({"total": None}, "it does not say how many tasks and pages there are"),
        ({"total": "1"}, "it does not say how many tasks and pages there are"),
        ({"total_page": 10**9}, "it does not say how many tasks and pages there are"),
        ({"page_no": 3}, "page 1 was asked for, and page 3 came"),
        ({"page_size": 1000}, "pages of 100 were asked for, and pages of 1000 came"),
        ({"data": [ROW, ROW], "total": 2}, "it names a task twice"),
    ],
)
def test_contradictions(fields: dict[str, Any], words: str) -> None:
    """Totals, pages and rows that cannot all be true are said in words."""
    assert page([ROW], **fields).contradictions == (words,)


def test_a_total_without_rows_is_a_contradiction() -> None:
    """`total: 1` and no rows is no proof that there is no task."""
    assert page([], total=1, total_page=1).contradictions
    assert page([]).contradictions == ()


@pytest.mark.parametrize("data", [None, {}, "rows", 1])
def test_an_answer_without_rows_is_no_list(data: Any) -> None:
    """What has no rows at all is no answer; it is asked for again."""
    with pytest.raises(OutcomeUnknown, match="no rows"):
        list_page({"data": data, "total": 0}, page_no=1, page_size=100)

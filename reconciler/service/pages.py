"""The pages of the service's list as values. Pure.

What cannot be read is None, and never left out: a row that nobody can read may be the one that is
looked for (docs/operations.md, "Submit").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

from reconciler.errors import UnfitAnswer
from reconciler.formats.names import make_plain
from reconciler.formats.untrusted import read_task_id, read_whole_number

MOST_PAGES = 10_000  # of the list: more than a day of tasks can fill
MOST_TASKS = 10_000_000
# a number from here on counts milliseconds: in seconds it is the year 5138
_MILLISECONDS_FROM = 1e11
_LATEST_S = 253_402_300_799  # the last second of the year 9999
_SERVICE_ZONE = timezone(timedelta(hours=8))  # of times that are written without a zone
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?")
_LONGEST_NAME = 200  # characters of a model's name or a status


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task in the service's list. None stands for what cannot be read; a `task_id` of None is
    none, or not of the form of an id.
    """

    task_id: str | None
    model: str | None
    status: str  # empty when it cannot be read
    created_at: float | None  # seconds since 1970, by the service's clock


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the service's list, with every row of it. `contradictions` says, in words, what
    in it cannot be true or cannot be read; a page that has any proves nothing.
    """

    rows: tuple[ListedTask, ...]
    total: int | None
    pages: int | None
    page_no: int | None
    page_size: int | None
    contradictions: tuple[str, ...]


def list_page(
    answer: Mapping[str, object], *, page_no: int, page_size: int, is_copy: bool = False
) -> ListPage:
    """The page that was asked for with `page_no` and `page_size`; `is_copy` when a cache gave it.
    Raises UnfitAnswer when there are no rows in it, not even none.
    """
    data = answer.get("data")
    if not isinstance(data, list):
        raise UnfitAnswer("the service's list has no rows.", status=200)
    rows = tuple(_row(row) for row in data)
    page = ListPage(
        rows=rows,
        total=read_whole_number(answer.get("total"), MOST_TASKS),
        pages=read_whole_number(answer.get("total_page"), MOST_PAGES),
        page_no=read_whole_number(answer.get("page_no"), MOST_PAGES),
        page_size=read_whole_number(answer.get("page_size"), MOST_TASKS),
        contradictions=(),
    )
    words = _contradictions(page, page_no, page_size)
    if is_copy:
        words.append("is a copy that a cache on the way has kept")
    return replace(page, contradictions=tuple(words))


def _contradictions(page: ListPage, asked_no: int, asked_size: int) -> list[str]:
    """What cannot be true of a page, each as the end of a sentence that begins with "the list"."""
    words = [
        f"row {number} has no task_id that can be read"
        for number, row in enumerate(page.rows, start=1)
        if row.task_id is None
    ]
    ids = [row.task_id for row in page.rows if row.task_id is not None]
    if len(set(ids)) < len(ids):
        words.append("it names a task twice")
    if page.total is None or page.pages is None:
        return [*words, "it does not say how many tasks and pages there are"]
    if page.page_no not in (None, asked_no):
        words.append(f"page {asked_no} was asked for, and page {page.page_no} came")
    size = page.page_size or asked_size
    if page.page_size is not None and not 0 < page.page_size <= asked_size:
        words.append(f"pages of {asked_size} were asked for, and pages of {page.page_size} came")
        size = max(size, 1)
    if page.pages != -(-page.total // size):
        words.append(f"{page.total} tasks do not fill {page.pages} pages of {size}")
    due = max(0, min(size, page.total - (asked_no - 1) * size))
    if len(page.rows) != due:
        words.append(
            f"page {asked_no} of {page.total} tasks should have {due} rows, and has"
            f" {len(page.rows)}"
        )
    return words


def _row(value: object) -> ListedTask:
    fields = value if isinstance(value, dict) else {}
    created_at = parse_moment(fields.get("gmt_create"))
    return ListedTask(
        task_id=read_task_id(fields.get("task_id")),
        model=_name(fields.get("model_name")),
        status=_name(fields.get("status")) or "",
        created_at=parse_moment(fields.get("start_time")) if created_at is None else created_at,
    )


def _name(value: object) -> str | None:
    """Text that names a thing; None for what is no such text."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
        return None
    return make_plain(value)


def parse_moment(value: object) -> float | None:
    """A time of the list in seconds since 1970; None for what cannot be read as one.

    The list has milliseconds (task management reference); seconds, digits as text, and the form
    that times of a task have (UTC+8 where no zone is named) are understood too.
    """
    if isinstance(value, str):
        return _written(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 < value <= _LATEST_S * 1000:  # so it is finite, and fits into a float
        return None
    return value / 1000 if value >= _MILLISECONDS_FROM else float(value)


def _written(text: str) -> float | None:
    if text.isascii() and text.isdecimal() and len(text) <= 16:
        return parse_moment(int(text))
    if not _TIME.fullmatch(text):
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    if read.tzinfo is None:
        read = read.replace(tzinfo=_SERVICE_ZONE)
    return read.astimezone(UTC).timestamp()

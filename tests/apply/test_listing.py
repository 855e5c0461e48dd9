"""Whether the account's list proves anything, and which of its tasks could be the one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.apply.listing import (
    SHOWN,
    ExpectedTask,
    describe_rows,
    is_prompt_of,
    put_together,
    tells_prompt,
)
from reconciler.service.model_files import load_models
from reconciler.service.pages import ListedTask, ListPage

MODELS = load_models()
EDIT, VACE = "wan2.7-videoedit", "wan2.1-vace-plus"


def row(
    task_id: str | None, model: str | None = EDIT, created_at: float | None = 1.0
) -> ListedTask:
    """A row of the list."""
    return ListedTask(task_id, model, "PENDING", created_at)


def page(
    *ids: str | None, total: int | None, pages: int | None, no: int = 1, **more: Any
) -> ListPage:
    """A page of the list that does not contradict itself."""
    return replace(ListPage(tuple(map(row, ids)), total, pages, no, 2, ()), **more)


WHOLE = [page("a", "b", total=3, pages=2), page("c", total=3, pages=2, no=2)]


def test_a_whole_listing() -> None:
    """All pages, as many different ids as they count, and every task that must be there."""
    listing = put_together(WHOLE, {"a", "c"}, 5.0)
    assert (listing.is_whole, sorted(listing.rows), listing.server_time) == (True, list("abc"), 5.0)
    assert put_together([page(total=0, pages=0)], (), None).is_whole


@pytest.mark.parametrize(
    ("pages", "due", "fault"),
    [
        ([], (), "does not say how many tasks"),
        (WHOLE[:1], (), "has 2 pages, and only 1 of them came"),
        ([WHOLE[0], page("c", total=4, pages=2)], (), "changed while it was read"),
        ([WHOLE[0], page("c", total=3, pages=3)], (), "changed while it was read"),
        ([WHOLE[0], page("b", total=3, pages=2)], (), "counts 3 tasks, and names 2"),
        ([WHOLE[0], page("c", "d", total=3, pages=2)], (), "counts 3 tasks, and names 4"),
        ([page("a", None, total=2, pages=1)], (), "counts 2 tasks, and names 1"),
        ([page("a", total=None, pages=1)], (), "does not say how many tasks"),
        ([page("a", total=1, pages=None)], (), "does not say how many tasks"),
        ([page("a", total=1, pages=1, contradictions=("is odd",))], (), "is odd"),
        ([page(total=1, pages=1)], (), "counts 1 tasks, and names 0"),
        (WHOLE, ("d",), "lacks d, which the service has made"),
    ],
)
def test_a_listing_that_proves_nothing(pages: Any, due: Any, fault: str) -> None:
    """Each way in which pages contradict each other, or what is known to be there."""
    listing = put_together(pages, due, None)
    assert not listing.is_whole
    assert fault in listing.faults[0]


@pytest.mark.parametrize(
    ("model", "told", "fits", "is_told"),
    [
        (EDIT, EDIT, True, True),
        (EDIT, None, True, False),
        (EDIT, VACE, False, False),
        (EDIT, "wanx2.1-vace-plus", False, False),
        (EDIT, f"{EDIT}-2026-03-01", True, True),
        (EDIT, f"{EDIT}-20260301", True, True),
        (EDIT, f"{EDIT}-2026-03", True, True),
        (EDIT, f"{EDIT}-turbo", True, False),
        (EDIT, f"{EDIT}-2026-03-01\n", True, False),
        (EDIT, "qwen-next", True, False),
        (EDIT, f"{VACE}-2026-03-01", True, False),
        (VACE, "wanx2.1-vace-plus", True, True),
        (VACE, EDIT, False, False),
        ("gone-from-schemas", "gone-from-schemas", True, True),
    ],
)
def test_the_model_of_a_row(model: str, told: str | None, fits: bool, is_told: bool) -> None:
    """Only the exact name of another model that we know takes a row out of question."""
    wanted = ExpectedTask(model, MODELS, ())
    assert (wanted.fits(row("a", told)), wanted.is_told_by(row("a", told))) == (fits, is_told)


@pytest.mark.parametrize("created_at", [None, 0.0, 1e12])
def test_no_time_drops_a_candidate(created_at: float | None) -> None:
    """What the ledger knows, and what was there before, is not it; everything else is."""
    rows = {each: row(each, created_at=created_at) for each in ("known", "before", "new")}
    wanted = ExpectedTask(EDIT, MODELS, {"before"})
    assert set(wanted.candidates(rows, {"before", "new"})) == {"new"}


def test_which_jobs_show_their_prompt() -> None:
    """wan2.7 does, VACE and what we do not know do not."""
    outpainting = {"model": VACE, "input": {"function": "video_outpainting"}}
    jobs: list[dict[str, Any]] = [{"model": EDIT, "input": {}}, outpainting, {"model": "gone"}]
    assert [tells_prompt(MODELS, job) for job in jobs] == [True, False, False]


def test_candidates_as_a_person_sees_them() -> None:
    """Id, model, state and time by the service, and not a thousand of them."""
    assert describe_rows([row("a"), row("b", None, None)]) == (
        f"a ({EDIT}, PENDING, made 1970-01-01 00:00:01 UTC),"
        " b (no model told, PENDING, made at a time that it does not tell)"
    )
    assert describe_rows([row(str(each)) for each in range(SHOWN + 4)]).endswith(" and 4 more")


@pytest.mark.parametrize(
    ("sent", "said", "ours"),
    [
        ("Replace the sky", "Replace the sky", True),
        ("Replace the sky", "Replace", False),  # a colleague's, which ours begins with
        ("Replace the sky", "", False),
        ("x" * 5200, "x" * 5000, True),
        ("x" * 5200, "x" * 40, False),
        ("🎬" * 3000, "🎬" * 2500, True),  # counted as two each
    ],
)
def test_a_prompt_is_ours_whole_or_cut_where_the_service_cuts(
    sent: str, said: str, ours: bool
) -> None:
    """What merely begins like ours is somebody else's task."""
    job = {"model": "wan2.7-videoedit", "input": {}}
    assert is_prompt_of(MODELS, job, sent, said) is ours

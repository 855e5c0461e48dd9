"""Bad protocols that believe what proves nothing: a clock, another host's Date, a list that
contradicts itself, an answer that is none.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from reconciler.apply import attempt, collect, listing, recover, verdict
from reconciler.apply import settle as settling
from reconciler.apply.baseline import read_listing
from reconciler.apply.context import TaskFailed, close
from reconciler.apply.watching import TaskWatch, Watched
from reconciler.service.pages import ListedTask, ListPage
from reconciler.state.ledger import Baseline, SqliteLedger
from reconciler.state.observed import State
from tests.simulation.network import SUBMIT, Wire

Mutant = Callable[[pytest.MonkeyPatch], None]
Respond = Callable[[httpx.Request, httpx.Response], httpx.Response]
SKEW_S = 300.0  # that the protocol of earlier days allowed a clock to be wrong by


def _answers_seen_as(patch: pytest.MonkeyPatch, respond: Respond) -> None:
    """Every answer passes through `respond` before the program sees it."""
    carry = Wire.handle_async_request

    async def handle(self: Wire, request: httpx.Request) -> httpx.Response:
        return respond(request, await carry(self, request))

    patch.setattr(Wire, "handle_async_request", handle)


def _candidates_seen_as(
    patch: pytest.MonkeyPatch,
    keep: Callable[[settling.Question, ListedTask], bool],
) -> None:
    """Of the tasks that could be it, only those that `keep` lets through."""
    real = settling.Question.candidates

    def candidates(self: settling.Question, context: Any, seen: Any) -> dict[str, ListedTask]:
        return {task: row for task, row in real(self, context, seen).items() if keep(self, row)}

    patch.setattr(settling.Question, "candidates", candidates)


# ------------------------------------------------------------------ clocks


def local_clock_decides(patch: pytest.MonkeyPatch) -> None:
    """A task that is older than the intent by this machine's clock is not it."""

    def is_young(question: settling.Question, row: ListedTask) -> bool:
        return (row.created_at or 0.0) >= question.intent.created_at - SKEW_S

    _candidates_seen_as(patch, is_young)


def date_of_another_host(patch: pytest.MonkeyPatch) -> None:
    """A task that is older than the newest Date of whatever host before the intent is not it."""
    newest: dict[str, float] = {}
    since: dict[str, float] = {}
    intend = SqliteLedger.intend

    def note_date(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        newest[""] = parsedate_to_datetime(response.headers["Date"]).timestamp()
        return response

    def intended(self: Any, attempt: Any, **fields: Any) -> None:
        since[attempt.id] = newest.get("", 0.0)
        intend(self, attempt, **fields)

    def is_young(question: settling.Question, row: ListedTask) -> bool:
        return (row.created_at or 0.0) >= since[question.attempt.id] - 5.0

    _answers_seen_as(patch, note_date)
    patch.setattr(SqliteLedger, "intend", intended)
    _candidates_seen_as(patch, is_young)


def forgotten_by_the_local_clock(patch: pytest.MonkeyPatch) -> None:
    """A task that the service does not know at the moment is as old as this machine's
    clock says.
    """

    def is_forgotten(context: Any, attempt: Any) -> bool:
        return not context.ledger.attempt(attempt.id, now=context.clock.now()).collectable

    for module in (attempt, collect):
        patch.setattr(module, "is_forgotten", is_forgotten)


# ------------------------------------------------------------------ lists


def unreadable_row_is_no_row(patch: pytest.MonkeyPatch) -> None:
    """A row of which id, model or time cannot be read is left out, as if it had never come."""

    def readable(row: ListedTask) -> bool:
        return None not in (row.task_id, row.model, row.created_at)

    _pages_seen_as(patch, readable)


def _pages_seen_as(patch: pytest.MonkeyPatch, keep: Callable[[ListedTask], bool]) -> None:
    real = listing.put_together

    def shorten(page: ListPage) -> ListPage:
        rows = tuple(filter(keep, page.rows))
        gone = len(page.rows) - len(rows)
        words = tuple(each for each in page.contradictions if "no task_id" not in each)
        total = None if page.total is None else page.total - gone
        return dataclasses.replace(page, rows=rows, total=total, contradictions=words)

    def put_together(pages: Iterable[ListPage], *rest: Any) -> listing.Listing:
        return real([shorten(page) for page in pages], *rest)

    patch.setattr("reconciler.apply.baseline.put_together", put_together)


def total_is_not_compared(patch: pytest.MonkeyPatch) -> None:
    """The rows that came are the list, whatever it says of their number."""
    real = listing.put_together

    def put_together(*arguments: Any) -> listing.Listing:
        seen = real(*arguments)
        kept = (each for each in seen.faults if "task_id" in each or each.startswith("lacks"))
        return dataclasses.replace(seen, faults=tuple(kept))

    patch.setattr("reconciler.apply.baseline.put_together", put_together)


def dated_name_is_another_model(patch: pytest.MonkeyPatch) -> None:
    """A row whose model has a name that was not sent is of another model."""

    def fits(self: listing.ExpectedTask, row: ListedTask) -> bool:
        return row.model in (self.model, None)

    patch.setattr(listing.ExpectedTask, "fits", fits)
    # and what is of another model is nobody's business
    patch.setattr(listing.ExpectedTask, "misnamed", lambda *_ignored: {})


def one_listing_is_enough(patch: pytest.MonkeyPatch) -> None:
    """The first whole list after settle that does not show the task proves that there is none."""
    patch.setattr(verdict, "PROOFS", 1)


def known_tasks_need_not_be_listed(patch: pytest.MonkeyPatch) -> None:
    """A list that lacks tasks which the service has made is whole all the same."""
    real = listing.put_together
    patch.setattr(
        "reconciler.apply.baseline.put_together",
        lambda pages, due, server_time: real(pages, (), server_time),
    )


def baseline_not_durable(patch: pytest.MonkeyPatch) -> None:
    """What was there before a request of an earlier run is asked when that is settled."""
    anew: dict[str, frozenset[str]] = {}
    settle, of = settling.settle, settling.Question.of

    async def settle_anew(context: Any, attempt_id: str) -> bool:
        anew[attempt_id] = frozenset((await read_listing(context)).rows)
        return await settle(context, attempt_id)

    def question_of(context: Any, attempt_id: str) -> settling.Question:
        question = of(context, attempt_id)
        if attempt_id not in anew:
            return question
        baseline = Baseline(anew[attempt_id], context.client.server_time, True)
        wanted = dataclasses.replace(question.wanted, baseline=anew[attempt_id])
        return dataclasses.replace(question, baseline=baseline, wanted=wanted)

    patch.setattr(recover, "settle", settle_anew)
    patch.setattr(settling.Question, "of", staticmethod(question_of))


def second_look_cancels_a_colleague(patch: pytest.MonkeyPatch) -> None:
    """What turns up late and waits is cancelled, though the account has tasks of others."""
    patch.setattr(settling, "_is_ours_alone", lambda *_: True)


# ------------------------------------------------------------------ answers

_REFUSED: Mapping[str, str] = {"code": "InvalidParameter", "message": ""}


def other_2xx_is_failure(patch: pytest.MonkeyPatch) -> None:
    """Only 200 accepts; a 201, 202, 203 or 206 with a task_id is a refusal."""
    _submits_refused(patch, lambda response: 200 < response.status_code < 300)


def proxy_page_is_a_verdict(patch: pytest.MonkeyPatch) -> None:
    """A 4xx in the service's place is taken for the service's own."""
    _submits_refused(
        patch,
        lambda response: (
            400 <= response.status_code < 500 and not response.content.startswith(b"{")
        ),
    )


def no_id_is_no_task(patch: pytest.MonkeyPatch) -> None:
    """An answer without a task_id that can be used says that no task was made."""

    def lacks_id(response: httpx.Response) -> bool:
        return response.status_code < 300 and not re.search(rb'"task_id": ?"', response.content)

    _submits_refused(patch, lacks_id)


def failure_is_believed(patch: pytest.MonkeyPatch) -> None:
    """A task that is said to have FAILED has, whatever video is named beside that."""

    def respond(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        looks = request.method == "GET" and "/tasks/" in request.url.path
        if not looks or b'"task_status": "FAILED"' not in response.content:
            return response
        document = json.loads(response.content)
        document["output"].pop("video_url", None)
        return httpx.Response(200, headers={"Date": response.headers["Date"]}, json=document)

    _answers_seen_as(patch, respond)


def _submits_refused(patch: pytest.MonkeyPatch, refuses: Callable[[httpx.Response], bool]) -> None:
    def respond(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if request.url.path == SUBMIT and refuses(response):
            return httpx.Response(400, headers={"Date": response.headers["Date"]}, json=_REFUSED)
        return response

    _answers_seen_as(patch, respond)


class _Lacking(TaskFailed):
    """A list lacks a task."""


def missing_in_the_list_is_over(patch: pytest.MonkeyPatch) -> None:
    """A task that a list of those in flight lacks has failed, and is not asked for by itself."""
    follow, wait = attempt.follow, TaskWatch.wait

    async def believe(self: TaskWatch, watched: Watched) -> None:
        await wait(self, watched)
        if not watched.is_listed:
            raise _Lacking("the list lacks it.", code="InternalError")

    async def give_up(context: Any, work: Any, attempt_id: str, pace: Any) -> Any:
        try:
            return await follow(context, work, attempt_id, pace)
        except _Lacking as error:
            await close(context, attempt_id, State.FAILED, error.code, error.message)
            raise

    patch.setattr(TaskWatch, "wait", believe)
    patch.setattr(attempt, "follow", give_up)


CREDULOUS: tuple[Mutant, ...] = (
    local_clock_decides,
    date_of_another_host,
    forgotten_by_the_local_clock,
    unreadable_row_is_no_row,
    total_is_not_compared,
    dated_name_is_another_model,
    one_listing_is_enough,
    known_tasks_need_not_be_listed,
    baseline_not_durable,
    second_look_cancels_a_colleague,
    other_2xx_is_failure,
    proxy_page_is_a_verdict,
    no_id_is_no_task,
    failure_is_believed,
    missing_in_the_list_is_over,
)

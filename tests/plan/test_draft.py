"""What is asked × what is → one step and one reason for every edit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.decide import PlanOptions
from reconciler.plan.step import Action
from reconciler.report.plan import describe_plan_cost
from reconciler.state.observed import Attempt, Observed, Output, Pin, Result, State
from tests import making
from tests.making import (
    find_step,
    make_attempt,
    make_chain,
    make_desired,
    make_digest,
    make_edit,
    make_file,
    make_observed,
    make_plan,
    make_result,
)

FILM = make_edit("film")
ASKED = make_desired(FILM)
KEY = making.make_job(FILM).key
VIDEO = make_result(FILM, "video")
OTHER = make_result(FILM, "other", duration_s=3.0)
ELSEWHERE = "beijing"


@dataclass(frozen=True)
class Case:
    """What is, what is allowed, and what must come of it."""

    action: Action
    reason: str
    results: list[Result] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    file: Output = field(default_factory=lambda: make_file(None))
    pin: Pin | None = None
    before: dict[str, Any] | None = None
    realm: str = "live"
    options: PlanOptions = field(default_factory=PlanOptions)
    person: bool = False
    repay: bool = False
    detail: str = ""
    price: float = 0.0

    def seen(self) -> Observed:
        return make_observed(
            ASKED,
            results=self.results,
            attempts=self.attempts,
            files={"film": self.file},
            pins={"film": self.pin} if self.pin else {},
            before={"film": self.before} if self.before else {},
            realm=self.realm,
        )


def tried(*states: State, code: str = "", message: str = "", **fields: Any) -> list[Attempt]:
    """Attempts of the film, one after the other."""
    made = {
        "task_id": "task-1",
        "task_status": "RUNNING",
        "code": code,
        "message": message,
        **fields,
    }
    return [
        make_attempt(FILM, state, **{**made, "id": f"attempt-{number}"})
        for number, state in enumerate(states)
    ]


FORCE, REPAY, RETRY = (
    PlanOptions(force=True),
    PlanOptions(repay=True),
    PlanOptions(retry_failed=True),
)
FAILED_FINAL = tried(
    State.FAILED,
    code="DataInspectionFailed",
    message="Input data may contain inappropriate content.",
)
INTERNAL = {"code": "InternalError.Algo", "message": "An internal error has occurred."}
NO_INPUT = {"code": "InvalidURL.Timeout", "message": "The input took too long."}
UNKNOWN_CODE = {"code": "Brand.New", "message": "Nobody knows."}
PINNED = Pin(KEY, VIDEO.digest)
LOST = {"collectable": False}
TAKEN = "renders/film.mp4 is a file that cutlist did not write, or that was changed since"

CASES = {
    # ------------------------------------------------------------ the result is there
    "keep": Case(
        Action.KEEP, "matches its result", [VIDEO], file=make_file("video", written="video")
    ),
    "keep: copied by hand": Case(
        Action.KEEP, "matches its result", [VIDEO], file=make_file("video")
    ),
    "write": Case(Action.WRITE, "the result is in the store, the file is not written yet", [VIDEO]),
    "write: deleted": Case(
        Action.WRITE,
        "the file was deleted; its result is in the store",
        [VIDEO],
        file=make_file(None, written="video"),
    ),
    "write: an older result": Case(
        Action.WRITE, "the file is of another result", [VIDEO], file=make_file("old", written="old")
    ),
    "conflict: not ours": Case(
        Action.BLOCKED, TAKEN, [VIDEO], file=make_file("holiday"), person=True, detail="--force"
    ),
    "conflict: changed since": Case(
        Action.BLOCKED,
        TAKEN,
        [VIDEO],
        file=make_file("cut by hand", written="video"),
        person=True,
        detail="--force",
    ),
    "conflict: forced": Case(
        Action.WRITE,
        "another file is there; it is overwritten (--force)",
        [VIDEO],
        file=make_file("holiday"),
        options=FORCE,
    ),
    "a live render replaces a mock one": Case(
        Action.WRITE,
        "the file is of another result",
        [VIDEO],
        file=make_file("mock", written="mock", realm="mock"),
    ),
    "a mock one does not replace a live one": Case(
        Action.BLOCKED,
        "renders/film.mp4 holds a live render",
        [VIDEO],
        file=make_file("live", written="live"),
        realm="mock",
        person=True,
        detail="--force",
    ),
    "a mock one replaces a live one when forced": Case(
        Action.WRITE,
        "the file is of another result",
        [VIDEO],
        file=make_file("live", written="live"),
        realm="mock",
        options=FORCE,
    ),
    "a live render was deleted": Case(
        Action.WRITE,
        "the file was deleted; its result is in the store",
        [VIDEO],
        file=make_file(None, written="live"),
        realm="mock",
    ),
    "the first of two results": Case(
        Action.KEEP, "matches its result", [VIDEO, OTHER], file=make_file("video", written="video")
    ),
    "the pinned one of two results": Case(
        Action.WRITE,
        "the file is of another result",
        [VIDEO, OTHER],
        file=make_file("video", written="video"),
        pin=Pin(KEY, OTHER.digest),
    ),
    "a pin of another key says nothing": Case(
        Action.KEEP,
        "matches its result",
        [VIDEO],
        file=make_file("video"),
        pin=Pin(make_digest("old"), make_digest("old")),
    ),
    "a result makes attempts old news": Case(
        Action.KEEP,
        "matches its result",
        [VIDEO],
        tried(State.FAILED, **INTERNAL),
        file=make_file("video"),
    ),
    # ------------------------------------------------------------ a pin without its result
    "pinned, not in this store": Case(
        Action.BLOCKED,
        f"cutlist.lock pins a result ({VIDEO.digest[:12]}…) that is not in this store",
        pin=PINNED,
        person=True,
        repay=True,
        detail="Copy the store",
        price=0.4,
    ),
    "pinned, another result in this store": Case(
        Action.BLOCKED,
        f"cutlist.lock pins a result ({VIDEO.digest[:12]}…) that is not in this store",
        [OTHER],
        pin=PINNED,
        person=True,
        repay=True,
        detail="--repay",
        price=0.4,
    ),
    "pinned, another result in this store, rendered here": Case(
        Action.BLOCKED,
        f"cutlist.lock pins a result ({VIDEO.digest[:12]}…) that is not in this store",
        [OTHER],
        tried(State.SUCCEEDED, task_id=OTHER.task["task_id"], collectable=True),
        pin=PINNED,
        person=True,
        repay=True,
        detail="--repay",
        price=0.4,
    ),
    "pinned, pay again": Case(
        Action.RENDER,
        f"cutlist.lock pins a result ({VIDEO.digest[:12]}…) that is not in this store; paid again",
        pin=PINNED,
        options=REPAY,
        price=0.4,
    ),
    "pinned, but a task is in flight": Case(
        Action.RESUME,
        "task task-1 RUNNING; already submitted, nothing is sent again",
        attempts=tried(State.SUBMITTED),
        pin=PINNED,
        price=0.4,
    ),
    # ------------------------------------------------------------ nothing is there
    "render": Case(Action.RENDER, "no result yet", price=0.4),
    "render: no store": Case(
        Action.RENDER,
        "no result in this store",
        before=dict(making.make_job(FILM).canonical),
        price=0.4,
    ),
    "render over a file that is not ours": Case(
        Action.BLOCKED, TAKEN, file=make_file("holiday"), person=True, detail="--force"
    ),
    "render over a file that is not ours, forced": Case(
        Action.RENDER, "no result yet", file=make_file("holiday"), options=FORCE, price=0.4
    ),
    "render over our own older video": Case(
        Action.RENDER, "no result yet", file=make_file("old", written="old"), price=0.4
    ),
    "mock render over a live video": Case(
        Action.BLOCKED,
        "renders/film.mp4 holds a live render",
        file=make_file("live", written="live"),
        realm="mock",
        person=True,
        detail="--force",
    ),
    # ------------------------------------------------------------ attempts that are not over
    "intent": Case(
        Action.SETTLE,
        "was being sent when the last run ended; the service is asked whether it arrived",
        attempts=tried(State.INTENT),
    ),
    "submitted": Case(
        Action.RESUME,
        "task task-1 RUNNING; already submitted, nothing is sent again",
        attempts=tried(State.SUBMITTED),
        price=0.4,
    ),
    "undecided": Case(
        Action.BLOCKED,
        "it is not certain whether its request reached the service",
        attempts=tried(State.UNDECIDED),
        person=True,
        detail="cutlist resolve film --adopt TASK_ID | --retry | --abandon",
    ),
    "undecided stays so": Case(
        Action.BLOCKED,
        "it is not certain whether its request reached the service",
        attempts=tried(State.UNDECIDED),
        person=True,
        options=PlanOptions(force=True, repay=True, retry_failed=True),
        detail="Nothing is sent",
    ),
    "succeeded, not in the store": Case(
        Action.RESUME,
        "its result is no longer in the store; collected again, free",
        attempts=tried(State.SUCCEEDED),
    ),
    **{
        f"{state.value.lower()} at another endpoint": Case(
            Action.BLOCKED,
            "its request went to beijing, not to singapore",
            attempts=tried(state, endpoint=ELSEWHERE),
            person=True,
            detail="--endpoint beijing",
        )
        for state in (State.INTENT, State.SUBMITTED, State.UNDECIDED, State.SUCCEEDED)
    },
    # ------------------------------------------------------------ paid and gone
    "succeeded, forgotten by the service": Case(
        Action.BLOCKED,
        "its result was paid and is lost",
        attempts=tried(State.SUCCEEDED, **LOST),
        person=True,
        repay=True,
        detail="--repay",
        price=0.4,
    ),
    "lost": Case(
        Action.BLOCKED,
        "its result was paid and is lost",
        attempts=tried(State.LOST, **LOST),
        person=True,
        repay=True,
        detail="--repay",
        price=0.4,
    ),
    "expired": Case(
        Action.BLOCKED,
        "expired at the service before it was collected",
        attempts=tried(State.EXPIRED, **LOST),
        person=True,
        repay=True,
        detail="--repay",
        price=0.4,
    ),
    "expired, pay again": Case(
        Action.RENDER,
        "expired at the service before it was collected; paid again",
        attempts=tried(State.EXPIRED, **LOST),
        options=REPAY,
        price=0.4,
    ),
    "lost, pay again": Case(
        Action.RENDER,
        "its result was paid and is lost; paid again",
        attempts=tried(State.LOST, **LOST),
        options=REPAY,
        price=0.4,
    ),
    "expired, another flag does not pay": Case(
        Action.BLOCKED,
        "expired at the service before it was collected",
        attempts=tried(State.EXPIRED, **LOST),
        options=PlanOptions(force=True, retry_failed=True),
        person=True,
        repay=True,
        detail="--repay",
        price=0.4,
    ),
    # ------------------------------------------------------------ refused
    "failed for good": Case(
        Action.BLOCKED,
        "the service refused it: DataInspectionFailed",
        attempts=FAILED_FINAL,
        detail="Input data may contain inappropriate content.",
    ),
    "failed for good, sent again on demand": Case(
        Action.RENDER,
        "failed at the service (DataInspectionFailed); sent again",
        attempts=FAILED_FINAL,
        options=RETRY,
        price=0.4,
    ),
    "failed for good, another flag does not send": Case(
        Action.BLOCKED,
        "the service refused it: DataInspectionFailed",
        attempts=FAILED_FINAL,
        options=PlanOptions(force=True, repay=True),
        detail="--retry-failed",
    ),
    "rejected": Case(
        Action.BLOCKED,
        "the service refused it: InvalidParameter",
        attempts=tried(
            State.REJECTED, code="InvalidParameter", message="Field required: input.media"
        ),
        detail="InvalidParameter: Field required: input.media",
    ),
    "rejected, sent again on demand": Case(
        Action.RENDER,
        "no result yet",
        attempts=tried(State.REJECTED, code="InvalidParameter"),
        options=RETRY,
        price=0.4,
    ),
    "rejected for an input, may pass": Case(
        Action.RENDER,
        "no result yet",
        attempts=tried(State.REJECTED, State.REJECTED, **NO_INPUT),
        price=0.4,
    ),
    "rejected for an input, three times": Case(
        Action.BLOCKED,
        "the service refused it: InvalidURL.Timeout",
        attempts=tried(State.REJECTED, State.REJECTED, State.REJECTED, **NO_INPUT),
        detail="Check that its address",
    ),
    "failed inside the service": Case(
        Action.RENDER,
        "failed at the service (InternalError.Algo); sent again",
        attempts=tried(State.FAILED, State.FAILED, **INTERNAL),
        price=0.4,
    ),
    "failed inside the service, three times": Case(
        Action.BLOCKED,
        "the service refused it: InternalError.Algo",
        attempts=tried(State.FAILED, State.FAILED, State.FAILED, **INTERNAL),
        detail="The fault is the service's",
    ),
    "failed with an unknown code": Case(
        Action.BLOCKED,
        "the service refused it: Brand.New",
        attempts=tried(State.FAILED, **UNKNOWN_CODE),
        detail="does not know",
    ),
    "failed to download, told by its message": Case(
        Action.RENDER,
        "failed at the service (InvalidParameter); sent again",
        attempts=tried(
            State.FAILED,
            code="InvalidParameter",
            message="Failed to download https://example.com/a.mp4",
        ),
        price=0.4,
    ),
    "canceled": Case(Action.RENDER, "no result yet", attempts=tried(State.CANCELED), price=0.4),
    "not sent": Case(Action.RENDER, "no result yet", attempts=tried(State.NOT_SENT), price=0.4),
    "given up": Case(
        Action.BLOCKED,
        "given up by a person",
        attempts=tried(State.ABANDONED),
        detail="--retry-failed",
    ),
    "given up, sent after all": Case(
        Action.RENDER, "no result yet", attempts=tried(State.ABANDONED), options=RETRY, price=0.4
    ),
    # ------------------------------------------------------------ of several attempts
    "an open one counts, however old": Case(
        Action.RESUME,
        "task task-1 RUNNING; already submitted, nothing is sent again",
        attempts=tried(State.SUBMITTED, State.FAILED, **INTERNAL),
        price=0.4,
    ),
    "else the newest counts": Case(
        Action.RENDER,
        "failed at the service (InternalError.Algo); sent again",
        attempts=[*tried(State.FAILED, **INTERNAL), *tried(State.NOT_SENT)],
        price=0.4,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_one_edit(case: Case) -> None:
    """Each state of the world asks for one step, gives one reason, and costs what it says."""
    made = find_step(make_plan(ASKED, case.seen(), case.options), "film")
    assert (made.action, made.reason) == (case.action, case.reason)
    assert case.detail in "\n".join(made.details)
    assert (made.needs_person, made.repay) == (case.person, case.repay)
    assert (made.cost.price, made.key) == (case.price, KEY)
    if case.action in (Action.KEEP, Action.WRITE):
        assert made.digest in {VIDEO.digest, OTHER.digest}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_exit_2_if_and_only_if_there_are_changes(case: Case) -> None:
    """`changes` holds exactly when a count other than keep is not zero."""
    made = make_plan(ASKED, case.seen(), case.options)
    assert made.changes == any(count for name, count in made.summary.items() if name != "keep")
    assert made.changes == (case.action is not Action.KEEP)
    assert sum(made.summary.values()) == len(made.steps)


# ------------------------------------------------------------------ reasons


@pytest.mark.parametrize(
    ("now", "reason", "details"),
    [
        (
            {"input": {"prompt": "Make it red", "media": [making.CLIP]}},
            "prompt changed",
            ("Make it [blue→red]",),
        ),
        (
            {"parameters": {"resolution": "1080P"}},
            "parameters.resolution changed",
            ("parameters.resolution: 720P → 1080P (the default)",),
        ),
        (
            {"parameters": {"resolution": "720P", "seed": 7}},
            "parameters.seed changed",
            ("parameters.seed: not set → 7",),
        ),
        (
            {"parameters": {"resolution": "720P", "watermark": True}},
            "parameters.watermark changed",
            ("parameters.watermark: false (the default) → true",),
        ),
        ({"take": 2}, "take 2 asked for", ()),
        (
            {"take": 2, "input": {"prompt": "Make it red", "media": [making.CLIP]}},
            "prompt changed, take 2 asked for",
            ("Make it [blue→red]",),
        ),
        (
            {
                "input": {
                    "prompt": "Make it blue",
                    "media": [{"type": "video", "url": "./other.mp4"}],
                }
            },
            "input specs/other.mp4 changed",
            (),
        ),
        (
            {
                "input": {
                    "prompt": "Make it blue",
                    "media": [{"type": "video", "url": "https://e.com/a.mp4?Signature=x"}],
                }
            },
            "input https://e.com/a.mp4 changed",
            (),
        ),
        (
            {
                "input": {
                    "prompt": "Make it blue",
                    "media": [making.CLIP, {"type": "reference_image", "url": "./a.png"}],
                }
            },
            "input.media changed",
            (),
        ),
        ({"input": {"media": [making.CLIP]}}, "prompt changed", ()),
    ],
)
def test_what_changed(now: dict[str, Any], reason: str, details: tuple[str, ...]) -> None:
    """A changed job is told by the field that changed, with its old and its new value; no digest,
    no signature.
    """
    asked = make_desired(make_edit("film", **now))
    made = find_step(
        make_plan(asked, make_observed(asked, before={"film": making.make_job(FILM).canonical})),
        "film",
    )
    assert (made.action, made.reason) == (Action.RENDER, reason)
    assert all(each in made.details for each in details)
    assert "sha256" not in f"{made.reason}{made.details}"


def test_the_place_of_a_change() -> None:
    """A changed field is pointed at where it stands; an edit without a past, where it begins."""
    asked = make_desired(
        making.read_edit(
            "apiVersion: cutlist/v1\nkind: Edit\nmetadata: {name: film}\nspec:\n  model:"
            " wan2.7-videoedit\n  input:\n    prompt: Make it red\n    media: [{type: video, url:"
            " ./clip.mp4}]\n  parameters: {resolution: 720P}\n"
        )
    )
    changed = find_step(
        make_plan(asked, make_observed(asked, before={"film": making.make_job(FILM).canonical})),
        "film",
    )
    assert str(changed.place) == "specs/case.yaml:7:13"
    assert (
        str(find_step(make_plan(asked, make_observed(asked)), "film").place)
        == "specs/case.yaml:1:1"
    )


# ------------------------------------------------------------------ several edits


def test_two_edits_of_one_job_are_paid_once() -> None:
    """The first by name pays; the second says so and costs nothing; both are counted as renders."""
    asked = make_desired(make_edit("b"), make_edit("a"))
    made = make_plan(asked, make_observed(asked))
    first, second = find_step(made, "a"), find_step(made, "b")
    assert first.key == second.key
    assert (first.cost.price, first.paid_by, second.cost.price, second.paid_by) == (
        0.4,
        None,
        0.0,
        "a",
    )
    assert second.details == ("the same request as a: paid once",)
    assert (made.summary["render"], made.total(Action.RENDER).price) == (2, 0.4)


def test_two_edits_of_one_result() -> None:
    """A result counts for every edit that asks for its job, whoever it was rendered for."""
    asked = make_desired(make_edit("a"), make_edit("b"))
    results = [make_result(make_edit("a"))]
    observed = make_observed(asked, results=results, files={"a": make_file("video")})
    made = make_plan(asked, observed)
    assert (find_step(made, "a").action, find_step(made, "b").action) == (Action.KEEP, Action.WRITE)


def test_a_chain_waits_for_its_beginning() -> None:
    """Without an upstream result there is no key; the wait is told, and its cost counted
    at most.
    """
    asked = make_desired(make_edit("a"), make_chain("b", "a"), make_chain("c", "b"))
    made = make_plan(asked, make_observed(asked))
    assert [(each.name, each.action, each.reason) for each in made.steps] == [
        ("a", Action.RENDER, "no result yet"),
        ("b", Action.WAIT, "waits for a; its key is known after that"),
        ("c", Action.WAIT, "waits for b; its key is known after that"),
    ]
    assert [each.key is None for each in made.steps] == [False, True, True]
    assert made.total(Action.RENDER, Action.WAIT).price == 1.2


def test_what_waits_in_vain_costs_nothing() -> None:
    """Below an edit that is blocked or suspended nothing is rendered in this apply: no question, no
    budget.
    """
    blocked = {
        "attempts": [make_attempt(make_edit("a"), State.FAILED, code="DataInspectionFailed")]
    }
    for first, seen in ((make_edit("a"), blocked), (make_edit("a", suspend=True), {})):
        asked = make_desired(first, make_chain("b", "a"), make_chain("c", "b"))
        made = make_plan(asked, make_observed(asked, **seen))
        assert [
            (find_step(made, name).action, find_step(made, name).reason) for name in ("b", "c")
        ] == [
            (Action.WAIT, "waits for a, which gets no result now"),
            (Action.WAIT, "waits for b, which gets no result now"),
        ]
        assert made.total(Action.RENDER, Action.WAIT).price == 0.0
        assert describe_plan_cost(made) == (
            "Cost: nothing now; what is held up would add at most 8.0 s billable, 0.80 USD."
        )
        assert [each.name for each in made.steps if each.may_pay] == []


def test_what_a_twin_brings_is_not_waited_for_in_vain() -> None:
    """A file in the way blocks one edit; another with the same job renders, and the chain goes on:
    that is counted.
    """
    asked = make_desired(make_edit("a"), make_edit("twin"), make_chain("b", "a"))
    made = make_plan(asked, make_observed(asked, files={"a": make_file("somebody's")}))
    assert [each.action for each in made.steps] == [Action.BLOCKED, Action.WAIT, Action.RENDER]
    assert made.total(Action.RENDER, Action.WAIT).price == 0.8


def test_what_waits_for_the_same_is_paid_once() -> None:
    """Two edits will have one key when their upstream has a result: the bound counts each job once,
    down the chain.
    """
    asked = make_desired(
        make_edit("a"),
        make_edit("twin"),
        make_chain("b", "a"),
        make_chain("c", "twin"),
        make_chain("d", "b"),
        make_chain("e", "c"),
    )
    made = make_plan(asked, make_observed(asked))
    assert {each.name: each.paid_by for each in made.steps} == {
        "a": None,
        "twin": "a",
        "b": None,
        "c": "b",
        "d": None,
        "e": "d",
    }
    assert made.total(Action.RENDER, Action.WAIT).price == 1.2
    assert all(each.may_pay for each in made.steps)
    still = make_desired(make_edit("a"), make_chain("b", "a", suspend=True))
    assert [
        each.name
        for each in make_plan(still, make_observed(still), PlanOptions(refresh_only=True)).steps
    ] == ["b"]
    other = make_desired(make_edit("a"), make_chain("b", "a"), make_chain("c", "a", take=2))
    assert make_plan(other, make_observed(other)).total(Action.WAIT).price == 0.8


def test_a_chain_goes_on_where_its_beginning_ended() -> None:
    """With an upstream result the key is known, and depends on that result's bytes."""
    first = make_result(make_edit("a"), "video a", duration_s=3.0)
    second = make_result(make_chain("b", "a"), "video b", upstream=first.digest)
    asked = make_desired(make_edit("a"), make_chain("b", "a"))
    made = make_plan(
        asked,
        make_observed(
            asked,
            results=[first, second],
            files={"a": make_file("video a"), "b": make_file("video b")},
        ),
    )
    assert [each.action for each in made.steps] == [Action.KEEP, Action.KEEP]
    again = replace(first, digest=make_digest("another take"))
    made = make_plan(asked, make_observed(asked, results=[again, second], before={"b": second.job}))
    assert (find_step(made, "b").action, find_step(made, "b").reason) == (
        Action.RENDER,
        "input edit://a changed",
    )


def test_a_blocked_upstream_blocks_nobody_else() -> None:
    """What builds on a failed edit waits; what does not goes on."""
    asked = make_desired(make_edit("a"), make_chain("b", "a"), make_edit("c", take=2))
    made = make_plan(
        asked,
        make_observed(
            asked,
            attempts=[make_attempt(make_edit("a"), State.FAILED, code="IPInfringementSuspect")],
        ),
    )
    assert [each.action for each in made.steps] == [Action.BLOCKED, Action.WAIT, Action.RENDER]


def test_the_plan_is_sorted_and_says_where_it_looked() -> None:
    """Steps come by name; realm, endpoint, account, warnings and damage are part of the plan."""
    asked = make_desired(make_chain("a", "z"), make_edit("z"), make_edit("m", take=3))
    made = make_plan(
        asked, make_observed(asked, damaged=["the blob abc… of film is missing or cut short"])
    )
    assert [each.name for each in made.steps] == ["a", "m", "z"]
    assert (made.realm, made.endpoint, made.account, made.currency) == (
        "live",
        "singapore",
        "studio",
        "USD",
    )
    assert made.notes == ("the blob abc… of film is missing or cut short",)


ONE_OF = [case for case in CASES.values() if not case.pin]


@given(st.lists(st.sampled_from(ONE_OF), min_size=1, max_size=5))
def test_counts_add_up(cases: list[Case]) -> None:
    """In any mixture, every edit has one step, counts are those of the steps, and changes are what
    is not kept.
    """
    edits = [make_edit(f"e{number}", take=number + 1) for number in range(len(cases))]
    asked = make_desired(*edits)
    seen = make_observed(
        asked,
        results=[
            make_result(one, "video")
            for one, case in zip(edits, cases, strict=True)
            if case.results
        ],
        attempts=[
            replace(each, key=making.make_job(one).key, id=f"{one.name}-{each.id}")
            for one, case in zip(edits, cases, strict=True)
            for each in case.attempts
        ],
        files={one.name: case.file for one, case in zip(edits, cases, strict=True)},
    )
    made = make_plan(asked, seen)
    assert [each.name for each in made.steps] == sorted(one.name for one in edits)
    assert sum(made.summary.values()) == len(edits)
    assert made.changes == (made.summary["keep"] != len(edits))
    assert made == make_plan(asked, seen)


def test_what_was_paid_again_takes_the_place_of_the_pinned() -> None:
    """With --repay a pin gives way to a result that is here; one whose result is here, or that has
    none, stays.
    """
    seen = make_observed(ASKED, results=[OTHER], pins={"film": PINNED}).repaid()
    assert seen.choose_result(KEY, seen.pin("film", KEY)) == OTHER
    seen = make_observed(ASKED, results=[OTHER, VIDEO], pins={"film": PINNED}).repaid()
    assert seen.choose_result(KEY, seen.pin("film", KEY)) == VIDEO
    assert make_observed(ASKED, pins={"film": PINNED}).repaid().pins == {"film": PINNED}


def test_what_a_render_forces_is_named() -> None:
    """The nearest of what builds on it, also through others; five at most, each once."""
    links = make_desired(make_edit("a"), make_chain("b", "a"), make_chain("c", "b"))
    assert (
        make_plan(links, make_observed(links)).describe_followers()["a"]
        == "b, c build on it and follow"
    )
    fan = make_desired(make_edit("a"), *(make_chain(f"b{number}", "a") for number in range(9)))
    told = make_plan(fan, make_observed(fan)).describe_followers()
    assert told == {"a": "b0, b1, b2, b3, b4 and more build on it and follow"}


def test_going_back_is_free_and_says_so() -> None:
    """A prompt that went back to what it was: the file is replaced, the change named, nothing is
    paid.
    """
    later = make_edit("film", input={"prompt": "Make it green", "media": [making.CLIP]})
    newer = make_result(later, "newer")
    seen = make_observed(
        ASKED,
        results=[VIDEO, newer],
        files={"film": make_file("newer", written="newer")},
        before={"film": newer.job},
    )
    made = find_step(make_plan(ASKED, seen), "film")
    assert (made.action, made.cost.price) == (Action.WRITE, 0.0)
    assert made.reason == "prompt changed; its result is in the store: nothing is paid"
    assert made.details == ("Make it [green→blue]",)


def test_a_default_is_told_by_its_value() -> None:
    """What a model does without the field stands in no job, and is no "not set" to people; a field
    without one is.
    """
    set_out, bare = (
        make_edit("a", parameters={"resolution": "720P", "seed": 7}),
        make_edit("a", parameters={}),
    )
    for old, new, words in (
        (
            set_out,
            bare,
            ("parameters.resolution: 720P → 1080P (the default)", "parameters.seed: 7 → not set"),
        ),
        (
            bare,
            set_out,
            ("parameters.resolution: 1080P (the default) → 720P", "parameters.seed: not set → 7"),
        ),
    ):
        asked = make_desired(new)
        made = make_plan(asked, make_observed(asked, before={"a": make_result(old).job}))
        assert find_step(made, "a").details == words

"""How the status of a sync becomes another: the rules, as tables and for any history."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.context import NeedsPerson
from reconciler.controller.conditions import (
    MOST_PASSES,
    ConditionType,
    EditStatus,
    Health,
    PassEnd,
    SyncState,
    SyncStatus,
    Truth,
)
from reconciler.controller.transitions import (
    PassResult,
    begin_pass,
    confirm,
    end_pass,
    fail_pass,
    resume,
    stop_pass,
    suspend,
    wait_for_approval,
)
from reconciler.errors import (
    BudgetExceeded,
    CutlistError,
    Fault,
    InvalidInput,
    Locked,
    NotReached,
    Place,
    RemoteRefused,
    RemoteUnreachable,
    Unauthorized,
)

NOW = 1_800_000_000.0
OLD, NEW = "a" * 40, "b" * 40
GOOD = EditStatus("good", SyncState.SYNCED, Health.HEALTHY)
LATE = EditStatus("late", SyncState.OUT_OF_SYNC, Health.MISSING, "no result yet")
DONE = PassResult(edits=(GOOD,), counts={"rendered": 1}, cost=0.5, currency="USD")
QUIET = PassResult(edits=(GOOD,))
FAILED = PassResult(edits=(GOOD, LATE), synced=False, trouble="late: the service said no.")
STUCK = PassResult(edits=(GOOD, LATE), synced=False, needs_person=("late",))
BROKEN = InvalidInput([Fault(Place("specs/a.yaml", n), f"fault {n}") for n in range(1, 6)])


def tell(status: SyncStatus) -> dict[str, str]:
    """Every condition as `Type: Status/Reason`, for tables."""
    return {each.type.value: f"{each.status.value}/{each.reason}" for each in status.conditions}


def after(*results: PassResult | CutlistError, revision: str = OLD) -> SyncStatus:
    """A sync after passes that ended so, a minute apart."""
    status, now = SyncStatus("films"), NOW
    for result in results:
        status = begin_pass(status, revision, now)
        if isinstance(result, PassResult):
            status = end_pass(status, result, now + 10)
        else:
            status = fail_pass(status, result, now + 10)
        now += 60
    return status


# ------------------------------------------------------------------ one pass


def test_a_new_commit_is_unknown_until_its_pass_has_ended() -> None:
    """Reconciling is there while it is so, and Ready is Unknown."""
    status = begin_pass(SyncStatus("films"), OLD, NOW)
    assert tell(status) == {"Ready": "Unknown/Progressing", "Reconciling": "True/Progressing"}
    assert (status.last_attempted_revision, status.last_applied_revision) == (OLD, "")
    assert status.pass_started == NOW
    ended = end_pass(status, DONE, NOW + 10)
    assert tell(ended) == {"Ready": "True/Applied"}
    assert (ended.last_applied_revision, ended.pass_started) == (OLD, None)
    assert (ended.sync, ended.health) == (SyncState.SYNCED, Health.HEALTHY)


@pytest.mark.parametrize(
    ("result", "conditions", "end"),
    [
        (DONE, {"Ready": "True/Applied"}, PassEnd.APPLIED),
        (
            FAILED,
            {"Ready": "False/EditsFailed", "Reconciling": "True/ProgressingWithRetry"},
            PassEnd.FAILED,
        ),
        (
            replace(FAILED, trouble=""),
            {"Ready": "False/Unfinished", "Reconciling": "True/ProgressingWithRetry"},
            PassEnd.FAILED,
        ),
        (STUCK, {"Ready": "False/NeedsPerson", "Stalled": "True/NeedsPerson"}, PassEnd.STALLED),
        (
            replace(FAILED, trouble="", planned_only=True),
            {"Ready": "True/Planned"},
            PassEnd.PLANNED,
        ),
        (replace(QUIET, planned_only=True), {"Ready": "True/Applied"}, PassEnd.APPLIED),
        (
            NotReached("no network"),
            {"Ready": "False/NotReached", "Reconciling": "True/ProgressingWithRetry"},
            PassEnd.FAILED,
        ),
        (
            Locked("another process"),
            {"Ready": "False/Locked", "Reconciling": "True/ProgressingWithRetry"},
            PassEnd.FAILED,
        ),
        (BROKEN, {"Ready": "False/InvalidInput", "Stalled": "True/InvalidInput"}, PassEnd.STALLED),
        (
            BudgetExceeded("too dear"),
            {"Ready": "False/BudgetExceeded", "Stalled": "True/BudgetExceeded"},
            PassEnd.STALLED,
        ),
        (
            RemoteRefused("no such repository"),
            {"Ready": "False/RemoteRefused", "Stalled": "True/RemoteRefused"},
            PassEnd.STALLED,
        ),
        (
            RemoteUnreachable("no answer"),
            {"Ready": "False/RemoteUnreachable", "Reconciling": "True/ProgressingWithRetry"},
            PassEnd.FAILED,
        ),
        (
            NeedsPerson("nobody can tell"),
            {"Ready": "False/NeedsPerson", "Stalled": "True/NeedsPerson"},
            PassEnd.STALLED,
        ),
        (
            Unauthorized("the key is refused"),
            {"Ready": "False/Unauthorized", "Stalled": "True/Unauthorized"},
            PassEnd.STALLED,
        ),
    ],
    ids=lambda value: value.value if isinstance(value, PassEnd) else "",
)
def test_how_passes_end(
    result: PassResult | CutlistError, conditions: dict[str, str], end: PassEnd
) -> None:
    """Stalled where a person is needed; what the next pass tries again goes on reconciling."""
    status = after(result)
    assert tell(status) == conditions
    assert status.history[-1].end is end
    assert (status.last_applied_revision == OLD) == (end is PassEnd.APPLIED)


def test_what_is_only_planned_costs_nothing() -> None:
    """The price of a plan is not what was spent."""
    plan = replace(DONE, counts={}, planned_only=True, synced=False)
    assert after(plan).history[-1].cost == 0
    status = wait_for_approval(begin_pass(SyncStatus("films"), OLD, NOW), "p1", plan, NOW)
    assert status.history[-1].cost == 0
    assert "p1 waits for a person, for 0.50 USD: `cutlist sync plan films` shows it" in (
        status.history[-1].message
    )


def test_a_broken_manifest_is_told_with_its_places() -> None:
    """The first faults and how many more there are; in one line, with a bound."""
    (ready, _) = after(BROKEN).conditions
    assert ready.message.startswith("specs/a.yaml:1:1: error: fault 1; specs/a.yaml:2:1: error:")
    assert ready.message.endswith("; and 2 more faults")
    long = after(CutlistError("x" * 5000 + "\n\x1b[2J", hint="Do this.")).conditions[0].message
    assert len(long) == 1000 and long.isprintable()


def test_what_could_not_be_compared_is_unknown_and_keeps_its_edits() -> None:
    """A remote that hangs says nothing of the videos that are there."""
    status = after(DONE, NotReached("no network"))
    assert (status.sync, status.health) == (SyncState.UNKNOWN, Health.HEALTHY)
    assert status.edits == (GOOD,)
    assert after(DONE, BROKEN).health is Health.DEGRADED


# ------------------------------------------------------------------ one after another


def test_a_look_for_drift_leaves_ready_as_it_is() -> None:
    """The same commit again: it is reconciling, and what was ready is."""
    status = begin_pass(after(DONE), OLD, NOW + 60)
    assert tell(status) == {"Ready": "True/Applied", "Reconciling": "True/Progressing"}
    status = begin_pass(after(DONE), NEW, NOW + 60)
    assert tell(status) == {"Ready": "Unknown/Progressing", "Reconciling": "True/Progressing"}
    assert (status.last_attempted_revision, status.last_applied_revision) == (NEW, OLD)


def test_what_is_stalled_waits_for_a_commit_or_a_person() -> None:
    """A look for drift in between changes nothing, so nobody is told of it every minute."""
    stalled = after(STUCK)
    assert begin_pass(stalled, OLD, NOW + 60).conditions == stalled.conditions
    progressing = {"Ready": "Unknown/Progressing", "Reconciling": "True/Progressing"}
    assert tell(begin_pass(stalled, NEW, NOW + 60)) == progressing
    assert "Stalled" not in tell(begin_pass(stalled, OLD, NOW + 60, asked=True))
    again = after(STUCK, STUCK, STUCK)
    assert [each.since for each in again.conditions] == [each.since for each in stalled.conditions]


def test_since_is_the_moment_of_the_status_and_not_of_the_reason() -> None:
    """Another reason for the same status keeps its moment; a status that comes back has a new."""
    first = after(FAILED).find(ConditionType.READY)
    second = after(FAILED, NotReached("no network")).find(ConditionType.READY)
    third = after(FAILED, NotReached("no network"), DONE, FAILED).find(ConditionType.READY)
    assert first and second and third
    assert (first.reason, second.reason) == ("EditsFailed", "NotReached")
    assert (first.since, second.since, third.since) == (NOW + 10, NOW + 10, NOW + 190)


def test_a_remote_that_answers_again_is_ready_again() -> None:
    """Where all is as the last whole pass left it there is no pass to say so."""
    failed = after(DONE, NotReached("no network"))
    status = confirm(failed, NOW + 120)
    assert tell(status) == {"Ready": "True/Applied"}
    assert (status.sync, status.health) == (SyncState.SYNCED, Health.HEALTHY)
    assert status.history == failed.history
    assert confirm(status, NOW + 180) is status
    assert confirm(suspend(failed), NOW + 120).health is Health.SUSPENDED


def test_a_plan_that_waits_is_void_with_the_next_commit() -> None:
    """A person is needed until then, and every look for drift finds the same plan."""
    plan = PassResult(edits=(LATE,), synced=False, cost=1.0, currency="USD", planned_only=True)
    status = SyncStatus("films")
    for minute in range(3):
        status = begin_pass(status, OLD, NOW + 60 * minute)
        status = wait_for_approval(status, "p1", plan, NOW + 60 * minute + 5)
    assert tell(status) == {"Ready": "False/WaitsForApproval", "Stalled": "True/WaitsForApproval"}
    assert (status.waiting_plan, len(status.history), status.history[0].times) == ("p1", 1, 3)
    assert begin_pass(status, NEW, NOW + 200).waiting_plan == ""
    assert begin_pass(status, OLD, NOW + 200, agreed=True).waiting_plan == ""
    assert begin_pass(status, OLD, NOW + 200, asked=True).waiting_plan == "p1"
    assert end_pass(begin_pass(status, OLD, NOW + 200), DONE, NOW + 210).waiting_plan == ""


def test_suspend_and_resume() -> None:
    """Nothing reconciles while it is suspended; afterwards it is as it was last seen."""
    status = suspend(after(DONE, FAILED))
    assert (status.health, status.suspended) == (Health.SUSPENDED, True)
    assert "Reconciling" not in tell(status)
    resumed = resume(status)
    assert (resumed.health, resumed.suspended) == (Health.MISSING, False)
    assert resume(suspend(after(STUCK))).health is Health.DEGRADED
    assert resume(suspend(SyncStatus("films"))).health is Health.MISSING
    # a pass that ends while it is suspended does not wake it
    running = suspend(begin_pass(after(DONE), NEW, NOW))
    for ended in (end_pass(running, FAILED, NOW), fail_pass(running, BROKEN, NOW)):
        assert (ended.health, "Reconciling" in tell(ended)) == (Health.SUSPENDED, False)


def test_a_pass_that_was_given_up_is_followed_by_another() -> None:
    """A newer commit, or the end of the controller; what was ready is not judged."""
    running = begin_pass(after(DONE), NEW, NOW + 60)
    status = stop_pass(running, PassEnd.SUPERSEDED, NOW + 65)
    assert tell(status) == {"Ready": "Unknown/Progressing", "Reconciling": "True/Progressing"}
    assert status.history[-1].end is PassEnd.SUPERSEDED
    assert (status.history[-1].revision, status.last_applied_revision) == (NEW, OLD)
    assert status.pass_started is None


def test_quiet_passes_do_not_push_out_what_happened() -> None:
    """A thousand looks at the same commit that find nothing are one entry."""
    status = after(DONE, FAILED, *[DONE] * 3, *[QUIET] * 1000)
    assert [record.times for record in status.history] == [1, 1, 1, 1, 1, 1000]
    many = after(*[DONE] * 50)
    assert len(many.history) == MOST_PASSES
    assert many.history[-1].ended == NOW + 49 * 60 + 10


# ------------------------------------------------------------------ any history

_TIMES = st.integers(0, 10**12).map(lambda thousandths: thousandths / 1000)
_TEXTS = st.text(max_size=20)
_EDITS = st.builds(EditStatus, _TEXTS, st.sampled_from(SyncState), st.sampled_from(Health), _TEXTS)
_RESULTS = st.builds(
    PassResult,
    edits=st.lists(_EDITS, max_size=3).map(tuple),
    synced=st.booleans(),
    counts=st.dictionaries(_TEXTS, st.integers(0, 9), max_size=2),
    cost=st.none() | st.floats(0, 1e6),
    currency=st.sampled_from(["", "USD"]),
    needs_person=st.lists(_TEXTS, max_size=5).map(tuple),
    trouble=_TEXTS,
    planned_only=st.booleans(),
)
_ERRORS = st.sampled_from([BROKEN, NotReached("no\nnetwork"), CutlistError("x" * 2000)])
Transition = Callable[[SyncStatus, float], SyncStatus]
_TRANSITIONS: st.SearchStrategy[Transition] = st.one_of(
    st.tuples(st.sampled_from([OLD, NEW, ""]), st.booleans()).map(
        lambda drawn: lambda status, now: begin_pass(status, drawn[0], now, asked=drawn[1])
    ),
    _RESULTS.map(lambda result: lambda status, now: end_pass(status, result, now)),
    _ERRORS.map(lambda error: lambda status, now: fail_pass(status, error, now)),
    _RESULTS.map(lambda result: lambda status, now: wait_for_approval(status, "p1", result, now)),
    st.sampled_from([PassEnd.SUPERSEDED, PassEnd.INTERRUPTED]).map(
        lambda end: lambda status, now: stop_pass(status, end, now)
    ),
    st.sampled_from([suspend, resume]).map(lambda change: lambda status, _now: change(status)),
    st.just(confirm),
)


@given(st.lists(st.tuples(_TRANSITIONS, _TIMES), max_size=30))
def test_the_rules_hold_in_any_history(history: list[tuple[Transition, float]]) -> None:
    """Whatever happens in whatever order, also with a clock that jumps."""
    status = SyncStatus("films")
    for change, now in history:
        before, status = status, change(status, now)
        kinds = [each.type for each in status.conditions]
        assert kinds == sorted(set(kinds), key=list(ConditionType).index)
        assert not {ConditionType.RECONCILING, ConditionType.STALLED} <= set(kinds)
        for each in status.conditions:
            assert each.type is ConditionType.READY or each.status is Truth.TRUE
            was = before.find(each.type)
            if was is not None:
                assert (was.since == each.since) or was.status is not each.status
        if ConditionType.STALLED in kinds:
            ready = status.find(ConditionType.READY)
            assert ready is not None and ready.status is Truth.FALSE
        assert len(status.history) <= MOST_PASSES
        assert not status.suspended or status.health is Health.SUSPENDED
        assert SyncStatus.from_json(json.loads(json.dumps(status.to_json()))) == status

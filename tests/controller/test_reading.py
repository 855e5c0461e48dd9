"""What plans and reports say about a sync."""

from __future__ import annotations

from dataclasses import replace

from reconciler.apply.outcome import Outcome, Report
from reconciler.controller.conditions import Health, SyncState
from reconciler.controller.reading import classify_edits, read_plan, read_report
from reconciler.errors import Rejected
from reconciler.plan.step import Action, Plan
from reconciler.state.observed import State
from tests.making import (
    make_attempt,
    make_desired,
    make_edit,
    make_file,
    make_observed,
    make_plan,
    make_result,
)

NOW = 1_800_000_000.0


def films() -> Plan:
    """One edit of each health."""
    names = ("fine", "gone", "new", "sent", "refused", "old")
    one = {name: make_edit(name, take=number + 1) for number, name in enumerate(names)}
    alone = replace(make_edit("alone", take=9), suspend=True)
    asked = make_desired(*one.values(), alone)
    task = {"task_status": "RUNNING"}
    seen = make_observed(
        asked,
        results=[make_result(one[name], name) for name in ("fine", "gone")],
        files={
            "fine": make_file("fine", written="fine"),
            "gone": make_file(None, written="gone"),
        },
        attempts=[
            make_attempt(one["sent"], State.SUBMITTED, task_id="t1", created_at=NOW - 60, **task),
            make_attempt(
                one["old"], State.SUBMITTED, task_id="t2", created_at=NOW - 21 * 3600, **task
            ),
            make_attempt(
                one["refused"],
                State.FAILED,
                code="DataInspectionFailed",
                message="Inappropriate content.",
                ended_at=NOW - 60,
            ),
        ],
    )
    return make_plan(asked, seen)


def test_every_edit_has_its_state() -> None:
    """Also one that is left alone on purpose, and a task that is about to be forgotten."""
    told = {
        edit.name: (edit.sync.value, edit.health.value) for edit in classify_edits(films(), NOW)
    }
    assert told == {
        "alone": ("Synced", "Suspended"),
        "fine": ("Synced", "Healthy"),
        "gone": ("OutOfSync", "Missing"),
        "new": ("OutOfSync", "Missing"),
        "old": ("OutOfSync", "Degraded"),
        "refused": ("OutOfSync", "Degraded"),
        "sent": ("OutOfSync", "Progressing"),
    }


def test_a_plan_says_what_it_would_cost_and_who_is_needed() -> None:
    """What is blocked is changed by no further pass, so a person is needed."""
    plan = films()
    result = read_plan(plan, NOW)
    assert (result.synced, result.planned_only) == (False, True)
    assert result.cost == plan.total(Action.RENDER, Action.WAIT).price
    assert set(result.needs_person) == {"refused", "old"}
    assert result.trouble.startswith("refused: ")


def test_a_report_says_what_was_done_and_what_failed() -> None:
    """Money is what was billed; the first failure is told, and how many there are."""
    plan = films()
    steps = {step.name: step for step in plan.steps}
    refusal = Rejected("a\nline of the service", code="InvalidParameter")
    outcomes = {
        "new": Outcome(steps["new"], billed_s=5.0, price=0.5),
        "gone": Outcome(steps["gone"]),
        "refused": Outcome(steps["refused"], refusal),
        "sent": Outcome(steps["sent"], refusal),
    }
    left = replace(plan, steps=(steps["fine"],))
    result = read_report(Report(plan, left, outcomes), NOW)
    assert result.counts == {
        "rendered": 1, "resumed": 0, "written": 1, "pruned": 0, "failed": 2, "blocked": 0,
    }  # fmt: skip
    assert (result.cost, result.synced, result.needs_person) == (0.5, True, ())
    assert result.trouble == "refused: a�line of the service (1 more failed.)"
    assert [(edit.sync, edit.health) for edit in result.edits] == [
        (SyncState.SYNCED, Health.HEALTHY)
    ]

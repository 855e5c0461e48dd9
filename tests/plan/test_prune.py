"""What we wrote and no edit asks for any more: steps, notes, and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from reconciler.apply.outcome import Outcome, Report
from reconciler.errors import CutlistError, Place
from reconciler.plan.decide import PlanOptions
from reconciler.plan.prune import Pruning
from reconciler.plan.status import Status
from reconciler.plan.step import Action, Plan
from reconciler.report.markdown import write_plan_markdown
from reconciler.report.outcome import write_outcome
from reconciler.report.plan import write_plan
from reconciler.report.status import write_status
from reconciler.state.observed import Observed, Output, Pin
from tests import making
from tests.making import (
    find_step,
    make_chain,
    make_desired,
    make_digest,
    make_edit,
    make_file,
    make_observed,
    make_output,
    make_plan,
    make_result,
)

OLD = make_edit("old", take=7)
FILM = make_edit("film")
ASKED = make_desired(FILM)
KEPT = make_file("video", written="video")
RESULTS = [make_result(FILM), make_result(OLD, "old video")]
ON, OFF = Pruning(enabled=True, place=Place("cutlist.yaml", 5, 3)), Pruning()
CHANGED = "no longer asked for, but changed since cutlist wrote it; it stays"
PROTECTED = (
    "no longer asked for, and kept because it was protected; remove it yourself if it may go"
)
STAYS = "`prune: {enabled: true}` in cutlist.yaml removes what no manifest asks for"


def gone(content: str = "old video", **note: Any) -> Output:
    """The file of an edit that was taken out."""
    return make_output(OLD, content, **note)


def seen(left_over: dict[str, Output], **more: Any) -> Observed:
    return make_observed(
        ASKED, **{"results": RESULTS, "files": {"film": KEPT}, **more}, left_over=left_over
    )


@dataclass(frozen=True)
class Case:
    """What is left over, and the steps and notes that come of it."""

    left_over: dict[str, Output]
    steps: dict[str, str] = field(default_factory=dict)  # symbol-like action by path
    notes: tuple[str, ...] = ()
    pruning: Pruning = ON
    results: list[Any] = field(default_factory=lambda: RESULTS)


MANY = {f"r/{number}.mp4": gone() for number in range(5)}
CASES = {
    "nothing": Case({}),
    "one": Case({"r/a.mp4": gone()}, {"r/a.mp4": "prune"}),
    "gone already": Case({"r/a.mp4": gone(now=None)}),
    "changed since": Case({"r/a.mp4": gone(now="cut")}, notes=(f"r/a.mp4: {CHANGED}",)),
    "changed to what an asked edit has": Case(
        {"r/a.mp4": gone(now="video")}, notes=(f"r/a.mp4: {CHANGED}",)
    ),
    "protected": Case({"r/a.mp4": gone(protected=True)}, notes=(f"r/a.mp4: {PROTECTED}",)),
    "the name of an asked output, but for case": Case({"renders/Film.mp4": gone()}),
    "no result": Case({"r/a.mp4": gone()}, {"r/a.mp4": "blocked"}, results=[make_result(FILM)]),
    "another result of the job": Case(
        {"r/a.mp4": gone()},
        {"r/a.mp4": "blocked"},
        results=[make_result(FILM), make_result(OLD, "another")],
    ),
    "as many as may go": Case(MANY, dict.fromkeys(MANY, "prune"), pruning=replace(ON, most=5)),
    "one too many": Case(MANY, dict.fromkeys(MANY, "blocked"), pruning=replace(ON, most=4)),
    "what stays does not count": Case(
        {**MANY, "r/4.mp4": gone(protected=True)},
        dict.fromkeys(list(MANY)[:4], "prune"),
        pruning=replace(ON, most=4),
        notes=(f"r/4.mp4: {PROTECTED}",),
    ),
    "off": Case(
        {"r/a.mp4": gone()}, notes=(f"r/a.mp4: no longer asked for; {STAYS}",), pruning=OFF
    ),
    "off, and many": Case(
        MANY,
        notes=(f"r/0.mp4, r/1.mp4, r/2.mp4 and 2 more: no longer asked for; {STAYS}",),
        pruning=OFF,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_left_over(case: Case) -> None:
    """Each thing that is left over is a step or a note or nothing; only steps are changes."""
    made = make_plan(ASKED, seen(case.left_over, results=case.results), pruning=case.pruning)
    assert {each.output: each.action.value for each in made.steps if not each.of_edit} == case.steps
    assert made.notes == case.notes
    assert made.changes == bool(case.steps)
    assert [each.name for each in made.steps] == [
        "film",
        *(f"./{path}" for path in sorted(case.steps)),
    ]


def test_a_step_says_why_and_that_going_back_is_free() -> None:
    """It costs nothing, names the digest that goes, and its place is where the project file asks
    for it.
    """
    made = find_step(make_plan(ASKED, seen({"r/a.mp4": gone()}), pruning=ON), "./r/a.mp4")
    assert (made.reason, made.details) == (
        "no manifest asks for it any more",
        ("Its result stays in the store: asking for it again costs nothing.",),
    )
    assert (made.digest, made.cost.price, str(made.place)) == (
        make_digest("old video"),
        0.0,
        "cutlist.yaml:5:3",
    )
    assert not made.needs_person


def test_too_many_are_for_a_person() -> None:
    """Each says how many, what is allowed, and the way out."""
    made = make_plan(ASKED, seen(MANY), pruning=replace(ON, most=4))
    for each in made.by_action(Action.BLOCKED):
        assert each.reason == "5 outputs would be pruned at once, and prune.most is 4"
        assert each.details == ("If that is meant, raise prune.most in cutlist.yaml.",)
        assert each.needs_person
        assert each.cost.price == 0.0


def test_no_edit_at_all() -> None:
    """A project whose manifests are gone prunes nothing, and says so."""
    asked = make_desired()
    made = make_plan(asked, make_observed(asked, results=RESULTS, left_over={"r/a.mp4": gone()}))
    assert (made.steps, made.notes) == (
        (), ("r/a.mp4: no longer asked for, but kept: no manifest asks for anything",)
    )  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        PlanOptions(target=("film",)),
        PlanOptions(exclude=("other",)),
        PlanOptions(refresh_only=True),
    ],
)
def test_some_edits_only(options: PlanOptions) -> None:
    """A plan that is not about everything says nothing of what is left over."""
    asked = make_desired(FILM, make_edit("other", take=2))
    made = make_plan(
        asked,
        make_observed(asked, results=RESULTS, files={"film": KEPT}, left_over={"r/a.mp4": gone()}),
        options,
    )
    assert [each for each in made.steps if not each.of_edit] == []
    assert made.notes == ()


# ------------------------------------------------------------------ renames and moves

MOVED = {"films/film.mp4": make_output(FILM)}


def test_a_moved_output() -> None:
    """The same edit elsewhere: written for nothing, and what is left is pruned after it."""
    made = make_plan(ASKED, make_observed(ASKED, results=RESULTS, left_over=MOVED))
    assert find_step(made, "film").reason == "moved from films/film.mp4: its result is in the store"
    pruned = find_step(made, "./films/film.mp4")
    assert (pruned.reason, pruned.after) == ("film now writes renders/film.mp4", "film")


def test_a_mock_at_the_new_output_is_not_what_is_asked_for() -> None:
    """The old file goes only once the renamed edit has its live video there."""
    mock, left = (
        make_output(FILM, "mock video", realm="mock"),
        {"renders/was.mp4": make_output(FILM, edit="was")},
    )
    made = make_plan(
        ASKED, make_observed(ASKED, results=RESULTS, files={"film": mock}, left_over=left)
    )
    assert (find_step(made, "film").action, find_step(made, "./renders/was.mp4").after) == (
        Action.WRITE,
        "film",
    )


def test_a_file_that_was_deleted_was_not_moved() -> None:
    """An older place of the same edit, still there, is not where the file came from that is gone
    now.
    """
    left = {"films/film.mp4": make_output(FILM)}
    made = make_plan(
        ASKED,
        make_observed(
            ASKED, results=RESULTS, files={"film": make_output(FILM, now=None)}, left_over=left
        ),
    )
    assert find_step(made, "film").reason == "the file was deleted; its result is in the store"


def test_a_moved_output_that_is_rendered_anew() -> None:
    """A changed request is told as that; the old file still goes only after it."""
    made = make_plan(
        ASKED,
        make_observed(ASKED, results=RESULTS, left_over={"films/film.mp4": gone(edit="film")}),
    )
    assert find_step(made, "./films/film.mp4").after == "film"
    assert "moved" not in find_step(made, "film").reason


@pytest.mark.parametrize("key_of", ["notes", "lock"])
def test_a_renamed_edit(key_of: str) -> None:
    """Known by its key, from what we wrote for the old name or, in a clone, from the lock file."""
    key, left = making.make_job(FILM).key, {"renders/was.mp4": make_output(FILM, edit="was")}
    old = {key: ("was", Pin(key, make_digest("video")))}
    more: dict[str, Any] = {"left_over": left} if key_of == "notes" else {"old_pins": old}
    made = make_plan(ASKED, make_observed(ASKED, results=RESULTS, **more))
    assert find_step(made, "film").reason == "renamed from was: its result is in the store"
    if key_of == "notes":
        pruned = find_step(made, "./renders/was.mp4")
        assert (pruned.reason, pruned.after) == (
            "was was renamed to film, which writes renders/film.mp4",
            "film",
        )


def test_the_pin_of_the_old_name_counts() -> None:
    """Of several results of the key the one that was pinned; where that is not here, a person is
    asked.
    """
    key = making.make_job(FILM).key
    results = [make_result(FILM, "first"), make_result(FILM, "second")]
    old = {key: ("was", Pin(key, make_digest("second")))}
    assert find_step(
        make_plan(ASKED, make_observed(ASKED, results=results, old_pins=old)), "film"
    ).digest == make_digest("second")
    blocked = find_step(
        make_plan(ASKED, make_observed(ASKED, results=results[:1], old_pins=old)), "film"
    )
    assert (blocked.action, blocked.repay) == (Action.BLOCKED, True)
    own = {"film": Pin(key, make_digest("first"))}
    made = make_plan(ASKED, make_observed(ASKED, results=results, old_pins=old, pins=own))
    assert find_step(made, "film").digest == make_digest("first")


def test_an_edit_that_has_its_output_is_no_newcomer() -> None:
    """Two edits of one request, one of which was taken out: the other was not renamed."""
    made = make_plan(
        ASKED,
        seen({"renders/was.mp4": make_output(FILM, edit="was")}, files={"film": make_output(FILM)}),
    )
    pruned = find_step(made, "./renders/was.mp4")
    assert (pruned.reason, pruned.after) == ("no manifest asks for it any more", None)


@pytest.mark.parametrize("name", ["film", "was"])
@pytest.mark.parametrize("how", ["blocked", "suspended"])
def test_a_new_output_that_does_not_come(name: str, how: str) -> None:
    """Where the edit that carries on is blocked or suspended, its old file is the one there is, and
    stays.
    """
    asked = make_desired(make_edit("film", suspend=True)) if how == "suspended" else ASKED
    files = {"film": make_file("somebody's")} if how == "blocked" else {}
    left = {"films/film.mp4": make_output(FILM, edit=name)}
    made = make_plan(asked, make_observed(asked, results=RESULTS, files=files, left_over=left))
    assert [each for each in made.steps if not each.of_edit] == []
    assert "films/film.mp4: kept until the edit that it is of has its new output" in made.notes


def test_a_chain_that_waits_does_not_hold_what_has_nothing_to_do_with_it() -> None:
    """An edit without a key carries on only from its own name."""
    asked = make_desired(FILM, make_chain("next", "film"))
    left = {"r/a.mp4": gone(), "r/b.mp4": gone(edit="next")}
    made = make_plan(asked, make_observed(asked, results=RESULTS[1:], left_over=left))
    assert {each.output: each.after for each in made.by_action(Action.PRUNE)} == {
        "r/a.mp4": None,
        "r/b.mp4": "next",
    }


# ------------------------------------------------------------------ how it is shown


def shown() -> Plan:
    return make_plan(ASKED, seen({"r/a.mp4": gone(), "r/<b>.mp4": gone()}), pruning=ON)


def test_in_text() -> None:
    """Each by its path, once, with its reason."""
    text = write_plan(shown())
    assert "\n  - prune\n" in text
    assert (
        "\n  - ./r/a.mp4\n      no manifest asks for it any more\n        Its result stays in the"
        " store" in text
    )
    assert text.count("./r/a.mp4") == text.count("./r/<b>.mp4") == 1
    assert "Plan: 0 to render, 0 to write, 2 to prune; 1 unchanged." in text


def test_in_json() -> None:
    """Counted as Terraform's destroy; the step has its path as its output."""
    document = shown().to_json()
    assert (document["terraform"], document["summary"]["prune"]) == (
        {"add": 0, "change": 0, "destroy": 2},
        2,
    )
    assert [(each["name"], each["output"]) for each in document["steps"][1:]] == [
        ("./r/<b>.mp4", "r/<b>.mp4"), ("./r/a.mp4", "r/a.mp4"),
    ]  # fmt: skip


def test_in_markdown() -> None:
    """A row without an edit, in which nothing that people wrote means anything."""
    text = write_plan_markdown(shown())
    assert (
        "| <code>-</code> | prune |  | <code>r/a.mp4</code> | <code>no manifest asks for it any"
        " more</code> |" in text
    )
    assert "<b>" not in text


def test_in_status() -> None:
    """Beside the edits, which alone are counted; nothing is wrong with it."""
    status = Status(shown(), "film", 0.0)
    document = status.to_json()
    assert [each["name"] for each in document["edits"]] == ["film"]
    assert [(each["output"], each["health"], each["sync"]) for each in document["outputs"]] == [
        ("r/<b>.mp4", "Healthy", "OutOfSync"), ("r/a.mp4", "Healthy", "OutOfSync"),
    ]  # fmt: skip
    assert document["summary"] == {"healthy": 1, "progressing": 0, "missing": 0, "degraded": 0}
    assert "\n1 edit: 1 healthy. 2 outputs no longer asked for.\n" in write_status(status)


def test_in_the_last_word_of_an_apply() -> None:
    """What went is counted; what did not go after a failure is named, with the reason."""
    made = shown()
    first, second = made.by_action(Action.PRUNE)
    done = {each.name: Outcome(each) for each in (first, second)}
    report = Report(made, make_plan(ASKED, seen({})), done)
    assert "Apply complete. 0 rendered, 0 written, 2 pruned in 0.0 s." in write_outcome(report)
    assert report.to_json()["terraform"]["destroy"] == 2
    failed = Outcome(find_step(made, "film"), CutlistError("no."))
    words = "- not pruned: r/<b>.mp4, r/a.mp4. That comes last: when nothing failed, and what"
    assert words in write_outcome(Report(made, made, {"film": failed}))
    assert words not in write_outcome(report)
    assert words not in write_outcome(Report(made, made, {}, stopped_by="SIGINT"))

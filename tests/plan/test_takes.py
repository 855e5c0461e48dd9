"""Takes and picks as values: numbers, words, and that a pick never makes anybody pay."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import jsonschema
import pytest

from reconciler.errors import UsageError
from reconciler.plan.decide import PlanOptions
from reconciler.plan.jobs import resolve_jobs
from reconciler.plan.step import Action
from reconciler.plan.takes import Pick, Take, TakeList, list_keys, select_takes
from reconciler.planner import Pass
from reconciler.report.page import Page, write_blocks
from reconciler.report.takes import lay_out_pick, lay_out_takes
from reconciler.state.observed import Observed, Pin, Result, State
from reconciler.system import shipped
from tests.making import (
    find_step,
    make_attempt,
    make_chain,
    make_desired,
    make_digest,
    make_edit,
    make_file,
    make_job,
    make_observed,
    make_plan,
    make_result,
)

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
FILM = make_edit("film")
EARLIER = make_edit("film", input={**FILM.input, "prompt": "Make it red"})
KEY = make_job(FILM).key
OLD = make_result(EARLIER, "old")
PICK = Pin(KEY, OLD.digest, made_by=OLD.key, take=2)
ASKED = make_desired(FILM)


def see(*results: Result, pin: Pin = PICK, file: str | None = "old", **more: object) -> Observed:
    """What is where film has a pick, and its output holds the bytes `file`."""
    files = {"film": make_file(file, written=file)}
    return make_observed(ASKED, results=results, pins={"film": pin}, files=files, **more)  # type: ignore[arg-type]


# ------------------------------------------------------------------ money


@pytest.mark.parametrize(
    ("state", "file", "rendered", "options"),
    [
        *product(
            [None, *State],
            ["old", "new", None],
            [False, True],
            [
                PlanOptions(),
                PlanOptions(repay=True),
                PlanOptions(retry_failed=True),
                PlanOptions(force=True),
                PlanOptions(verify=True),
            ],
        )
    ],
)
def test_a_pick_is_free(
    state: State | None, file: str | None, rendered: bool, options: PlanOptions
) -> None:
    """Whatever was tried for the present request and whatever the options allow: an edit whose
    picked take is here is written or left alone, and nothing is priced.
    """
    results = [OLD, make_result(FILM, "new")] if rendered else [OLD]
    tries = [make_attempt(FILM, state, task_id="task-1")] if state else []
    seen = see(*results, file=file, attempts=tries)
    plan = make_plan(ASKED, seen.repaid() if options.repay else seen, options)
    step = find_step(plan, "film")
    assert (step.action, step.digest) == (
        Action.KEEP if file == "old" else Action.WRITE,
        OLD.digest,
    )
    assert plan.total(*Action).billable_s == 0


@pytest.mark.parametrize("state", [None, *State])
def test_a_picked_take_that_is_gone(state: State | None) -> None:
    """It is never rendered silently, whatever was tried for the present request; only `--repay`
    pays, and then the present request is what the edit has.
    """
    tries = [make_attempt(FILM, state, task_id="task-1")] if state else []
    for options in (PlanOptions(), PlanOptions(retry_failed=True), PlanOptions(force=True)):
        step = find_step(make_plan(ASKED, see(file=None, attempts=tries), options), "film")
        assert step.action in (Action.BLOCKED, Action.RESUME, Action.SETTLE)
    blocked = find_step(make_plan(ASKED, see(file=None)), "film")
    assert blocked.reason.startswith("cutlist.lock pins a result of an earlier request (")
    assert "`cutlist takes film`" in blocked.details[0]
    paid = find_step(make_plan(ASKED, see(file=None), PlanOptions(repay=True)), "film")
    assert (paid.action, paid.cost.price) == (Action.RENDER, 0.4)
    new = make_result(FILM, "new")
    assert see(new, file=None).repaid().pins == {}
    assert see(new, OLD).repaid().pins == {"film": PICK}


def test_a_task_that_a_pick_overtook() -> None:
    """It is paid, so that it is brought home like every task that no edit asks for any more."""
    tries = [make_attempt(FILM, State.SUBMITTED, task_id="task-1")]
    assert [one.task_id for one in make_plan(ASKED, see(OLD, attempts=tries)).orphans] == ["task-1"]
    twin = make_edit("twin")
    both = make_desired(FILM, twin)
    seen = make_observed(both, results=[OLD], pins={"film": PICK}, attempts=tries)
    plan = make_plan(both, seen)
    assert (plan.orphans, find_step(plan, "twin").action) == ((), Action.RESUME)


def test_what_builds_on_a_pick() -> None:
    """It has the key that comes of the picked bytes, also where these are elsewhere."""
    poster = make_chain("poster", "film")
    asked = make_desired(FILM, poster)
    for results in ([OLD], []):
        seen = make_observed(asked, results=results, pins={"film": PICK})
        job = resolve_jobs(asked, seen)["poster"].job
        assert job is not None
        assert job.key == make_job(poster, upstream=OLD.digest).key


def test_a_pick_holds_until_something_else_is_asked_for() -> None:
    """Another request has another key, and the lock file says then what that one has."""
    other = make_desired(make_edit("film", input={**FILM.input, "prompt": "Make it green"}))
    seen = make_observed(other, results=[OLD], pins={"film": PICK})
    assert find_step(make_plan(other, seen), "film").action is Action.RENDER


def test_the_lock_file_keeps_a_pick() -> None:
    """An apply writes it down as it was: here, where its video is elsewhere, and where only other
    edits were asked about.
    """
    for seen in (see(OLD), see()):
        resolved = resolve_jobs(ASKED, seen)
        assert Pass(ASKED, seen, resolved, make_plan(ASKED, seen)).collect_pins() == {"film": PICK}
    both = make_desired(FILM, make_edit("other"))
    seen = make_observed(both, results=[OLD], pins={"film": PICK})
    plan = make_plan(both, seen, PlanOptions(target=("other",)))
    assert Pass(both, seen, resolve_jobs(both, seen), plan).collect_pins() == {"film": PICK}


# ------------------------------------------------------------------ words


@pytest.mark.parametrize("file", ["old", "new", None])
def test_a_plan_says_what_was_picked(file: str | None) -> None:
    """The step and the notes: which take, and how its request differs."""
    seen = see(OLD, file=file)
    plan = make_plan(ASKED, seen)
    assert find_step(plan, "film").reason == "picked: take 2, of an earlier prompt"
    assert plan.notes == ("film: picked: take 2, of an earlier prompt",)
    same = replace(OLD, job={**OLD.job, "input": make_result(FILM).job["input"]})
    seen = see(same, file=file)
    assert find_step(make_plan(ASKED, seen), "film").reason.endswith("of an earlier request")


def test_numbers() -> None:
    """By the moment of storing; of what was rendered for the edit, under its key, or was picked."""
    first = replace(OLD, stored_at="2027-01-14T08:00:00Z")
    shared = replace(make_result(FILM, "shared"), edit="twin", stored_at="2027-01-16T08:00:00Z")
    last = replace(make_result(FILM, "last"), stored_at="2027-01-17T08:00:00Z")
    strange = replace(OLD, key=make_digest("strange"), edit="strange")
    edit = resolve_jobs(ASKED, see(first))["film"]
    recorded = [strange, last, shared, first]
    assert select_takes("film", list_keys(edit), recorded) == [first, shared, last]


def make_takes(*, gone: bool = False) -> TakeList:
    """Three takes: an imported one, one of an earlier prompt, and one of now."""
    imported = replace(OLD, task={"imported": "cut.mp4"}, digest=make_digest("hand"))
    seeded = replace(OLD, job={**OLD.job, "parameters": {"seed": 7}}, commit="c" * 40)
    now = make_result(FILM, "new")
    takes = (
        Take(1, imported, 0.0, None, False, False, True),
        Take(2, seeded, 4.0, 0.4, False, False, not gone),
        Take(3, now, 4.0, 0.4, True, True, True, FILM.output),
    )
    return TakeList("film", "specs/film.yaml:2:1", FILM.output, "live", "USD", "m" * 64, takes)


def test_what_takes_shows(golden: Callable[[Path, str], None]) -> None:
    """A line for each take, with star, cost, seed and place; and the prompt that was another."""
    screens = [
        write_blocks(lay_out_takes(takes), Page(width=width))
        for takes, width in (
            (make_takes(), 80), (make_takes(), 120), (make_takes(gone=True), 60),
            (replace(make_takes(), takes=()), 80),
        )
    ]  # fmt: skip
    golden(GOLDEN / "takes.txt", "\n".join(screens))


def test_what_pick_says(golden: Callable[[Path, str], None]) -> None:
    """What changed, how it is taken back, where it counts, and what would be rendered then."""
    poster = make_chain("poster", "film")
    asked = make_desired(FILM, poster)
    step = find_step(
        make_plan(asked, make_observed(asked, results=[OLD], pins={"film": PICK})), "poster"
    )
    take = make_takes().takes[1]
    made = Pick(
        "film", take, FILM.output, "picked: take 2, of an earlier prompt", True, True, "live",
        "cutlist.lock", "m" * 64, "USD", [step],
    )  # fmt: skip
    mock = replace(made, realm="mock", lock=".cutlist/mock/cutlist.lock", downstream=())
    again = replace(made, is_new=False, is_written=False, downstream=())
    golden(
        GOLDEN / "pick.txt",
        "\n".join(write_blocks(lay_out_pick(one)) for one in (made, mock, again)),
    )
    assert made.to_json()["downstream"][0]["name"] == "poster"


def test_takes_for_programs() -> None:
    """What --json prints is what its schema says, and nothing beside it."""
    document = json.loads(json.dumps(make_takes().to_json()))
    jsonschema.validate(document, shipped.read_schema("takes"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "surprise": 1}, shipped.read_schema("takes"))


def test_a_take_is_chosen_by_its_number() -> None:
    """Without one it is that which counts; what is none is told with what there is."""
    takes = make_takes()
    assert [takes.choose(number).number for number in (None, 1, 2)] == [3, 1, 2]
    with pytest.raises(UsageError, match="film has no take 4: it has takes 1 to 3"):
        takes.choose(4)
    with pytest.raises(UsageError, match="has no result for what it asks for now"):
        replace(takes, takes=takes.takes[:2]).choose(None)
    with pytest.raises(UsageError, match="has no take yet"):
        replace(takes, takes=()).choose(1)

"""Which edits a plan is about, and when `--detailed-exitcode` says 2."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.commands import plan as plan_command
from reconciler.cli.main import run
from reconciler.desired.job import Desired
from reconciler.errors import UsageError
from reconciler.plan.decide import PlanOptions
from reconciler.plan.prune import Pruning
from reconciler.plan.selection import select_edits
from reconciler.plan.step import Plan
from reconciler.state.observed import Observed, Output, Pin, Result, State
from tests import making
from tests.making import (
    make_attempt,
    make_chain,
    make_desired,
    make_edit,
    make_file,
    make_observed,
    make_plan,
    make_result,
    rewrite,
)


def labelled(name: str, upstream: str = "", **labels: str) -> Any:
    """An edit with labels."""
    return rewrite(make_chain(name, upstream) if upstream else make_edit(name), labels=labels)


ASKED = make_desired(
    labelled("intro", campaign="spring", team="film"), labelled("outro", campaign="autumn"),
    labelled("poster", "intro"), labelled("trailer", "poster", campaign="spring-2"),
    labelled("pixel-beach"), labelled("pixel-snow"),
)  # fmt: skip
ALL = set(ASKED.edits)

CASES: dict[str, tuple[list[str], list[str], set[str]]] = {
    "nothing said": ([], [], ALL),
    "a name": (["outro"], [], {"outro"}),
    "a name is no prefix": (["pixel-snow"], [], {"pixel-snow"}),
    "a target brings all it builds on": (["trailer"], [], {"intro", "poster", "trailer"}),
    "a target brings nothing that builds on it": (["intro"], [], {"intro"}),
    "two targets": (["outro", "intro"], [], {"intro", "outro"}),
    "a pattern": (["pixel-*"], [], {"pixel-beach", "pixel-snow"}),
    "one character": (["?utro"], [], {"outro"}),
    "a label": (["campaign=spring"], [], {"intro"}),
    "a label with a pattern": (["campaign=spring*"], [], {"intro", "poster", "trailer"}),
    "both labels": (["campaign=spring,team=film"], [], {"intro"}),
    "whoever has the label": (["campaign=*"], [], {"intro", "outro", "poster", "trailer"}),
    "an exclusion takes what builds on it": ([], ["intro"], {"outro", "pixel-beach", "pixel-snow"}),
    "an excluded label": ([], ["campaign=autumn"], ALL - {"outro"}),
    "exclusions win": (["poster", "outro"], ["intro"], {"outro"}),
    "dots are dots": (["*"], ["pixel*"], ALL - {"pixel-beach", "pixel-snow"}),
}


@pytest.mark.parametrize("case", CASES)
def test_selected(case: str) -> None:
    """Targets with their upstream edits, without exclusions and their downstream edits."""
    targets, excludes, names = CASES[case]
    assert select_edits(ASKED, targets, excludes) == names


@pytest.mark.parametrize(
    ("targets", "excludes", "words"),
    [
        (["intr"], [], '--target "intr" matches no edit. Did you mean intro?'),
        (
            [],
            ["nobody-at-all"],
            '--exclude "nobody-at-all" matches no edit. `cutlist status` lists the',
        ),
        (
            ["campaign=sprung"],
            [],
            '"campaign=sprung" matches no edit. Did you mean campaign=spring',
        ),
        (["campaign=spring,team=x"], [], "matches no edit"),
        ([""], [], "matches no edit"),
        (["intro", "gone"], [], '"gone" matches no edit'),
        (["poster"], ["intro"], "leave no edit"),
        ([], ["*"], "leave no edit"),
        (["[a-z]*"], [], "matches no edit"),
    ],
)
def test_slips(targets: list[str], excludes: list[str], words: str) -> None:
    """Words that match nothing are refused, with near names; so is leaving nothing."""
    with pytest.raises(UsageError) as caught:
        select_edits(ASKED, targets, excludes)
    assert words in f"{caught.value} {caught.value.hint}"
    assert caught.value.hint.endswith("Nothing was sent.")


def test_edits_that_are_left_out_have_no_step_and_are_counted() -> None:
    """The plan says how many edits it is not about; shared jobs are paid by one that it is
    about.
    """
    asked = make_desired(make_edit("a"), make_edit("b"), make_edit("c", take=2))
    made = make_plan(asked, make_observed(asked), PlanOptions(target=("b",)))
    assert [(step.name, step.paid_by) for step in made.steps] == [("b", None)]
    assert made.left_out == 2


# ------------------------------------------------------------------ any plan

_STATES = [None, *State]
_FILES: dict[str, Output] = {
    "none": make_file(None),
    "ours": make_file("video", written="video"),
    "deleted": make_file(None, written="video"),
    "other": make_file("old", written="old"),
    "foreign": make_file("holiday"),
}
_PATTERNS = st.sampled_from(
    ["e0", "e1", "e2", "e*", "e?", "kind=even", "kind=odd", "kind=*", "zzz"]
)
_OPTIONS = st.builds(
    PlanOptions,
    force=st.booleans(),
    refresh_only=st.booleans(),
    repay=st.booleans(),
    retry_failed=st.booleans(),
    target=st.lists(_PATTERNS, max_size=2).map(tuple),
    exclude=st.lists(_PATTERNS, max_size=2).map(tuple),
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Desired, Observed]:
    """Some edits, a few of them in chains or with one job, and for each something that is."""
    edits: list[Any] = []
    results: list[Result] = []
    attempts, files, pins = [], {}, {}
    for number in range(draw(st.integers(1, 5))):
        name = f"e{number}"
        up = draw(st.none() | st.sampled_from([each.name for each in edits])) if edits else None
        made = make_chain(name, up) if up else make_edit(name, take=draw(st.integers(1, 3)))
        edits.append(rewrite(made, labels={"kind": "odd" if number % 2 else "even"}))
        files[name] = _FILES[draw(st.sampled_from(list(_FILES)))]
        if draw(st.booleans()):
            results.append(
                make_result(made, upstream=making.make_digest("video") if up else "0" * 64)
            )
        state = draw(st.sampled_from(_STATES))
        if state is not None and not up:
            code = "InternalError.Algo" if draw(st.booleans()) else "DataInspectionFailed"
            attempts.append(
                make_attempt(
                    made, state, code=code, message="words", collectable=draw(st.booleans())
                )
            )
        if draw(st.integers(0, 4)) == 0:
            pins[name] = Pin(
                making.make_job(made).key,
                making.make_digest(draw(st.sampled_from(["video", "gone"]))),
            )
    asked = make_desired(*(edits if draw(st.integers(0, 9)) else []))
    left_over = {}
    for number in range(draw(st.integers(0, 3))):
        one = draw(st.sampled_from(edits))
        now, protected = draw(st.sampled_from(["", "changed", None])), draw(st.booleans())
        left_over[f"old/{number}.mp4"] = making.make_output(one, now=now, protected=protected)
    seen = make_observed(
        asked, results=results, attempts=attempts, files=files, pins=pins, left_over=left_over
    )
    return asked, seen


_PRUNING = st.builds(Pruning, enabled=st.booleans(), most=st.integers(1, 2))


class ProjectOfWorld:
    """A project that has its plan from a world of the test."""

    def __init__(self, asked: Desired, seen: Observed, pruning: Pruning) -> None:
        self._world, self._pruning = (asked, seen), pruning
        self.made: Plan | None = None

    def plan(self, options: PlanOptions) -> Plan:
        self.made = make_plan(*self._world, options, pruning=self._pruning)
        return self.made

    def add_up_today(self) -> tuple[()]:
        return ()  # no budget of a day

    def check_budgets(self, _plan: Plan, *, max_cost: float | None) -> tuple[()]:
        return ()

    def find_other_ledgers(self) -> tuple[()]:
        return ()


@given(world=worlds(), options=_OPTIONS, pruning=_PRUNING)
def test_exit_code_2_if_and_only_if_there_are_changes(
    world: tuple[Desired, Observed], options: PlanOptions, pruning: Pruning
) -> None:
    """Whatever is asked, excluded, allowed and left over: 2 if and only if a count other than keep
    is not zero.
    """
    words = [
        f"--{name.replace('_', '-')}"
        for name in ("force", "repay", "retry_failed")
        if getattr(options, name)
    ]
    words += ["--refresh-only"] if options.refresh_only else []
    words += [f"--target={each}" for each in options.target] + [
        f"--exclude={each}" for each in options.exclude
    ]
    project = ProjectOfWorld(*world, pruning)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan_command, "open_project", lambda *_arguments: project)
        code = run(["plan", "--detailed-exitcode", *words])
    if project.made is None:
        assert code == 64
        return
    summary = project.made.summary
    assert code == (2 if any(count for action, count in summary.items() if action != "keep") else 0)
    assert sum(summary.values()) == len(project.made.steps)
    assert sum(step.of_edit for step in project.made.steps) + project.made.left_out == len(
        world[0].edits
    )
    assert pruning.enabled or not summary["prune"]


@given(world=worlds(), options=_OPTIONS)
def test_what_is_left_out_changes_nothing_else(
    world: tuple[Desired, Observed], options: PlanOptions
) -> None:
    """The steps of a targeted plan are those of the whole plan; only who pays for a shared job may
    differ.
    """
    asked, seen = world
    options = replace(options, refresh_only=False)
    whole = {
        step.name: step
        for step in make_plan(
            asked, seen, PlanOptions(options.force, options.repay, options.retry_failed)
        ).steps
    }
    try:
        made = make_plan(asked, seen, options)
    except UsageError:
        return
    for step in (step for step in made.steps if step.of_edit):
        assert (step.action, step.reason, step.key) == (
            whole[step.name].action,
            whole[step.name].reason,
            step.key,
        )
        assert (
            set(asked.edits[step.name].upstreams) <= {each.name for each in made.steps}
            or not options.target
        )

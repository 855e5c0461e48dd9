"""Two revisions compared: what changed, why, and what it costs that the older one does not ask for
anyway.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.edit import Edit
from reconciler.desired.job import Desired
from reconciler.plan.decide import PlanOptions
from reconciler.plan.diff import Change, Comparison, Side, compare_revisions
from reconciler.plan.jobs import resolve_jobs
from reconciler.report.diff import write_diff, write_diff_markdown
from reconciler.report.markdown import MOST_CHARACTERS
from reconciler.state.observed import Pin, State
from reconciler.system import shipped
from tests.making import (
    CLIP,
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
    rewrite,
)
from tests.report.test_plan import EVIL

GOLDEN = Path(__file__).parents[1] / "golden"
SIDES = (
    Side("4f1c2d9 (main)", "4f1c2d9" + "0" * 33),
    Side("91aa03c (topic)", "91aa03c" + "0" * 33),
)
Pins = Mapping[str, Pin]


def compared(
    old: Desired,
    new: Desired,
    *,
    pins: tuple[Pins, Pins] = ({}, {}),
    prices: bool = True,
    **seen: Any,
) -> Comparison:
    """The comparison of two graphs over one store and ledger; `pins` are of the two lock files."""
    before, after = (
        replace(make_observed(each, **seen), pins=pin)
        for each, pin in zip((old, new), pins, strict=True)
    )
    made = make_plan(new, after, PlanOptions(force=True), prices=prices)
    return compare_revisions(resolve_jobs(old, before), resolve_jobs(new, after), made, sides=SIDES)


def prompted(name: str, prompt: str, **fields: Any) -> Edit:
    return make_edit(name, input={"prompt": prompt, "media": [CLIP]}, **fields)


def told(change: Change) -> tuple[str, str, str, float | None]:
    """(kind, reason, what is said instead of a price, price)."""
    return change.kind.value, change.reason, change.paid, change.cost.price


RAIN, SNOW = prompted("rain", "Let it rain"), prompted("snow", "Let it snow")
STORED = make_result(RAIN)
CASES: dict[
    str, tuple[list[Edit], list[Edit], dict[str, Any], dict[str, tuple[str, str, str, float]]]
] = {
    "nothing": ([RAIN, SNOW], [SNOW, RAIN], {}, {}),
    "prompt": (
        [RAIN],
        [prompted("rain", "Let it hail")],
        {},
        {"rain": ("changed", "prompt changed", "", 0.4)},
    ),
    "take": (
        [RAIN],
        [prompted("rain", "Let it rain", take=2)],
        {},
        {"rain": ("changed", "take 2 asked for", "", 0.4)},
    ),
    "another file": (
        [RAIN],
        [make_edit("rain", input={"prompt": "Let it rain", "media": [{**CLIP, "url": "./b.mp4"}]})],
        {},
        {"rain": ("changed", "input specs/b.mp4 changed", "", 0.4)},
    ),
    "a default written out": (
        [RAIN],
        [prompted("rain", "Let it rain", parameters={"resolution": "720P", "duration": 0})],
        {},
        {},
    ),
    "added": ([RAIN], [RAIN, SNOW], {}, {"snow": ("added", "not asked for before", "", 0.4)}),
    "added, in the store": (
        [SNOW],
        [RAIN, SNOW],
        {"results": [STORED]},
        {"rain": ("added", "not asked for before", "in the store: free", 0.0)},
    ),
    "changed back": (
        [prompted("rain", "Let it hail")],
        [RAIN],
        {"results": [STORED]},
        {"rain": ("changed", "prompt changed", "in the store: free", 0.0)},
    ),
    "removed": (
        [RAIN, SNOW],
        [SNOW],
        {},
        {"rain": ("removed", "no longer asked for; its file stays", "", 0.0)},
    ),
    "renamed": (
        [RAIN],
        [prompted("storm", "Let it rain")],
        {},
        {"storm": ("renamed", "was rain", "the same request as rain: nothing more to pay", 0.0)},
    ),
    "renamed, in the store": (
        [RAIN],
        [prompted("storm", "Let it rain")],
        {"results": [STORED]},
        {"storm": ("renamed", "was rain", "in the store: free", 0.0)},
    ),
    "renamed once and copied": (
        [RAIN],
        [prompted("storm", "Let it rain"), prompted("wind", "Let it rain")],
        {},
        {
            "storm": ("renamed", "was rain", "the same request as rain: nothing more to pay", 0.0),
            "wind": (
                "added",
                "not asked for before",
                "the same request as rain: nothing more to pay",
                0.0,
            ),
        },
    ),
    "two of one job": (
        [],
        [prompted("a", "Let it rain"), prompted("b", "Let it rain")],
        {},
        {
            "a": ("added", "not asked for before", "", 0.4),
            "b": ("added", "not asked for before", "the same request as a: paid once", 0.0),
        },
    ),
    "output": (
        [RAIN],
        [prompted("rain", "Let it rain", output="films/rain.mp4")],
        {"results": [STORED]},
        {"rain": ("changed", "only output moved", "in the store: free", 0.0)},
    ),
    "output of what is not rendered": (
        [RAIN],
        [prompted("rain", "Let it rain", output="films/rain.mp4")],
        {},
        {
            "rain": (
                "changed",
                "only output moved",
                "the same request as before: nothing more to pay",
                0.0,
            )
        },
    ),
    "prompt and output": (
        [RAIN],
        [prompted("rain", "Let it hail", output="films/rain.mp4")],
        {},
        {"rain": ("changed", "prompt changed, output moved", "", 0.4)},
    ),
    "suspended": (
        [RAIN],
        [prompted("rain", "Let it rain", suspend=True)],
        {},
        {"rain": ("changed", "suspended", "suspended: left alone", 0.0)},
    ),
    "no longer suspended": (
        [prompted("rain", "Let it rain", suspend=True)],
        [RAIN],
        {},
        {"rain": ("changed", "no longer suspended", "", 0.4)},
    ),
    "protected": (
        [RAIN],
        [prompted("rain", "Let it rain", protect=True)],
        {"results": [STORED]},
        {"rain": ("changed", "protected", "in the store: free", 0.0)},
    ),
    "no longer protected": (
        [prompted("rain", "Let it rain", protect=True)],
        [RAIN],
        {"results": [STORED]},
        {"rain": ("changed", "no longer protected", "in the store: free", 0.0)},
    ),
    "forced": (
        [RAIN, make_chain("poster", "rain")],
        [prompted("rain", "Let it hail"), make_chain("poster", "rain")],
        {},
        {
            "rain": ("changed", "prompt changed", "", 0.4),
            "poster": ("forced", "builds on rain, which changed", "", 0.4),
        },
    ),
    "forced down the chain": (
        [RAIN, make_chain("b", "rain"), make_chain("c", "b")],
        [prompted("rain", "x y"), make_chain("b", "rain"), make_chain("c", "b")],
        {},
        {
            "rain": ("changed", "prompt changed", "", 0.4),
            "b": ("forced", "builds on rain, which changed", "", 0.4),
            "c": ("forced", "builds on b, which changed", "", 0.4),
        },
    ),
    "forced, and moved besides": (
        [RAIN, make_chain("b", "rain")],
        [prompted("rain", "x y"), make_chain("b", "rain", output="films/b.mp4")],
        {},
        {
            "rain": ("changed", "prompt changed", "", 0.4),
            "b": ("changed", "builds on rain, which changed, output moved", "", 0.4),
        },
    ),
    "upstream moved only": (
        [RAIN, make_chain("b", "rain")],
        [prompted("rain", "Let it rain", output="films/r.mp4"), make_chain("b", "rain")],
        {},
        {
            "rain": (
                "changed",
                "only output moved",
                "the same request as before: nothing more to pay",
                0.0,
            )
        },
    ),
    "upstream renamed": (
        [RAIN, make_chain("b", "rain")],
        [prompted("storm", "Let it rain"), make_chain("b", "storm")],
        {},
        {"storm": ("renamed", "was rain", "the same request as rain: nothing more to pay", 0.0)},
    ),
    "another upstream": (
        [RAIN, SNOW, make_chain("b", "rain")],
        [RAIN, SNOW, make_chain("b", "snow")],
        {},
        {"b": ("changed", "input edit://snow changed", "", 0.4)},
    ),
    "in flight": (
        [SNOW],
        [SNOW, RAIN],
        {"attempts": [make_attempt(RAIN, State.SUBMITTED, task_id="t-1")]},
        {"rain": ("added", "not asked for before", "at the service already", 0.4)},
    ),
    "in the way": (
        [SNOW],
        [SNOW, RAIN],
        {"files": {"rain": make_file("somebody's")}},
        {"rain": ("added", "not asked for before", "", 0.4)},
    ),
    "refused before": (
        [SNOW],
        [SNOW, RAIN],
        {
            "attempts": [
                make_attempt(RAIN, State.FAILED, task_id="t-1", code="DataInspectionFailed")
            ]
        },
        {
            "rain": (
                "added",
                "not asked for before",
                "needs a person: the service refused it: DataInspectionFailed",
                0.0,
            )
        },
    ),
}


@pytest.mark.parametrize(("old", "new", "seen", "expected"), CASES.values(), ids=CASES)
def test_changes(
    old: list[Edit],
    new: list[Edit],
    seen: dict[str, Any],
    expected: dict[str, tuple[str, str, str, float]],
) -> None:
    """Each change with its reason, and its price or why there is none; all else is unchanged."""
    made = compared(make_desired(*old), make_desired(*new), **seen)
    assert {each.name: told(each) for each in made.changes} == expected
    kept = {each.name for each in new} - expected.keys()
    assert made.unchanged == len(kept)


def test_a_file_that_would_be_pruned_is_not_said_to_stay() -> None:
    """Where prune is on, an edit that is taken out takes its file along."""
    old, new = make_desired(RAIN, SNOW), make_desired(SNOW)
    seen = make_observed(new)
    made = compare_revisions(
        resolve_jobs(old, make_observed(old)),
        resolve_jobs(new, seen),
        make_plan(new, seen),
        sides=SIDES,
        prunes=True,
    )
    assert [each.reason for each in made.changes] == [
        "no longer asked for; its file is pruned, unless a guard keeps it"
    ]


def test_labels_are_told_by_name() -> None:
    """Old and new value of each."""
    old = rewrite(RAIN, labels={"campaign": "spring", "kind": "still"})
    new = rewrite(RAIN, labels={"campaign": "summer", "who": "ada"})
    (change,) = compared(make_desired(old), make_desired(new)).changes
    assert change.reason == "only labels changed"
    assert change.details == (
        "label campaign: spring → summer",
        "label kind: still → not set",
        "label who: not set → ada",
    )


def test_a_chain_whose_upstream_is_stored_has_its_price() -> None:
    """What waits is priced at most; what need not wait is priced as it is."""
    old, new = (
        make_desired(RAIN, make_chain("b", "rain")),
        make_desired(prompted("rain", "x y"), make_chain("b", "rain")),
    )
    waiting = {each.name: each.action.value for each in compared(old, new).changes}
    assert waiting == {"rain": "render", "b": "wait"}
    ready = compared(old, new, results=[make_result(prompted("rain", "x y"))])
    assert {each.name: each.action.value for each in ready.changes} == {
        "rain": "keep",
        "b": "render",
    }
    assert "at most" not in write_diff(ready)


def test_another_result_in_the_lock_file() -> None:
    """It is a change without a request, and forces what builds on it."""
    one, two = make_result(RAIN, "one"), make_result(RAIN, "two")
    pins = ({"rain": Pin(one.key, make_digest("one"))}, {"rain": Pin(two.key, make_digest("two"))})
    asked = make_desired(RAIN, make_chain("b", "rain"))
    made = compared(asked, asked, pins=pins, results=[one, two])
    assert [told(each) for each in made.changes] == [
        ("forced", "builds on rain, which changed", "", 0.4),
        ("changed", "cutlist.lock names another result", "in the store: free", 0.0),
    ]


def test_a_pinned_result_that_is_not_here_is_never_a_silent_render() -> None:
    """Paying again is no part of the cost; its price is told."""
    pins: tuple[Pins, Pins] = ({}, {"rain": Pin(make_job(RAIN).key, make_digest("elsewhere"))})
    made = compared(make_desired(SNOW), make_desired(SNOW, RAIN), pins=pins)
    assert "needs a person: cutlist.lock pins a result" in " ".join(write_diff(made).split())
    assert "paying again: 4.0 s billable, 0.40 USD" in " ".join(write_diff(made).split())
    assert write_diff(made).endswith(
        "Cost: nothing now; what is held up would add at most 4.0 s billable, 0.40 USD.\n"
    )


PROMPTS = st.dictionaries(
    st.sampled_from("abcde"), st.sampled_from(["one x", "two x", "three x", "four x"])
)


@given(old=PROMPTS, new=PROMPTS, stored=st.sets(st.sampled_from(["one x", "two x", "three x"])))
def test_each_new_job_is_paid_once(
    old: dict[str, str], new: dict[str, str], stored: set[str]
) -> None:
    """The cost is that of the jobs that only the newer revision has and the store has not, whoever
    asks for them.
    """
    made = compared(
        make_desired(*(prompted(*each) for each in old.items())),
        make_desired(*(prompted(*each) for each in new.items())),
        results=[make_result(prompted("z", each)) for each in stored],
    )
    fresh = set(new.values()) - set(old.values()) - stored
    assert made.to_json()["cost"]["price"] == pytest.approx(0.4 * len(fresh))
    summary = made.summary
    assert len(new) == made.unchanged + sum(summary.values()) - summary["removed"]
    assert bool(made.changes) == (old != new)


# ------------------------------------------------------------------ what people and programs read


def everything(*, prices: bool = True) -> Comparison:
    """One change of each kind."""
    shirt, coat = (
        prompted("clothes-swap", f"Replace the girl's {each} with the {each} from the picture")
        for each in ("shirt", "coat")
    )
    poster, large = make_chain("poster", "clothes-swap"), {"parameters": {"resolution": "1080P"}}
    old = [
        shirt,
        poster,
        prompted("intro", "An opening"),
        prompted("outro", "An ending"),
        RAIN,
        SNOW,
    ]
    new = [
        coat,
        poster,
        prompted("ending", "An ending"),
        prompted("rain", "Let it rain", output="films/rain.mp4"),
        SNOW,
        prompted("pixel", "As in an old game", **large),
        prompted("pixel-2", "As in an old game", **large),
    ]
    return compared(make_desired(*old), make_desired(*new), prices=prices, results=[STORED])


FORMS: dict[str, Callable[[], str]] = {
    "diff.txt": lambda: write_diff(everything()),
    "diff-without-prices.txt": lambda: write_diff(everything(prices=False)),
    "diff-nothing.txt": lambda: write_diff(compared(make_desired(RAIN), make_desired(RAIN))),
    "diff.json": lambda: json.dumps(everything().to_json(), indent=2, ensure_ascii=False) + "\n",
    "diff.md": lambda: write_diff_markdown(everything()),
    "diff-nothing.md": lambda: write_diff_markdown(
        compared(make_desired(RAIN), make_desired(RAIN))
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_golden(name: str, golden: Callable[[Path, str], None]) -> None:
    """What is shown, word for word; the same each time."""
    text = FORMS[name]()
    assert text == FORMS[name]()
    golden(GOLDEN / name, text)


def test_the_document_keeps_its_form() -> None:
    """schemas/diff.schema.json, which `cutlist schema diff` prints, and nothing beside it."""
    document = everything().to_json()
    jsonschema.validate(document, shipped.read_schema("diff"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "surprise": 1}, shipped.read_schema("diff"))


def test_markdown_of_strangers_does_nothing() -> None:
    """No mention, link, markup or tag of a manifest reaches the page."""
    made = write_diff_markdown(
        compared(make_desired(prompted("a", "One two")), make_desired(prompted("a", f"One {EVIL}")))
    )
    for trouble in (
        "@everyone",
        "#1 ",
        "](https",
        "<script",
        "</pre></code>",
        "www.evil",
        "<!--",
        "`tick`",
    ):
        assert trouble not in made
    sides = (Side("4f1c2d9 (@all|x)", None), Side("`<b>`", None))
    made = write_diff_markdown(
        replace(compared(make_desired(), make_desired()), before=sides[0], after=sides[1])
    )
    assert "@all" not in made
    assert "<b>" not in made


def test_markdown_is_never_too_long() -> None:
    """What does not fit is counted."""
    many = [
        prompted(f"edit-{number:05}", f"Number {number}, <b>{'&' * 300}") for number in range(3000)
    ]
    made = write_diff_markdown(compared(make_desired(), make_desired(*many)))
    assert len(made) <= MOST_CHARACTERS
    assert "more changes are not shown" in made
    long = [
        [prompted(f"e{number}", f"{word} {'<&>' * 900}") for number in range(60)]
        for word in ("one", "two")
    ]
    made = write_diff_markdown(compared(make_desired(*long[0]), make_desired(*long[1])))
    assert len(made) <= MOST_CHARACTERS
    assert "with reasons and differences" in made

"""What people and programs read of a plan, kept as golden texts; `--update-golden` writes them
anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.status import Status
from reconciler.plan.step import Cost, Plan
from reconciler.report.markdown import MOST_CHARACTERS, write_plan_markdown
from reconciler.report.money import format_price
from reconciler.report.plan import describe_plan_cost, write_plan
from reconciler.report.status import write_status
from reconciler.state.observed import Pin, State
from tests.making import (
    CLIP,
    make_attempt,
    make_chain,
    make_desired,
    make_edit,
    make_file,
    make_observed,
    make_plan,
    make_result,
    make_vace,
    rewrite,
)

NOW = datetime(2027, 1, 17, 9, tzinfo=UTC).timestamp()
EVIL = (
    "Hi @everyone see #1 GH-1 a/b#2 [x](https://evil.example) ![i](https://evil.example/i.png)"
    " www.evil.example </pre></code></details><script>alert(1)</script><!-- `tick` *b* _i_ ~s~"
    " :smile: $x$ | cell\\| --> mail@evil.example"
)
GOLDEN = Path(__file__).parents[1] / "golden"
Golden = Callable[[Path, str], None]


def everything(realm: str = "live", *, prices: bool = True) -> Plan:
    """One edit in each state that people meet."""
    coat = make_edit(
        "clothes-swap",
        input={"prompt": "Replace the girl's coat with the coat of the picture", "media": [CLIP]},
    )
    shirt = make_edit(
        "clothes-swap",
        input={"prompt": "Replace the girl's shirt with the shirt of the picture", "media": [CLIP]},
    )
    names = [
        "kept",
        "deleted",
        "sent",
        "running",
        "unsure",
        "refused",
        "expired",
        "pinned",
        "taken",
        "new-take",
        "first",
    ]
    one = {name: make_edit(name, take=number + 1) for number, name in enumerate(names)}
    remote = {
        "prompt": "Wider",
        "media": [{"type": "video", "url": "https://example.com/clip.mp4?Signature=secret"}],
    }
    same = make_edit("second", take=one["first"].take)
    asked = make_desired(
        shirt,
        *one.values(),
        same,
        make_edit("remote", input=remote),
        make_chain("poster", "clothes-swap"),
        make_vace(
            "painted", "video_repainting", {"control_condition": "depth"}, video_url="./clip.mp4"
        ),
    )
    seen = make_observed(
        asked,
        realm=realm,
        results=[make_result(one[name], name) for name in ("kept", "deleted", "taken")],
        files={
            "kept": make_file("kept", written="kept"),
            "deleted": make_file(None, written="deleted"),
            "taken": make_file("holiday"),
        },
        before={
            "clothes-swap": make_result(coat).job,
            "new-take": make_result(make_edit("new-take")).job,
        },
        pins={"pinned": Pin(make_result(one["pinned"]).key, "5" * 64)},
        attempts=[
            make_attempt(one["sent"], State.INTENT, created_at=NOW - 40),
            make_attempt(
                one["running"],
                State.SUBMITTED,
                task_id="0385dc79-5ff8-4d82",
                task_status="RUNNING",
                created_at=NOW - 190,
            ),
            make_attempt(
                one["unsure"],
                State.UNDECIDED,
                message="two tasks could be it: 0385dc79, 91aa03c4",
                created_at=NOW - 8000,
                ended_at=NOW - 7500,
            ),
            make_attempt(
                one["refused"],
                State.FAILED,
                code="DataInspectionFailed",
                message="Input data may contain inappropriate content.",
                ended_at=NOW - 3 * 86400,
            ),
            make_attempt(
                one["expired"],
                State.EXPIRED,
                task_id="91aa03c4",
                collectable=False,
                ended_at=NOW - 5 * 3600,
            ),
        ],
        damaged=["the blob 0123456789ab… of old is missing or cut short"],
    )
    return make_plan(asked, seen, prices=prices)


def nothing() -> Plan:
    """Everything as it should be."""
    films = [make_edit("a"), make_edit("b", take=2)]
    asked = make_desired(*films)
    return make_plan(
        asked,
        make_observed(
            asked,
            results=[make_result(each) for each in films],
            files={"a": make_file("video"), "b": make_file("video")},
        ),
    )


def waiting() -> Plan:
    """A chain of which nothing is there yet."""
    asked = make_desired(make_edit("a"), make_chain("b", "a"))
    return make_plan(asked, make_observed(asked))


def stranger() -> Plan:
    """A pull request of somebody who would like to write on the page, and to call people."""
    old = make_edit("evil", input={"prompt": "Make it blue", "media": [CLIP]})
    new = make_edit(
        "evil", input={"prompt": EVIL, "media": [CLIP]}, output="renders/@team|`x`<b>.mp4"
    )
    asked = make_desired(new, make_edit("plain", take=2))
    seen = make_observed(
        asked,
        before={"evil": make_result(old).job},
        attempts=[
            make_attempt(
                make_edit("plain", take=2), State.FAILED, code="InvalidParameter", message=EVIL
            )
        ],
        damaged=[f"{EVIL} cannot be trusted"],
    )
    return make_plan(asked, seen)


TEXTS: dict[str, Callable[[], str]] = {
    "plan.txt": lambda: write_plan(everything()),
    "plan-mock.txt": lambda: write_plan(everything("mock")),
    "plan-without-prices.txt": lambda: write_plan(everything(prices=False)),
    "plan-nothing.txt": lambda: write_plan(nothing()),
    "plan-chain.txt": lambda: write_plan(waiting()),
    "plan.md": lambda: write_plan_markdown(everything()),
    "plan-nothing.md": lambda: write_plan_markdown(nothing()),
    "plan-stranger.md": lambda: write_plan_markdown(stranger()),
    "plan.json": lambda: json.dumps(everything().to_json(), indent=2, ensure_ascii=False) + "\n",
    "status.txt": lambda: write_status(Status(everything(), "film", NOW)),
    "status-nothing.txt": lambda: write_status(Status(nothing(), "film", NOW)),
    "status.json": lambda: (
        json.dumps(Status(everything(), "film", NOW).to_json(), indent=2, ensure_ascii=False) + "\n"
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_golden(name: str, golden: Golden) -> None:
    """Text and JSON of plan and status are what they were, to the byte."""
    golden(GOLDEN / name, TEXTS[name]())


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith(".txt")])
def test_lines(name: str) -> None:
    """No line ends in blanks; what people read fits 80 columns, but for tables and lines that
    scripts look for.
    """
    lines = TEXTS[name]().splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    long = [line for line in lines if len(line) > 80 and not line.startswith("Plan: ")]
    assert name.startswith("status") or long == []


def test_notes_and_long_endpoints_are_broken_into_lines() -> None:
    """Also where nothing is to be done; and the environment is named."""
    words = (
        "a.mp4, b.mp4, c.mp4: no longer asked for; `prune: {enabled: true}` in cutlist.yaml removes"
        " them"
    )
    for made in (everything(), nothing()):
        there = replace(
            made,
            notes=(words,),
            endpoint="https://videos.studio.example/api/v1",
            environment="draft",
        )
        text = write_plan(there)
        assert words in " ".join(text.split())
        assert [
            line for line in text.splitlines() if len(line) > 80 and not line.startswith("Plan: ")
        ] == []
        assert ("environment draft)." in text) is made.changes
        assert "environment <code>draft</code>." in write_plan_markdown(there)
        assert " · environment draft    " in write_status(Status(there, "film", NOW))


def test_what_is_known_of_a_price_is_told() -> None:
    """Of two edits one has a price: the sum says it, and what the other lacks."""
    asked = make_desired(make_edit("rain"), make_edit("snow", take=2))
    made = make_plan(asked, make_observed(asked))
    first, second = made.steps
    unpriced = Cost(5.0, None, why="why")
    partly = replace(
        made,
        steps=(first, replace(second, cost=unpriced)),
        unpriced=("wan2.1-vace-plus",),
    )
    assert (
        f"{format_price(first.cost.price or 0.0, 'USD')} for what has a price; the rest is not"
        " known here: `prices` of cutlist.yaml names none for wan2.1-vace-plus."
    ) in describe_plan_cost(partly)


def test_the_place_of_another_take() -> None:
    """It is where the take stands, as with every other field that changed."""
    old, new = make_edit("film"), make_edit("film", take=2)
    asked = make_desired(new)
    (step,) = make_plan(asked, make_observed(asked, before={"film": make_result(old).job})).steps
    assert (step.reason, step.place) == ("take 2 asked for", new.place("/take"))
    assert step.place != new.place()


@pytest.mark.parametrize("name", TEXTS)
def test_no_secrets(name: str) -> None:
    """No signature of a URL is printed, and nothing that changes from run to run."""
    assert "Signature" not in TEXTS[name]()
    assert "secret" not in TEXTS[name]()


def test_the_document_for_scripts() -> None:
    """The promised fields: a summary of integers for all eight actions, steps with five fields,
    cost, and the sums.
    """
    made = everything()
    document = made.to_json()
    assert list(document["summary"]) == [
        "render",
        "resume",
        "settle",
        "write",
        "prune",
        "wait",
        "blocked",
        "keep",
    ]
    assert all(type(count) is int for count in document["summary"].values())
    assert sum(document["summary"].values()) == len(document["steps"]) == len(made.steps)
    assert all(
        {"name", "action", "reason", "key", "output"} <= each.keys() for each in document["steps"]
    )
    assert document["cost"]["currency"] == "USD"
    assert document["terraform"] == {
        "add": document["summary"]["render"] + document["summary"]["wait"],
        "change": document["summary"]["write"],
        "destroy": 0,
    }
    assert json.loads(json.dumps(document)) == document


def test_status_counts_every_edit() -> None:
    """Health is counted over all edits; what waits for a person is named."""
    made = Status(everything(), "film", NOW).to_json()
    assert sum(made["summary"].values()) == len(made["edits"])
    assert {"unsure", "expired", "pinned"} <= set(made["needs_person"])
    assert not made["synced"]
    assert Status(nothing(), "film", NOW).to_json()["synced"]


_MARKUP = re.compile(r"</?(?:code|pre|details|summary)>|`cutlist plan`|\*\*(?:Plan:|Cost:)?|&#\d+;")
_DANGER = re.compile(r"[@#<>`*_\[\]{}!~$\\&\"':]|www\.|://")


@given(prompt=st.text() | st.sampled_from([EVIL]), code=st.text(max_size=30))
def test_nothing_of_a_stranger_means_anything_in_markdown(prompt: str, code: str) -> None:
    """Without our own markup and the numbers, no character is left that could mean something."""
    old, film = (
        make_edit("film", input={"prompt": "Make it blue", "media": [CLIP]}),
        make_edit("film"),
    )
    film = rewrite(film, input={**film.input, "prompt": prompt})
    failed = make_edit("failed", take=2)
    asked = make_desired(film, failed)
    tried = [make_attempt(failed, State.FAILED, code=code or "x", message=prompt)]
    text = write_plan_markdown(
        make_plan(
            asked,
            make_observed(
                asked, before={"film": make_result(old).job}, attempts=tried, damaged=[code]
            ),
        )
    )
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.count("|") for line in table] == [7] * 4
    assert _DANGER.findall(_MARKUP.sub("", text)) == []
    for tag in ("code", "pre", "details", "summary"):
        assert text.count(f"<{tag}>") == text.count(f"</{tag}>")
    assert len(text) <= MOST_CHARACTERS


@pytest.mark.parametrize("count", [40, 400, 4000])
def test_markdown_is_never_too_long(count: int) -> None:
    """What does not fit is counted in words; every block that is begun is ended."""
    step = replace(
        everything().steps[1], details=("word " * 60, EVIL), reason="prompt changed " * 20
    )
    steps = [replace(step, name=f"edit-{number:04}") for number in range(count)]
    text = write_plan_markdown(replace(nothing(), steps=tuple(steps)))
    assert len(text) <= MOST_CHARACTERS
    rows = sum(line.startswith("| <code>") for line in text.splitlines())
    blocks = text.count("<details>")
    assert blocks == text.count("</details>") == text.count("</pre>")
    assert rows == count or f"**{count - rows} more steps are not shown** `cutlist plan`" in text
    assert blocks == count or f"**{count - blocks} more steps are not shown** with reasons" in text

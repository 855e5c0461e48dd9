"""Ages and deadlines of tasks, as status tells them."""

from __future__ import annotations

import pytest

from reconciler.formats.words import format_span
from reconciler.plan.status import Status
from reconciler.plan.step import Plan
from reconciler.report.status import write_status
from reconciler.state.observed import State
from tests.making import make_attempt, make_desired, make_edit, make_observed, make_plan

NOW = 1_800_000_000.0
HOUR = 3600.0


def at_the_service(age_s: float, *, asked_for: bool = True, **fields: object) -> Plan:
    """An edit whose task was sent `age_s` ago and is not collected; or an edit that nobody asks for
    any more.
    """
    film = make_edit("film")
    asked = make_desired(film if asked_for else make_edit("other", take=2))
    given = {"task_id": "t1", "task_status": "RUNNING", "created_at": NOW - age_s, **fields}
    tries = [make_attempt(film, State.SUBMITTED, **given)]
    return make_plan(asked, make_observed(asked, attempts=tries))


@pytest.mark.parametrize(
    ("age_s", "health", "words"),
    [
        (100, "Progressing", "collect within 23h 58m"),
        (12 * HOUR - 60, "Progressing", "collect within 12h 01m"),
        (12 * HOUR, "Progressing", "warning: film: its task is 12h 00m old and not collected"),
        (20 * HOUR - 60, "Progressing", "warning: film: its task is 19h 59m old and not collected"),
        (20 * HOUR, "Degraded", "! film: its task is 20h 00m old and not collected"),
        (24 * HOUR, "Degraded", "too old to be collected"),
        (90 * HOUR, "Degraded", "! film: its task is 3d old and not collected"),
    ],
)
@pytest.mark.parametrize("asked_for", [True, False])
def test_a_task_grows_old(age_s: float, health: str, words: str, asked_for: bool) -> None:
    """Half a day is worth a word; from 20 hours on somebody has to act, also for what is no longer
    asked for.
    """
    status = Status(at_the_service(age_s, asked_for=asked_for), "film", NOW)
    assert bool(status.needs_person) == (health == "Degraded")
    if asked_for:
        assert status.to_json()["edits"][0]["health"] == health
        assert words in write_status(status)
    elif "old and not" in words:
        assert words in write_status(status)
    assert ("old and not collected" in write_status(status)) == (age_s >= 12 * HOUR)


def test_what_was_found_late_is_as_old_as_its_request() -> None:
    """A task that was adopted hours after it was sent does not live longer for that."""
    status = Status(at_the_service(21 * HOUR, submitted_at=NOW - HOUR), "film", NOW)
    assert status.needs_person == ["film"]


def test_the_most_urgent_comes_first() -> None:
    """Of several tasks the oldest is named first."""
    films = [make_edit("a"), make_edit("b", take=2), make_edit("c", take=3)]
    ages = {"a": 13, "b": 22, "c": 1}
    asked = make_desired(*films)
    tries = [
        make_attempt(each, State.SUBMITTED, task_id="t", created_at=NOW - ages[each.name] * HOUR)
        for each in films
    ]
    status = Status(make_plan(asked, make_observed(asked, attempts=tries)), "film", NOW)
    assert [name for name, _ in status.deadlines] == ["b", "a", "c"]
    text = write_status(status)
    assert text.index("! b: ") < text.index("warning: a: ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (59.4, "59s"),
        (60, "1m 00s"),
        (190, "3m 10s"),
        (3600, "1h 00m"),
        (47 * HOUR, "47h 00m"),
        (48 * HOUR, "2d"),
    ],
)
def test_spans(seconds: float, words: str) -> None:
    """Two figures at most."""
    assert format_span(seconds) == words

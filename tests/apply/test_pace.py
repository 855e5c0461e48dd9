"""When a task is looked at: by what such tasks have taken, as a table."""

from __future__ import annotations

import itertools

import pytest

from reconciler.apply.pace import LEAST_ENDINGS, LONGEST_S, Pace, learn_pace, measure_duration

USUAL = Pace(first_s=60.0, interval_s=15.0, usual_s=240.0)


def list_looks(pace: Pace, until_s: float) -> list[float]:
    """The ages at which a task is looked at by itself."""
    ages = [pace.first_s]
    while ages[-1] < until_s:
        ages.append(ages[-1] + pace.wait_after(ages[-1]))
    return ages


def test_nothing_is_known() -> None:
    """As the vendor says: after a minute, and then every 15 s."""
    assert learn_pace(USUAL, []) == USUAL
    assert learn_pace(USUAL, [180.0] * (LEAST_ENDINGS - 1)) == USUAL
    assert list_looks(USUAL, 120.0) == [60, 75, 90, 105, 120]


def test_looks_begin_near_the_end_and_are_dense_there() -> None:
    pace = learn_pace(USUAL, [170.0, 175.0, 180.0, 185.0, 190.0])
    assert (pace.first_s, pace.usual_s) == (153.0, 180.0)
    looks = list_looks(pace, 190.0)
    assert looks[0] == 153.0
    assert {late - early for early, late in itertools.pairwise(looks)} == {5.0}


def test_what_takes_longer_than_all_others_is_looked_at_less_often() -> None:
    pace = learn_pace(USUAL, [100.0] * 10)
    assert pace.wait_after(120.0) == 5.0
    assert pace.wait_after(500.0) == 15.0


def test_a_task_that_is_followed_anew_waits_for_its_time() -> None:
    pace = learn_pace(USUAL, [200.0] * 10)
    assert pace.wait_after(30.0) == 150.0
    assert pace.wait_after(179.0) == 5.0


def test_a_few_odd_ones_move_nothing() -> None:
    """Neither one that hung for hours, nor one whose times contradict each other."""
    usual = [180.0 + n for n in range(20)]
    plain, odd = learn_pace(USUAL, usual), learn_pace(USUAL, [*usual, 3 * 3599.0, -5.0, 1e9])
    assert abs(odd.first_s - plain.first_s) < 5
    assert abs(odd.usual_s - plain.usual_s) < 5
    assert odd.until_s < plain.until_s + 20


def test_no_more_than_the_longest_counts() -> None:
    assert learn_pace(USUAL, [2 * LONGEST_S] * 50) == USUAL


def test_an_interval_of_ones_own_is_kept() -> None:
    """Seldom stays seldom, and what is oftener than near stays as often."""
    own = learn_pace(Pace(60.0, 120.0), [180.0] * 10)
    assert (own.wait_after(170.0), own.wait_after(999.0)) == (40.0, 120.0)
    assert learn_pace(Pace(60.0, 2.0), [180.0] * 10).wait_after(170.0) == 2.0


@pytest.mark.parametrize(
    ("output", "duration_s"),
    [
        (
            {"submit_time": "2026-01-01 10:00:00.000", "end_time": "2026-01-01 10:03:00.500"},
            180.5,
        ),
        ({"submit_time": "2026-01-01 10:00:00.000"}, None),
        ({"submit_time": "yesterday", "end_time": "2026-01-01 10:03:00.500"}, None),
        ("no fields", None),
    ],
)
def test_how_long_a_task_took(output: object, duration_s: float | None) -> None:
    assert measure_duration({"output": output}) == duration_s

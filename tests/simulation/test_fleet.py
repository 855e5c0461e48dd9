"""Many tasks in flight cost few requests, and their files are soon in place: counted, on virtual
time. `benchmarks/apply.py` has the same with 500.
"""

from __future__ import annotations

from pathlib import Path

from tests.simulation.fleet import sail
from tests.simulation.flotilla import sail_together

JOBS = 60  # in flight at once, each for about three minutes
TASK_S = (170.0, 190.0)


def test_few_requests_a_job(tmp_path: Path) -> None:
    """Of a first run, which has learnt nothing: a submit, a look and a download are three, and the
    list beside them is read for all together.
    """
    voyage = sail(tmp_path / "first", jobs=JOBS, running=JOBS, task_s=TASK_S)
    assert voyage.requests_per_job <= 4.2
    assert voyage.most_in_a_second <= 20
    assert voyage.median_delay_s <= 8
    assert voyage.kinds["look"] <= 1.2 * JOBS


def test_fewer_requests_once_the_time_is_known(tmp_path: Path) -> None:
    """The second run begins to look near the time that tasks of the first have taken."""
    voyage = sail(tmp_path / "second", jobs=JOBS, running=JOBS, task_s=TASK_S, applies=2)
    assert voyage.requests_per_job <= 3.6
    assert voyage.kinds["list"] <= JOBS / 2
    assert voyage.median_delay_s <= 8


def test_a_service_without_such_a_list(tmp_path: Path) -> None:
    """Tasks are looked at one by one, and never more often than the service allows."""
    voyage = sail(tmp_path / "none", jobs=JOBS, running=JOBS, task_s=TASK_S, refuses_lists=True)
    assert voyage.most_in_a_second <= 20
    assert voyage.kinds["look"] > 5 * JOBS
    assert voyage.median_delay_s <= 15


def test_several_machines_share_the_rates(tmp_path: Path) -> None:
    """Whoever asks, the account is asked no faster than it allows in any second; one machine reads
    the list for all, and each task is looked at once, when it has ended.
    """
    voyage = sail_together(tmp_path, machines=8, jobs=JOBS, running=JOBS, task_s=TASK_S)
    assert voyage.refused == 0
    assert len(voyage.in_place_at) == JOBS
    assert voyage.most_in_a_second <= 20
    assert voyage.most_of["submit"] <= 5
    assert voyage.kinds["reading"] <= 3  # of the whole list, before anything is sent: one for all
    assert voyage.kinds["look"] <= 1.2 * JOBS
    assert voyage.median_delay_s <= 8

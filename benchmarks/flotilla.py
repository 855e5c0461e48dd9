"""Many jobs of many machines on one ledger, on virtual time: `make bench-flotilla`.

Prints what it costs in requests and in CPU time, job by job, and how late files are; fails where
the account was asked faster than it allows in any second.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from tests.simulation.flotilla import sail_together

TASK_S = (170.0, 190.0)
RATES = {"submit": 5, "look": 20, "list": 20, "reading": 20}  # of the account, in any second


@click.command()
@click.option("--jobs", default=[1000, 2000, 4000, 10_000], multiple=True, show_default=True)
@click.option("--machines", default=16, show_default=True)
def main(jobs: tuple[int, ...], machines: int) -> None:
    """Sail with so many jobs, one size after the other."""
    for number in jobs:
        begun_s = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            voyage = sail_together(
                Path(folder), machines=machines, jobs=number, running=number, task_s=TASK_S
            )
        cpu_s = time.process_time() - begun_s
        assert voyage.refused == 0
        for kind, most in RATES.items():
            assert voyage.most_of[kind] <= most, f"{voyage.most_of[kind]} of {kind} in a second"
        click.echo(
            f"{number:6} jobs, {machines} machines: {voyage.requests_per_job:.2f} requests a job,"
            f" most in a second {voyage.most_of}, in place after {voyage.median_delay_s:.1f} s,"
            f" {cpu_s:.0f} s of CPU, {1000 * cpu_s / number:.1f} ms a job"
        )


if __name__ == "__main__":
    main()

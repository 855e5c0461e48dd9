"""Many seeds: `python -m tests.simulation.run --seeds 20000`; `--of controller` those of the
controller, `--of crowd` those of several machines, with `--ledger postgres` on a real server.
Prints what happened, and each broken promise.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import click

from tests.simulation import mutants as of_apply
from tests.simulation.crowd import mutants as of_crowd
from tests.simulation.crowd.play import run as run_crowd
from tests.simulation.crowd.play import run_on_postgres
from tests.simulation.play import Verdict, run
from tests.simulation.sometimes import MANY, find_missing
from tests.simulation.sync import mutants as of_controller
from tests.simulation.sync.play import run as run_controller
from tests.tally import Tally

BATCH = 25
RUNS: Mapping[str, Callable[[int], Verdict]] = {
    "apply": run,
    "controller": run_controller,
    "crowd": run_crowd,
    "crowd on postgres": run_on_postgres,
}
MUTANTS = {"apply": of_apply, "controller": of_controller, "crowd": of_crowd}


def batch(of: str, seeds: range) -> tuple[Counter[str], list[str], float]:
    """(what happened, broken promises in words, CPU seconds) of some seeds."""
    happened: Counter[str] = Counter()
    broken: list[str] = []
    start = time.process_time()
    for seed in seeds:
        verdict = RUNS[of](seed)
        happened += verdict.world.counters
        happened["runs"] += 1
        happened["lives"] += verdict.world.lives
        if verdict.broken:
            broken.append(f"seed {seed}: {verdict.broken}")
    return happened, broken, time.process_time() - start


def first_to_catch(of: str, name: str) -> tuple[str, int | None]:
    """A bad protocol, and the first seed that catches it."""
    bad = MUTANTS[of]
    seeds = (seed for seed in range(bad.WITHIN) if bad.caught(bad.MUTANTS[name], seed))
    return name, next(seeds, None)


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many seeds.")
@click.option("--first", default=0, show_default=True, help="The first of them.")
@click.option(
    "--of", type=click.Choice(list(MUTANTS)), default="apply", show_default=True, help="Of what."
)
@click.option(
    "--ledger",
    type=click.Choice(["sqlite", "postgres"]),
    default="sqlite",
    show_default=True,
    help="Where the ledger of a crowd lies.",
)
@click.option("--processes", default=os.cpu_count(), show_default="one a core", help="At once.")
@click.option("--trace", type=int, help="Print the trace of one seed and stop.")
@click.option(
    "--mutants", is_flag=True, help="Print the first seed that catches each bad protocol and stop."
)
def main(
    seeds: int,
    first: int,
    of: str,
    ledger: str,
    processes: int,
    trace: int | None,
    mutants: bool,
) -> None:
    """Simulate many seeds and judge each by the server's bill and the bytes on disk."""
    if ledger == "postgres":
        if of != "crowd" or mutants:
            raise click.UsageError("--ledger postgres is for the seeds of --of crowd.")
        of = "crowd on postgres"
    if trace is not None:
        verdict = RUNS[of](trace)
        click.echo("\n".join(verdict.world.trace))
        click.echo(f"trace {verdict.trace_sha256}\n{verdict.broken or 'every promise kept'}")
        raise SystemExit(bool(verdict.broken))
    with multiprocessing.Pool(processes, maxtasksperchild=20) as pool:
        if mutants:
            for name, seed in pool.imap(partial(first_to_catch, of), MUTANTS[of].MUTANTS):
                click.echo(f"{name:32} {'not caught' if seed is None else seed}")
            return
        tally, cpu_s, end = Tally(), 0.0, first + seeds
        batches = [range(each, min(each + BATCH, end)) for each in range(first, end, BATCH)]
        for happened, broken, spent_s in pool.imap_unordered(partial(batch, of), batches):
            tally.add(happened, broken)
            cpu_s += spent_s
    if of == "apply" and seeds >= MANY:
        tally.add(Counter(), (f"never met: {name}" for name in find_missing(tally.happened, seeds)))
    tally.close(f"{tally.happened['runs'] / cpu_s:.1f} runs a CPU second")


if __name__ == "__main__":
    main()

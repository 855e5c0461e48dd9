"""Many seeds: `python -m tests.simulation.run --seeds 20000`. Prints what happened, and each broken
promise.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter

import click

from tests.simulation.mutants import MUTANTS, WITHIN, caught
from tests.simulation.play import run
from tests.tally import Tally

BATCH = 25


def batch(seeds: range) -> tuple[Counter[str], list[str], float]:
    """(what happened, broken promises in words, CPU seconds) of some seeds."""
    happened: Counter[str] = Counter()
    broken: list[str] = []
    start = time.process_time()
    for seed in seeds:
        verdict = run(seed)
        happened += verdict.world.counters
        happened["runs"] += 1
        happened["lives"] += verdict.world.lives
        if verdict.broken:
            broken.append(f"seed {seed}: {verdict.broken}")
    return happened, broken, time.process_time() - start


def first_to_catch(name: str) -> tuple[str, int | None]:
    """A bad protocol, and the first seed that catches it."""
    return name, next((seed for seed in range(WITHIN) if caught(MUTANTS[name], seed)), None)


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many seeds.")
@click.option("--first", default=0, show_default=True, help="The first of them.")
@click.option("--trace", type=int, help="Print the trace of one seed and stop.")
@click.option(
    "--mutants", is_flag=True, help="Print the first seed that catches each bad protocol and stop."
)
def main(seeds: int, first: int, trace: int | None, mutants: bool) -> None:
    """Simulate many seeds and judge each by the server's bill and the bytes on disk."""
    if trace is not None:
        verdict = run(trace)
        click.echo("\n".join(verdict.world.trace))
        click.echo(f"trace {verdict.trace_sha256}\n{verdict.broken or 'every promise kept'}")
        raise SystemExit(bool(verdict.broken))
    with multiprocessing.Pool(os.cpu_count(), maxtasksperchild=20) as pool:
        if mutants:
            for name, seed in pool.imap(first_to_catch, MUTANTS):
                click.echo(f"{name:32} {'not caught' if seed is None else seed}")
            return
        tally, cpu_s, end = Tally(), 0.0, first + seeds
        batches = [range(each, min(each + BATCH, end)) for each in range(first, end, BATCH)]
        for happened, broken, spent_s in pool.imap_unordered(batch, batches):
            tally.add(happened, broken)
            cpu_s += spent_s
    tally.close(f"{tally.happened['runs'] / cpu_s:.1f} runs a CPU second")


if __name__ == "__main__":
    main()

"""Many seeds: `python -m tests.simulation.run --seeds 20000`. Prints what happened, and each broken promise."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter

import click

from tests.simulation.world import run

BATCH = 25


def batch(first: int) -> tuple[Counter[str], list[str], float]:
    """(what happened, broken promises in words, CPU seconds) of one batch of seeds."""
    counters: Counter[str] = Counter()
    broken: list[str] = []
    start = time.process_time()
    for seed in range(first, first + BATCH):
        try:
            verdict = run(seed)
        except Exception as error:
            broken.append(f"seed {seed}: {type(error).__name__}: {error}")
            continue
        counters += verdict.world.counters
        counters["runs"] += 1
        counters["lives"] += verdict.world.lives
        counters[f"exit {verdict.report.exit_code}"] += 1
        if verdict.broken:
            broken.append(f"seed {seed}: {verdict.broken}")
    return counters, broken, time.process_time() - start


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many seeds.")
@click.option("--first", default=0, show_default=True, help="The first of them.")
@click.option("--trace", type=int, help="Print the trace of one seed and stop.")
def main(seeds: int, first: int, trace: int | None) -> None:
    """Simulate many seeds and judge each by the server's bill and the bytes on disk."""
    if trace is not None:
        verdict = run(trace)
        click.echo("\n".join(verdict.world.trace))
        click.echo(f"trace {verdict.trace_sha256}\n{verdict.broken or 'every promise kept'}")
        raise SystemExit(bool(verdict.broken))
    counters: Counter[str] = Counter()
    cpu_s, failures = 0.0, 0
    with multiprocessing.Pool(os.cpu_count(), maxtasksperchild=20) as pool:
        for happened, broken, spent_s in pool.imap_unordered(batch, range(first, first + seeds, BATCH)):
            counters += happened
            cpu_s += spent_s
            failures += len(broken)
            for words in broken:
                click.echo(words)
    for name, count in sorted(counters.items()):
        click.echo(f"{name:24} {count}")
    click.echo(f"{counters['runs'] / cpu_s:.1f} runs a CPU second; {failures} seeds broke a promise")
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()

"""Kills without end: `python -m tests.crash.run --kills 1000`. Prints what happened, and each
broken promise.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click

from tests.crash.clocked import CLOCKED_MAIN
from tests.crash.scene import Scene, Server
from tests.tally import Tally

KILLS = 20  # in one campaign: one project, one server's state
LATEST_S = 0.6  # after the first line of an apply
# an open INTENT is asked about for 1 s before anything is sent; most lives get past that
SETTLING_S = 1.2
APART_S = 600.0  # between the clocks of one life and the next
STUCK_AFTER = 4  # applies that are allowed for what is left at the end


def campaign(folder: Path, seed: int, kills: int = KILLS) -> tuple[Counter[str], Counter[str]]:
    """Kill applies, and now and then the server, at moments that the seed decides; then let one
    end. The clock of each life is right, or APART_S ahead, or behind.

    Returns what happened and what was broken.
    """
    rng = random.Random(seed)
    errors = random.Random(seed + 1)
    happened: Counter[str] = Counter(campaigns=1)
    with Server(folder / "server") as server:
        scene = Scene(folder / "film", server)
        while happened["kills"] < kills:
            _one_life(scene, rng, errors.choice((-APART_S, 0.0, APART_S)), happened)
        codes = []
        while not codes or (codes[-1] != 0 and len(codes) < STUCK_AFTER):
            error_s = errors.choice((-APART_S, 0.0, APART_S))
            codes.append(scene.apply(function=CLOCKED_MAIN, before=[str(error_s)]).returncode)
        happened["last applies"] += len(codes)
        broken = scene.broken()
        broken["stuck"] += codes[-1] != 0
        for state, _ in scene.attempts():
            happened[f"attempts {state}"] += 1
        happened["adopted"] += _adopted(scene)
        happened["jobs"] += len(server.billed())
        happened["temporary files left, hidden"] += len(scene.leftovers())
    return happened, +broken


def _one_life(scene: Scene, rng: random.Random, error_s: float, happened: Counter[str]) -> None:
    """One apply that is killed, with a clock that is wrong by `error_s` and some work for it to do,
    and perhaps with a server that dies too.
    """
    for _ in range(rng.randint(1, 3)):
        scene.any_edit(rng)
    patience_s = SETTLING_S if _found(scene) == "INTENT" and rng.random() < 0.8 else 0.0
    process = scene.start(function=CLOCKED_MAIN, before=[str(error_s)])
    happened["wrong clocks"] += bool(error_s)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(rng.uniform(0.0, LATEST_S) + patience_s)
    server_dies = rng.random()
    if server_dies < 0.15:
        scene.server.end()
        time.sleep(rng.uniform(0.0, 0.2))
    process.kill()
    process.communicate()
    happened["kills" if process.returncode == -signal.SIGKILL else "ended before the kill"] += 1
    happened[f"found {_found(scene)}"] += 1
    if 0.15 <= server_dies < 0.25:
        scene.server.end(signal.SIGTERM)
    if server_dies < 0.25:
        happened["server restarted"] += 1
        scene.server.start()


def _found(scene: Scene) -> str:
    """What the dead have left open, worst first."""
    states = {state for state, _ in scene.attempts()}
    return next((state for state in ("INTENT", "SUBMITTED") if state in states), "nothing open")


def _adopted(scene: Scene) -> int:
    results, _ = scene.project().store.read_all_results()
    return sum(result.adopted for each in results.values() for result in each)


def _in_a_folder(seed: int) -> tuple[int, Counter[str], Counter[str]]:
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        return seed, *campaign(Path(folder), seed)


@click.command()
@click.option("--kills", default=1000, show_default=True, help="How many, in campaigns of 20.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--jobs", default=2, show_default=True, help="Campaigns at once.")
def main(kills: int, first: int, jobs: int) -> None:
    """Kill applies at random moments and judge by the server's bill and the bytes on disk."""
    tally = Tally()
    start = time.monotonic()
    seed = first
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        while tally.happened["kills"] < kills:
            seeds = range(seed, seed + -(-(kills - tally.happened["kills"]) // KILLS))
            seed = seeds.stop
            for which, happened, broken in pool.imap_unordered(_in_a_folder, seeds):
                tally.add(happened, [f"seed {which}: {dict(broken)}"] if broken else [])
                sys.stdout.flush()
    tally.close(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()

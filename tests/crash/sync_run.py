"""Kills of the controller without end: `python -m tests.crash.sync_run --kills 200`. Prints what
happened, and each broken promise.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import click

from tests.crash.scene import Server
from tests.crash.sync_scene import SyncScene
from tests.tally import Tally

KILLS = 20  # in one campaign: one repository, one server's state
LATEST_S = 1.2  # after the first line of the log
STUCK_AFTER = 6  # passes that are allowed for what is left at the end


def campaign(folder: Path, seed: int, kills: int = KILLS) -> tuple[Counter[str], Counter[str]]:
    """Kill controllers at moments that the seed decides, while somebody pushes; then let them end.

    Returns what happened and what was broken.
    """
    rng = random.Random(seed)
    happened: Counter[str] = Counter(campaigns=1)
    with Server(folder / "server") as server:
        scene = SyncScene(folder / "films", server)
        while happened["kills"] < kills:
            _one_life(scene, rng, happened)
        code, said = -1, ""
        passes = 0
        while code != 0 and passes < STUCK_AFTER:
            code, said = scene.run_once()
            passes += 1
        happened["last passes"] += passes
        if code != 0:
            raise AssertionError(f"seed {seed} is stuck: {said}")
        happened["jobs"] += len(server.billed())
        happened["lock commits"] += scene.count_own_commits()
        return happened, scene.find_broken()


def _one_life(scene: SyncScene, rng: random.Random, happened: Counter[str]) -> None:
    """One controller that is killed, with a push before it and perhaps some in its life."""
    scene.push_something(rng)
    process = scene.start()
    assert process.stderr is not None
    process.stderr.readline()
    for _ in range(rng.randint(0, 2)):
        time.sleep(rng.uniform(0.0, LATEST_S / 3))
        scene.push_something(rng)
        happened["pushes beside a life"] += 1
    time.sleep(rng.uniform(0.0, LATEST_S))
    process.kill()
    _, said = process.communicate()
    if process.returncode != -signal.SIGKILL:
        raise AssertionError(f"the controller has ended by itself: {said}")
    happened["kills"] += 1


def _in_a_folder(seed: int) -> tuple[int, Counter[str], Counter[str]]:
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        return seed, *campaign(Path(folder), seed)


@click.command()
@click.option("--kills", default=200, show_default=True, help="How many, in campaigns of 20.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--jobs", default=2, show_default=True, help="Campaigns at once.")
def main(kills: int, first: int, jobs: int) -> None:
    """Kill controllers at random moments and judge by the server's bill and the bytes on disk."""
    tally = Tally()
    start = time.monotonic()
    seeds = range(first, first + -(-kills // KILLS))
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for which, happened, broken in pool.imap_unordered(_in_a_folder, seeds):
            tally.add(happened, [f"seed {which}: {dict(broken)}"] if broken else [])
    tally.close(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()

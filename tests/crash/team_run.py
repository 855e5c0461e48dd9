"""A team without end: `python -m tests.crash.team_run --jobs 500 --kills 60`. Workers are killed,
the service loses answers and breaks downloads, database and bucket are restarted once; the server's
bill is the judge.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import psycopg

from tests.bucketserver import ACCESS, run_server
from tests.cli.processes import until
from tests.crash.scene import Server
from tests.crash.team_scene import Team
from tests.nursery import Child
from tests.postgres import find_server
from tests.tally import Tally

TASK_SECONDS = (0.3, 1.5)
WIDTH = 8  # tasks of a model at the service
AWAY_S = 3.0  # how long database and bucket are gone
TAKEN_OVER_S = 60.0
FAULTS = [
    {"route": "create", "rate": 0.04, "do": "lost"},
    {"route": "create", "rate": 0.15, "do": "hang", "side": "after", "seconds": 1.0},
    {"route": "create", "rate": 0.05, "do": "answer", "status": 503},
    {"route": "fetch", "rate": 0.05, "do": "answer", "status": 503},
    {"route": "result", "rate": 0.10, "do": "truncate", "keep": 0.5},
]


@dataclass
class Campaign:
    """One team at work, and what became of those who were killed."""

    team: Team
    rng: random.Random
    happened: Counter[str] = field(default_factory=Counter)
    # by the place of a worker: it, and how the ledger calls it
    processes: dict[int, Child] = field(default_factory=dict)
    holders: dict[int, str] = field(default_factory=dict)
    orphans: dict[str, tuple[str, float]] = field(default_factory=dict)  # state and moment of death
    longest_s: float = 0.0

    def start_worker(self, place: int) -> None:
        """Start a worker in a place, and learn by which name the ledger knows it."""
        known = self._list_holders()
        process = self.team.start_worker(folder=f"worker-{place}")
        new = until(lambda: self._list_holders() - known, process)
        self.holders[place] = next(iter(new))
        self.processes[place] = process

    def _list_holders(self) -> set[str]:
        rows = self.team.sql("select id from holders where command = 'cutlist worker'")
        return {row[0] for row in rows}

    def kill_one(self) -> None:
        """Kill a worker, note what it leaves, and start another in its place."""
        place = self.rng.choice(sorted(self.processes))
        process, now = self.processes.pop(place), time.monotonic()
        process.kill()
        process.wait()
        self.happened["kills"] += 1
        rows = self.team.sql(
            "select id, state from attempts where state in ('INTENT', 'SUBMITTED') and holder ="
            f" '{self.holders[place]}'"
        )
        for attempt_id, state in rows:
            self.happened[f"died with {state}"] += 1
            self.orphans[attempt_id] = (state, now)
        self.start_worker(place)

    def look(self) -> None:
        """See which of the orphans have been taken over."""
        for attempt_id, (state, since) in list(self.orphans.items()):
            ((now,),) = self.team.sql(f"select state from attempts where id = '{attempt_id}'")
            if now != state:
                self.longest_s = max(self.longest_s, time.monotonic() - since)
                del self.orphans[attempt_id]

    def restart_database(self) -> None:
        find_server().stop()
        time.sleep(AWAY_S)
        find_server().start()
        self.happened["database restarted"] += 1

    def restart_bucket(self) -> None:
        self.team.bucket.shut()
        time.sleep(AWAY_S)
        self.team.bucket.listen()
        self.happened["bucket restarted"] += 1

    def run(self, workers: int, kills: int, jobs: int, end: float) -> None:
        """Kill at moments that chance decides while one apply after another waits, until all is
        done or `end`.
        """
        apply = self.team.start_apply()
        until(self.team.has_job)
        for place in range(workers):
            self.start_worker(place)
        last = {"database": kills // 3, "bucket": 2 * kills // 3}
        while time.monotonic() < end:
            with suppress(psycopg.OperationalError):
                self.look()
            if apply.poll() is not None:
                apply.communicate()
                self.happened[f"applies with exit {apply.returncode}"] += 1
                if apply.returncode == 0:
                    return
                apply = self.team.start_apply()
            if self.happened["kills"] < kills and len(self.team.count_billed()) < 0.95 * jobs:
                self.kill_one()
            for name, restart in (
                ("database", self.restart_database),
                ("bucket", self.restart_bucket),
            ):
                if self.happened["kills"] >= last.get(name, kills + 1):
                    del last[name]
                    restart()
            time.sleep(self.rng.uniform(0.5, 3.0))
        self.happened["time ran out"] += 1
        apply.kill()
        apply.communicate()


@click.command()
@click.option("--jobs", default=500, show_default=True, help="How many edits.")
@click.option("--kills", default=60, show_default=True, help="How often a worker is killed.")
@click.option("--workers", default=4, show_default=True, help="How many at once.")
@click.option("--seed", default=0, show_default=True, help="What decides about chance.")
@click.option("--minutes", default=60.0, show_default=True, help="After which it gives up.")
def main(jobs: int, kills: int, workers: int, seed: int, minutes: float) -> None:
    """Let a team work through kills and trouble, and judge by the server's bill."""
    os.environ.update(ACCESS)
    tally, begun = Tally(), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="team-") as folder,
        run_server() as bucket,
        Server(Path(folder) / "server", TASK_SECONDS) as server,
    ):
        team = Team(Path(folder), server, bucket, running_tasks=WIDTH)
        rng = random.Random(seed)
        for number in range(jobs):
            team.film.edit(**_choose_kind(rng, number))
        for fault in FAULTS:
            server.ask("faults", "POST", fault)
        campaign = Campaign(team, rng)
        try:
            campaign.run(workers, kills, jobs, begun + 60 * minutes)
        finally:
            team.end()
        happened, broken = campaign.happened, team.find_broken(jobs)
        happened["jobs"] = len(team.count_billed())
        for state, number in team.sql("select state, count(*) from attempts group by state"):
            happened[f"attempts {state}"] = number
        happened["seconds to take over, at most"] = round(campaign.longest_s)
        if campaign.longest_s > TAKEN_OVER_S:
            broken["taken over too late"] += 1
        tally.add(happened, [f"seed {seed}: {dict(broken)}"] if broken else [])
    sys.stdout.flush()
    tally.close(f"{time.monotonic() - begun:.0f} s")


def _choose_kind(rng: random.Random, number: int) -> dict[str, Any]:
    """What an edit asks for, in one of two lanes."""
    if rng.random() < 0.6:
        return {}
    wide = {
        "function": "video_outpainting",
        "prompt": f"wide {number}",
        "video_url": "https://clips.example/v.mp4",
    }
    return {"model": "wan2.1-vace-plus", "input": wide, "parameters": {}}


if __name__ == "__main__":
    main()

"""A team without a machine of its own: `python -m tests.crash.clones_run --rounds 20`.

In each round two clones and two runners of CI, which begin with an empty disk, apply the same
edits at the same moment, with one ledger and one bucket; some of them are killed, and start again.
Judged by the server's bill and by the bytes in every work tree.
"""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click

from tests.bucketserver import ACCESS, BucketServer, run_server
from tests.crash.scene import Scene, Server, hash_file
from tests.nursery import Child
from tests.postgres import make_address, run_sql
from tests.tally import Tally

EDITS = 40
CLONES = 2
RUNNERS = 2
LATEST_KILL_S = 6.0  # after the start
LIVES = 6  # of one applier, the last of which nobody kills; the dead's requests take 40 s to settle
ROUND_S = 240.0


class Team:
    """The appliers of one round, all of one project."""

    def __init__(self, root: Path, server: Server, bucket: BucketServer) -> None:
        self.server = server
        self.address = make_address("live")
        store = bucket.name_store(bucket.make_bucket("live"))
        spec: dict[str, Any] = {
            "account": self.address.account,
            "ledger": self.address.url,
            "store": store,
            "limits": {"settle_s": 5, "poll_interval_s": 0.2, "running_tasks": 8},
        }
        names = [f"clone-{each}" for each in range(CLONES)]
        names += [f"runner-{each}" for each in range(RUNNERS)]
        self.scenes = {name: Scene(root / name, server, **spec) for name in names}
        for scene in self.scenes.values():
            for _ in range(EDITS):
                scene.edit()
        self._running: dict[str, Child] = {}

    def carry_out(self, rng: random.Random) -> Counter[str]:
        """Apply everywhere at once, kill some, start them again, until all have ended by
        themselves; what happened.
        """
        happened: Counter[str] = Counter(rounds=1)
        lives = dict.fromkeys(self.scenes, 1)
        for name in self.scenes:
            self._start(name)
        kills = sorted(
            (time.monotonic() + rng.uniform(0.5, LATEST_KILL_S), name)
            for name in rng.sample(sorted(self.scenes), rng.randint(1, 3))
        )
        end = time.monotonic() + ROUND_S
        while self._running and time.monotonic() < end:
            time.sleep(0.05)
            while kills and kills[0][0] <= time.monotonic():
                _, name = kills.pop(0)
                if name in self._running:
                    self._running[name].send_signal(signal.SIGKILL)
            for name, process in list(self._running.items()):
                if process.poll() is None:
                    continue
                _, err = process.communicate()
                happened[f"ended with {process.returncode}"] += 1
                if process.returncode not in (0, -signal.SIGKILL):
                    click.echo(f"{name}: {err.strip()[-400:]}")
                del self._running[name]
                if process.returncode != 0 and lives[name] < LIVES:
                    lives[name] += 1
                    self._start(name)
        for process in self._running.values():
            process.kill()
            process.communicate()
        happened["stuck"] = len(self._running)
        return happened

    def _start(self, name: str) -> None:
        self._running[name] = self.scenes[name].start(**ACCESS)

    def find_broken(self) -> Counter[str]:
        """The promises that were not kept."""
        wrong: Counter[str] = Counter()
        bill = self.server.billed()
        billed = Counter(task["job_sha256"] for task in bill)
        wrong["paid twice"] = sum(count - 1 for count in billed.values())
        wrong["not paid"] = EDITS - len(billed)
        known = {task_id for (task_id,) in run_sql(self.address, "select task_id from attempts")}
        wrong["lost"] = sum(1 for task in bill if task["task_id"] not in known)
        digests: dict[str, set[str]] = {}
        for scene in self.scenes.values():
            for name in scene.names():
                output = scene.root / "renders" / f"{name}.mp4"
                wrong["outputs missing"] += not output.is_file()
                if output.is_file():
                    digests.setdefault(name, set()).add(hash_file(output))
        wrong["of different bytes"] = sum(len(each) > 1 for each in digests.values())
        return +wrong


def play_round(root: Path, server: Server, bucket: BucketServer, seed: int) -> tuple[Any, Any]:
    """One round from nothing: what happened, and what was broken."""
    server.ask("reset", "POST")
    team = Team(root, server, bucket)
    happened = team.carry_out(random.Random(seed))
    happened["jobs"] += len(server.billed())
    broken = team.find_broken()
    broken["stuck"] += happened["stuck"]
    return happened, +broken


@click.command()
@click.option("--rounds", default=20, show_default=True, help="How many, one after another.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
def main(rounds: int, first: int) -> None:
    """Apply the same edits from four places at once, with kills."""
    tally = Tally()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="team-") as folder, run_server() as bucket:
        root = Path(folder)
        with Server(root / "server", (0.3, 1.5)) as server:
            for seed in range(first, first + rounds):
                happened, broken = play_round(root / str(seed), server, bucket, seed)
                tally.add(happened, [f"seed {seed}: {dict(broken)}"] if broken else [])
    tally.close(f"{rounds} rounds of {EDITS} edits, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()

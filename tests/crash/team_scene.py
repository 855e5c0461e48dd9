"""A project whose work is done by workers: a database, a bucket, a folder for each worker, and the
judge.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconciler.formats.bucket_address import BucketAddress
from tests.bucketserver import ACCESS, BucketServer
from tests.cli.processes import MAIN, environment
from tests.crash.scene import Scene, Server
from tests.nursery import Child, get_nursery
from tests.postgres import make_address, run_sql

MODEL = "wan2.7-videoedit"


class Team:
    """One project, and whoever works for it."""

    def __init__(self, root: Path, server: Server, bucket: BucketServer, **limits: Any) -> None:
        self.root = root
        self.server = server
        self.bucket = bucket
        self.place: BucketAddress = bucket.make_bucket("live")
        self.address = make_address("live")
        self.spec: dict[str, Any] = {
            "account": self.address.account,
            "ledger": self.address.url,
            "store": bucket.name_store(self.place),
            "workers": True,
            "limits": {"settle_s": 1, "poll_interval_s": 0.1, **limits},
        }
        self.film = Scene(root / "film", server, **self.spec)
        get_nursery().load("reconciler.engine", "obstore.store")
        self.workers: list[Child] = []

    def sql(self, statement: str) -> list[Any]:
        """Ask, or change, what the database has."""
        return run_sql(self.address, statement)

    def start_worker(
        self,
        *,
        function: str = MAIN,
        before: Sequence[str] = (),
        folder: str = "",
        **env: str,
    ) -> Child:
        """A worker with a folder of its own, in which there is a cutlist.yaml and nothing else;
        `function` and `before` are as for an apply.
        """
        place = self.root / (folder or f"worker-{len(self.workers)}")
        if not place.exists():
            place.mkdir(parents=True)
            document = json.loads((self.film.root / "cutlist.yaml").read_text())
            document["metadata"]["name"] = "a-worker"
            (place / "cutlist.yaml").write_text(json.dumps(document))
        with (self.root / f"{place.name}.log").open("a") as log:
            words = [*before, "-C", str(place), "worker"]
            env = environment(**{**ACCESS, **env})
            process = get_nursery().start(function, words, env=env, stdout=log, stderr=log)
        self.workers.append(process)
        return process

    def read_log(self, number: int = 0) -> str:
        """What a worker has said so far."""
        return (self.root / f"worker-{number}.log").read_text()

    def start_apply(self, *arguments: str, **env: str) -> Child:
        """An apply of the project, which orders."""
        return self.film.start(*arguments, **{**ACCESS, **env})

    def end(self) -> None:
        """End every worker without a word."""
        for process in self.workers:
            if process.poll() is None:
                process.kill()
            process.wait()

    def has_job(self) -> bool:
        """Whether something was ordered that is not done."""
        is_there = self.sql("select to_regclass('pgqueuer') is not null")[0][0]
        return bool(is_there) and self.sql("select count(*) from pgqueuer")[0][0] > 0

    def let_time_pass(self) -> None:
        """A minute goes by for the database: who has died is dead, for ledger and queue."""
        self.sql("update attempts set intended_at = intended_at - 60")
        self.sql("update holders set alive_until = alive_until - 60")
        self.sql("update pgqueuer set heartbeat = heartbeat - interval '60 seconds'")

    def count_billed(self) -> Counter[str]:
        """By job, how often it was paid."""
        return Counter(task["job_sha256"] for task in self.server.billed())

    def find_broken(self, names: int) -> Counter[str]:
        """The promises that were not kept, counted, once everything was applied."""
        wrong: Counter[str] = Counter()
        billed = self.count_billed()
        wrong["paid twice"] = sum(billed.values()) - len(billed)
        wrong["paid and not asked for, or the reverse"] = abs(len(billed) - names)
        known = {row[0] for row in self.sql("select task_id from tasks where attempt_id <> ''")}
        wrong["lost"] = sum(1 for task in self.server.billed() if task["task_id"] not in known)
        states = dict(self.sql("select state, count(*) from attempts group by state"))
        wrong["left open"] = sum(states.get(each, 0) for each in ("INTENT", "SUBMITTED"))
        wrong["undecided"] = states.get("UNDECIDED", 0)
        wrong["without a result"] = names - sum(
            1 for name in self.bucket.list(self.place, "results/") if name.endswith(".json")
        )
        return +wrong

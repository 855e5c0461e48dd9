"""Two controllers in processes of their own, with one ledger: the one that leads is killed while
its tasks run, and the other makes the rest.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import PATIENCE_S, cutlist, until
from tests.crash.scene import Server
from tests.crash.sync_scene import NAME, SyncScene
from tests.nursery import Child
from tests.postgres import make_address, run_sql


class Pair:
    """One repository, one ledger, and two state folders."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.address, self.server = make_address("live"), server
        account, url = self.address.account, self.address.url
        self.scene = SyncScene(folder, server, account=account, ledger=url)
        self.folder = folder

    def start(self, which: str) -> Child:
        return self.scene.start("--state", str(self.folder / which))

    def finish_tasks(self) -> None:
        """Let all that the service works on end well."""
        for task in self.server.ask("bill")["tasks"]:
            self.server.ask(f"tasks/{task['task_id']}/finish", "POST")

    def find_leader(self) -> list[object]:
        return run_sql(self.address, f"select holder from duties where name = 'lead {NAME}'")

    def read_status(self, which: str) -> dict[str, object]:
        done = cutlist("sync", "status", "--json", "--state", self.folder / which)
        status: dict[str, object] = json.loads(done.stdout)["syncs"][0] if done.stdout else {}
        return status

    def show_status(self, which: str) -> str:
        return cutlist("sync", "status", "--state", self.folder / which).stdout


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with Server(tmp_path / "server", task_seconds=(600, 600)) as server:
        yield Pair(tmp_path / "films", server)


def test_the_one_that_leads_is_killed(pair: Pair) -> None:
    """Each job is paid once, the lock is pushed once, and who stood by says so until then."""
    for _ in range(2):
        pair.scene.add_edit()
    first = pair.start("a")
    until(lambda: len(pair.server.ask("bill")["tasks"]) == 2, first)
    second = pair.start("b")
    until(lambda: "StandsBy" in pair.show_status("b"), second)
    assert "leads; this controller stands by." in " ".join(pair.show_status("b").split())
    once = pair.scene.start("--once", "--state", str(pair.folder / "c"))
    out, err = once.communicate(timeout=PATIENCE_S)
    assert (once.returncode, "1 led elsewhere" in out) == (0, True), out + err
    first.kill()
    first.communicate(timeout=PATIENCE_S)
    assert first.returncode == -signal.SIGKILL
    run_sql(pair.address, "update holders set alive_until = alive_until - 60")
    pair.finish_tasks()
    try:
        until(lambda: bool(pair.read_status("b").get("last_applied_revision")), second)
    finally:
        second.terminate()
        out, err = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 0, out + err
    billed = Counter(task["job_sha256"] for task in pair.server.billed())
    assert sorted(billed.values()) == [1, 1]
    assert pair.scene.count_own_commits() == 1
    assert pair.find_leader() == []

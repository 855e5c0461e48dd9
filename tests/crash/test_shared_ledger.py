"""Two clones on two machines with one ledger: both apply at once, one is killed, one stands still;
the bill of the server says that nothing was paid twice.
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reconciler.state.observed import State
from tests.cli.processes import PATIENCE_S, until
from tests.crash.scene import VICTIM_MAIN, Scene, Server
from tests.nursery import Child
from tests.postgres import make_address, run_sql

NAMES = 5


class Clones:
    """Two clones of one project; each has a store of its own."""

    def __init__(self, root: Path, server: Server) -> None:
        self.address = make_address("live")
        self.server = server
        spec: dict[str, Any] = {"account": self.address.account, "ledger": self.address.url}
        self.scenes = [Scene(root / each, server, **spec) for each in ("a", "b")]
        for scene in self.scenes:
            for _ in range(NAMES):
                scene.edit()

    def sql(self, statement: str) -> list[Any]:
        """Ask, or change, what the ledger has."""
        return run_sql(self.address, statement)

    def let_time_pass(self) -> None:
        """A minute goes by for the server: who has died is dead, and its request has arrived, or
        never will.
        """
        self.sql("update attempts set intended_at = intended_at - 60")
        self.sql(
            "update holders set alive_until = alive_until - 60 where id in"
            " (select holder from attempts where state = 'INTENT')"
        )

    def start(self, which: int, **options: Any) -> Child:
        return self.scenes[which].start(**options)

    def judge(self) -> None:
        """Each job was paid once, and each clone has each video."""
        billed = Counter(task["job_sha256"] for task in self.server.billed())
        assert sorted(billed.values()) == [1] * NAMES
        for scene in self.scenes:
            made = {path.stem for path in scene.root.rglob("*.mp4") if ".cutlist" not in path.parts}
            assert made == set(scene.names())
        states = self.sql("select state, count(*) from attempts group by state")
        assert dict(states).keys() <= {State.SUCCEEDED, State.NOT_SENT}
        assert dict(states)[State.SUCCEEDED] == NAMES


@pytest.fixture
def clones(running: Server, tmp_path: Path) -> Clones:
    running.ask("reset", "POST")
    return Clones(tmp_path, running)


def finish(process: Child) -> None:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, out + err


def test_two_at_once(clones: Clones) -> None:
    """Each renders what the other does not, and takes what the other has; nobody is sent away."""
    both = [clones.start(0), clones.start(1)]
    for process in both:
        finish(process)
    clones.judge()
    assert clones.sql("select * from holders") == []


@pytest.mark.parametrize(
    ("point", "when"), [("Ledger.intend", "after"), ("Ledger.submitted", "before")]
)
def test_one_is_killed_while_it_sends(clones: Clones, point: str, when: str) -> None:
    """Between INTENT and POST, or between POST and task_id: the other settles what is open, and
    makes the rest.
    """
    victim = clones.start(0, function=VICTIM_MAIN, before=[point, when, "2"])
    victim.communicate(timeout=PATIENCE_S)
    assert victim.returncode == -signal.SIGKILL
    assert clones.sql("select state from attempts where state = 'INTENT'") == [("INTENT",)]
    other = clones.start(1)
    until(lambda: len(clones.sql("select id from holders")) == 2, other)
    clones.let_time_pass()
    finish(other)
    finish(clones.start(0))
    clones.judge()

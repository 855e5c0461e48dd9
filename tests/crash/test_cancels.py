"""SIGKILL before and after a task is cancelled: the next apply finds it so, and it was free."""

from __future__ import annotations

import signal

from tests.cli.processes import until
from tests.crash.scene import VICTIM_MAIN, Scene
from tests.crash.victim import CANCEL

WAITS = {"when": {"nth": 1}, "then": "succeed", "pending_s": 600, "after_s": 700}


def test_killed_as_it_cancels(scene: Scene) -> None:
    """Three lives: one ends before the request, one after its answer, the last closes the attempt
    and renders what is asked for now.
    """
    scene.server.ask("scenarios", "POST", WAITS)
    gone = scene.edit()
    first = scene.start()
    until(scene.task_ids, first)
    first.kill()
    first.communicate()
    (scene.root / "specs" / f"{gone}.yaml").unlink()
    scene.edit()
    for when, status in (("before", "PENDING"), ("after", "CANCELED")):
        killed = scene.apply("--cancel-obsolete", function=VICTIM_MAIN, before=[CANCEL, when, "1"])
        assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
        assert [task["status"] for task in scene.server.ask("bill")["tasks"]] == [status]
        assert [state for state, _ in scene.attempts()] == ["SUBMITTED"]
    last = scene.apply("--cancel-obsolete")
    assert last.returncode == 0, last.stdout + last.stderr
    assert "cancelled while it waited; nothing was billed" in last.stdout
    assert sorted(state for state, _ in scene.attempts()) == ["CANCELED", "SUCCEEDED"]
    assert scene.broken() == {}, last.stdout

"""Two applies on one store: one works, the other is told who does; a paused holder keeps
the lock.
"""

from __future__ import annotations

import signal

from tests.cli.processes import PATIENCE_S, until
from tests.crash.scene import Scene

TASK_SECONDS = (1.0, 1.5)


def test_two_at_once(scene: Scene) -> None:
    """Started at the same instant, one renders and the other exits 7; each job is paid once."""
    scene.edit()
    both = [scene.start(), scene.start()]
    said = [process.communicate(timeout=PATIENCE_S) for process in both]
    assert sorted(process.returncode for process in both) == [0, 7], said
    winner, loser = sorted(range(2), key=lambda each: both[each].returncode)
    assert "another cutlist is working on this store" in said[loser][1]
    assert str(both[winner].pid) in said[loser][1] or "it has just started" in said[loser][1]
    assert scene.broken() == {}


def test_paused_holder(scene: Scene) -> None:
    """A holder that stands still is no reason to go ahead; it goes on when it is woken."""
    scene.edit()
    holder = scene.start()
    until(scene.task_ids, holder)
    holder.send_signal(signal.SIGSTOP)
    second = scene.apply()
    assert second.returncode == 7
    assert f"process {holder.pid}" in second.stderr
    holder.send_signal(signal.SIGCONT)
    out, err = holder.communicate(timeout=PATIENCE_S)
    assert holder.returncode == 0, out + err
    assert scene.broken() == {}

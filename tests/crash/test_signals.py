"""Ctrl-C and SIGTERM: once to stop with all that is in flight named, twice to leave at once."""

from __future__ import annotations

import signal
import time

import pytest

from tests.cli.processes import PATIENCE_S, until
from tests.crash.scene import Scene

TASK_SECONDS = (1.0, 1.5)


@pytest.mark.parametrize(("which", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_once(which: signal.Signals, code: int, scene: Scene) -> None:
    """It ends with the signal's code and names the task, which the next apply collects without
    paying again.
    """
    scene.edit()
    process = scene.start()
    (task_id,) = until(scene.task_ids, process)
    process.send_signal(which)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, out + err
    assert f"Still at the service: {task_id}" in out
    assert "Traceback" not in err
    resumed = scene.apply()
    assert (resumed.returncode, "1 resumed" in resumed.stdout) == (0, True), (
        resumed.stdout + resumed.stderr
    )
    assert scene.broken() == {}


def test_twice(scene: Scene) -> None:
    """A hanging POST is waited for after the first Ctrl-C, and left behind at the second; it is
    paid once at most.
    """
    scene.edit()
    hang = {"route": "create", "do": "hang", "side": "after", "nth": 1}
    scene.server.ask("faults", "POST", hang)
    process = scene.start()
    until(lambda: scene.server.ask("bill")["tasks"], process)  # it has arrived, unanswered
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    out, err = process.communicate(timeout=PATIENCE_S)
    assert time.monotonic() - start < 5.0
    assert process.returncode == 130, out + err
    assert "Again to leave at once" in err
    resumed = scene.apply()
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert scene.broken() == {}

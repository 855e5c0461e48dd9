"""SIGKILL at random moments to the controller, while somebody pushes."""

from __future__ import annotations

from pathlib import Path

from tests.crash.sync_run import campaign

KILLS = 2


def test_random_kills(tmp_path: Path) -> None:
    """A few lives end at moments that a seed decides; then the last commit is what is rendered,
    each job paid once (more: make crash).
    """
    happened, broken = campaign(tmp_path, seed=3, kills=KILLS)
    assert broken == {}, happened
    assert happened["kills"] == KILLS
    assert happened["lock commits"] > 0

"""SIGKILL at random moments, to the client and to the server: nothing paid twice, lost, incomplete
or stuck.
"""

from __future__ import annotations

from pathlib import Path

from tests.crash.run import campaign

KILLS = 8  # with those at the labelled points nearly thirty


def test_random_kills(tmp_path: Path) -> None:
    """A few lives, on clocks ten minutes apart, end at moments that a seed decides; what is left
    converges, each job paid once (more: make crash).
    """
    happened, broken = campaign(tmp_path, seed=7, kills=KILLS)
    assert broken == {}, happened
    assert happened["kills"] == KILLS
    assert happened["wrong clocks"] > 0

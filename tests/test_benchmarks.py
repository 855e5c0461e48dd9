"""The frame of the benchmarks: what counts, what is reached, and the table of it. No timing is
looked at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def frame(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/frame.py, as its neighbours import it."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import frame

    return frame


def test_the_median_of_the_rounds_counts(
    frame: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ratio is of one round, and the bound is looked at in its own direction."""
    frame.tell_ratio("slow", [2.0, 9.0, 4.0], [1.0, 3.0, 1.0], allowed=2.5, unit="s CPU")
    frame.tell_ratio("fast", [3.0], [4.0], allowed=0.5, unit="a s", at_least=True, rounds=1)
    frame.tell_value("small", [7.0, 5.0], allowed=None, unit="MB")
    slow, fast, small = map(json.loads, capsys.readouterr().out.splitlines())
    assert slow == {
        "claim": "slow",
        "ratio": 3.0,
        "spread": [2.0, 4.0],
        "allowed": 2.5,
        "bound": "at most",
        "unit": "s CPU",
        "reached": False,
        "ours": 4.0,
        "peer": 1.0,
    }
    assert (fast["reached"], fast["bound"], fast["rounds"]) == (True, "at least", 1)
    assert (small["value"], small["reached"]) == (6.0, None)


def test_measures_take_turns(frame: ModuleType) -> None:
    """Every second round is in the reverse order, so that none is always the later one."""
    calls: list[str] = []

    def call(name: str) -> int:
        calls.append(name)
        return len(calls)

    results = frame.measure_in_turn(2, ours=lambda: call("ours"), peer=lambda: call("peer"))
    assert calls == ["ours", "peer", "peer", "ours"]
    assert results == {"ours": [1, 4], "peer": [2, 3]}


def test_a_command_is_measured_whole(frame: ModuleType) -> None:
    """What it starts and waits for counts, and one that fails ends the benchmark with its words."""
    work = "import time\nwhile time.process_time() < 0.1: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    usage = frame.measure_command([sys.executable, "-c", parent])
    assert usage.cpu_s > 0.1
    assert usage.peak_mb > 1
    with pytest.raises(SystemExit, match=r"ended with 3:\nno disk"):
        frame.measure_command(["sh", "-c", "echo no disk >&2; exit 3"])


def test_the_table_has_the_last_word_of_each_claim(
    frame: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Other lines are passed over; a claim that was not reached is told."""
    import table

    frame.tell_ratio("a", [9.0], [1.0], allowed=2, unit="s CPU")
    frame.tell_ratio("a", [3.0], [1.0], allowed=2, unit="s CPU")
    frame.tell_value("b", [5.0], allowed=6, unit="ms")
    lines = tmp_path / "lines"
    lines.write_text(f"== plan\n{capsys.readouterr().out}")
    monkeypatch.setattr(sys, "argv", ["table.py", str(lines)])
    table.main()
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| a | ≤ 2 times | 3 | 3 to 3 | 3 s CPU | 1 s CPU | **not reached** |",
        "| b | ≤ 6 ms | 5 | 5 to 5 |  |  |  |",
    ]


def test_frames_are_counted_that_were_shown_while_one_scrolled(frame: ModuleType) -> None:
    """Those that were dropped, or shown before, are not; one that is reported twice counts once."""
    from scene.pages import Scrolling, read_scrolling

    def report(ts: int, sequence: int, state: str, **more: object) -> dict[str, object]:
        told = {"scroll_state": "SCROLL_COMPOSITOR_THREAD", "has_missing_content": False, **more}
        return {
            "ts": ts,
            "args": {"frame_reporter": {"frame_sequence": sequence, "state": state, **told}},
        }

    events = [
        report(0, 1, "STATE_PRESENTED_ALL", scroll_state="SCROLL_NONE"),
        {"ts": 10, "args": {}},
        report(1_000_000, 2, "STATE_PRESENTED_ALL"),
        report(1_100_000, 3, "STATE_PRESENTED_PARTIAL"),
        report(1_150_000, 3, "STATE_PRESENTED_PARTIAL", has_missing_content=True),
        report(1_200_000, 4, "STATE_DROPPED"),
        report(1_500_000, 5, "STATE_PRESENTED_ALL"),
    ]
    assert read_scrolling({"traceEvents": events}) == Scrolling(6.0, 1)


def test_sides_are_compared_at_the_same_moment(frame: ModuleType) -> None:
    """A frame that is shown later may be a later one: that is no distance."""
    from page import measure_apart

    shown = [("before", 10.0, 1.0), ("after", 10.1, 1.1), ("before", 10.2, 1.3)]
    assert [round(apart, 6) for apart in measure_apart(shown)] == [0, 3]

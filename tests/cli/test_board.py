"""The board of an apply, on injected time: golden screens of its middle and its end, and its
bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.apply.events import Event, Phase
from reconciler.apply.outcome import Outcome, Report
from reconciler.cli.board import Board
from reconciler.cli.progress import Lines
from reconciler.plan.step import Action, Plan
from reconciler.report.outcome import lay_out_outcome
from reconciler.report.page import Line, Page, measure_columns, write_blocks
from tests.making import make_chain, make_desired, make_edit, make_observed, make_plan

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MB = 2**20
NAMES = ("clothes-swap", "intro", "outro", "pixel[clip=beach,size=tall,look=watercolour]")


def asked() -> Plan:
    """Four edits that are rendered, two that follow one of them, and a crowd."""
    clip = {"type": "video", "url": "./clip.mp4"}
    names = [*(name.partition("[")[0] for name in NAMES), *(f"crowd-{n:02}" for n in range(20))]
    made = make_desired(
        *(make_edit(name, input={"prompt": f"Make it {name}", "media": [clip]}) for name in names),
        make_chain("poster", "clothes-swap"),
    )
    whole = make_plan(made, make_observed(made))
    steps = [replace(step, name=NAMES[3]) if step.name == "pixel" else step for step in whole.steps]
    return replace(whole, steps=tuple(steps))


def text(lines: list[Line]) -> str:
    return "".join(f"{''.join(span.text for span in line).rstrip()}\n" for line in lines)


def half_way() -> tuple[Board, list[Event]]:
    """One edit has failed, one is done, two are on their way, one waits; the others have
    not begun.
    """
    board = Board(asked(), 0.0)
    ends = [
        Event("intro", Phase.WRITTEN, 70.0, output="renders/intro.mp4", billed_s=4.0, price=0.4),
        Event("outro", Phase.FAILED, 80.0, note="DataInspectionFailed: " + "no such thing " * 9),
    ]
    for event in (
        Event("clothes-swap", Phase.RUNNING, 2.0, usual_s=190.0),
        Event(
            "poster", Phase.WAITING, 0.0, note="waits for clothes-swap; its key is known after that"
        ),
        Event(NAMES[3], Phase.FETCHING, 3.0, done_bytes=3 * MB, total_bytes=4 * MB),
        *ends,
    ):
        board.take_in(event)
    return board, ends


def test_the_middle(golden: Callable[[Path, str], None]) -> None:
    """What has ended, what is on its way, how many wait, and the whole, at 80 columns."""
    board, ends = half_way()
    lines = [board.ended(event, Page()) for event in ends]
    golden(GOLDEN / "screen-apply-middle.txt", text([*lines, *board.lines(Page(), 23, 104.0)]))


def test_the_end(golden: Callable[[Path, str], None]) -> None:
    """The last word: what was rendered, and for how much."""
    whole = asked()
    outcomes = {
        step.name: Outcome(step, None, "0" * 64, 4.0, 0.4)
        for step in whole.steps
        if step.action in (Action.RENDER, Action.WAIT)
    }
    done = replace(whole, steps=tuple(replace(each, action=Action.KEEP) for each in whole.steps))
    report = Report(whole, done, outcomes, 371.0)
    golden(GOLDEN / "screen-apply-end.txt", write_blocks(lay_out_outcome(report)))


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "ascii"])
@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("rows", [1, 2, 3, 24])
def test_its_bounds(width: int, rows: int, encoding: str) -> None:
    """Never more rows than there are, never a line that is broken; the whole is always there."""
    board, ends = half_way()
    page = Page(width, encoding=encoding)
    lines = board.lines(page, rows, 104.0)
    assert len(lines) <= rows
    assert text(lines).splitlines()[-1].startswith("1 of 25 done")
    for line in [*lines, *(board.ended(event, page) for event in ends)]:
        assert measure_columns("".join(span.text for span in line)) <= width


def test_every_edit_is_counted_once() -> None:
    """Rows, the number of those without one, and what has ended are all there are."""
    board, _ = half_way()
    shown = text(board.lines(Page(), 24, 104.0))
    assert "… and 20 more wait\n" in shown
    few = text(board.lines(Page(), 3, 104.0))
    assert "… and 1 more, 21 wait\n" in few
    begun = text(Board(asked(), 0.0).lines(Page(), 24, 1.0))
    assert begun.startswith("25 wait\n0 of 25 done")


def test_time_left_goes_by_the_pace() -> None:
    """Two of 25 tasks took 100 s: the other 23 take 1150 s; before the first end nothing
    is said.
    """
    board, _ = half_way()
    assert "1m 40s, about 19m 10s left" in text(board.lines(Page(), 24, 100.0))
    assert "left" not in text(Board(asked(), 0.0).lines(Page(), 24, 100.0))


def test_what_is_tried_again_is_no_failure() -> None:
    """An edit that failed and is sent again is on its way."""
    board, _ = half_way()
    board.take_in(Event("outro", Phase.SUBMITTING, 90.0))
    shown = text(board.lines(Page(), 24, 100.0))
    assert "failed" not in shown
    assert "\n  outro " in f"\n{shown}"


def test_what_is_cancelled_is_told_and_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """It is of a request that the edit had before: each gets its line, and the board stays."""
    first, second = (
        Event("intro", Phase.CANCELLED, 1.0, note=f"task {number} is no longer asked for")
        for number in (1, 2)
    )
    board = Board(replace(asked(), steps=()), 0.0)
    board.take_in(first)
    assert text([board.ended(first, Page())]) == "- intro  task 1 is no longer asked for\n"
    assert text(board.lines(Page(), 24, 2.0)).startswith("0 of 0 done")
    lines = Lines("USD")
    for event in (first, second):
        lines.observe(event)
    told = [f"intro: task {number} is no longer asked for" for number in (1, 2)]
    assert capsys.readouterr().out.splitlines() == told

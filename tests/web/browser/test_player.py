"""Before and after in a real browser: both show the same frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.web.browser.conftest import Window
from tests.web.browser.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Page

RATE = 30  # frames a second, of the clip and of what is made of it
Look = Callable[..., Window]
# Notes of each frame which video has shown it, and when it is seen.
WATCH_FRAMES = """() => {
  globalThis.shown = [];
  for (const video of document.querySelectorAll(".side video")) {
    const side = video.closest(".side").dataset.side;
    const note = (_now, frame) => {
      shown.push([side, frame.expectedDisplayTime / 1000, frame.mediaTime]);
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  }
}"""
VIDEOS = "[...document.querySelectorAll('.side video')]"
ARE_READY = f"{VIDEOS}.filter((video) => video.readyState > 2).length === 2"
TIMES = f"{VIDEOS}.map((video) => video.currentTime)"
SPLIT = "document.querySelector('.stage').style.getPropertyValue('--split')"


def open_player(served: Served, look: Look) -> Page:
    page = look(served).open("/edit/ball")
    page.wait_for_function(f"() => {ARE_READY}")
    return page


def measure_apart(shown: list[tuple[str, float, float]]) -> list[float]:
    """How far the later frame of each side is from the other side's, in seconds of the video, once
    both have begun.
    """
    last: dict[str, tuple[float, float]] = {}
    apart = []
    for side, at, time in shown:
        last[side] = (at, time)
        if len(last) == 2:
            (one_at, one), (other_at, other) = last.values()
            apart.append(abs((one - one_at) - (other - other_at)))
    return apart


def test_both_sides_play_in_step(served: Served, look: Look) -> None:
    """While they play, the two are never further apart than one frame."""
    page = open_player(served, look)
    page.evaluate(WATCH_FRAMES)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => shown.filter(([side]) => side === 'before').length > 20")
    apart = measure_apart(page.evaluate("shown"))
    page.get_by_role("button", name="Pause").click()
    assert sorted(apart)[len(apart) * 9 // 10] <= 1.05 / RATE
    one, other = page.evaluate(TIMES)
    assert abs(one - other) < 0.5 / RATE


def test_steps_go_frame_by_frame(served: Served, look: Look) -> None:
    """The keys move both sides to the next frame and back, and the line says which it is."""
    page = open_player(served, look)
    page.get_by_role("button", name="One frame on").click()
    expect(page.locator(".clock")).to_contain_text("frame 2 of")
    page.keyboard.press(".")
    page.keyboard.press(".")
    expect(page.locator(".clock")).to_contain_text("frame 4 of")
    page.keyboard.press(",")
    expect(page.locator(".clock")).to_contain_text("frame 3 of")
    one, other = page.evaluate(TIMES)
    assert abs(one - other) < 0.001


def test_line_moves_by_pointer_and_keys(served: Served, look: Look) -> None:
    """The line between the two goes where the pointer drags it, and by the keys of a slider."""
    page = open_player(served, look)
    stage = page.locator(".stage").bounding_box()
    assert stage is not None
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + 100)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] / 4, stage["y"] + 100)
    page.mouse.up()
    line = page.get_by_role("slider", name="Line")
    assert abs(int(line.input_value()) - 25) <= 1
    line.press("Home")
    assert page.evaluate(SPLIT) == "0%"


def test_part_is_repeated(served: Served, look: Look) -> None:
    """Between two marks the video begins anew, on both sides."""
    page = open_player(served, look)
    page.get_by_role("slider", name="Frame").fill("10")
    page.get_by_role("button", name="from here").click()
    page.get_by_role("slider", name="Frame").fill("25")
    page.get_by_role("button", name="to here").click()
    page.evaluate(WATCH_FRAMES)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => shown.length > 80")
    times = [time for _, _, time in page.evaluate("shown")]
    assert min(times) >= 9.5 / RATE
    assert max(times) <= 27.5 / RATE

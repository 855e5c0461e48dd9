"""Before and after in a real browser: both show the same frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.web.browser.conftest import Window
from tests.web.browser.frames import ARE_READY, VIDEOS, WATCH_FRAMES
from tests.web.browser.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Page

RATE = 30  # frames a second, of the clip and of what is made of it
Look = Callable[..., Window]
# Whether the last frames of both sides, each where it would be at one moment, were together.
ARE_IN_STEP = """({ frames, apart }) => {
  const last = {};
  let together = 0;
  for (const [side, at, time] of shown) {
    last[side] = time - at;
    if (Object.keys(last).length < 2) continue;
    together = Math.abs(last.before - last.after) <= apart ? together + 1 : 0;
  }
  return together >= frames;
}"""
# How often a side has begun anew.
TURNS = """((side) => shown.filter(([of]) => of === side)
  .filter(([, , time], index, all) => index > 0 && time < all[index - 1][2]).length)"""
# What becomes of a video that shows a frame so far ahead of the one that leads.
LEAD = """async (ahead) => {
  const scripts = document.querySelector("script[type=module]").src;
  const { InStep } = await import(new URL("parts/instep.js", scripts));
  const step = new InStep(() => {});
  const [leader, other] = [0.5, 0.75].map((time) =>
    Object.assign(new EventTarget(), { currentTime: time, duration: 2.5, playbackRate: 1,
      requestVideoFrameCallback() {} }));
  Object.assign(step, { videos: [leader, other], isPlaying: true });
  step.see(leader, { mediaTime: 0.5, expectedDisplayTime: 1000, presentedFrames: 1 });
  step.see(other, { mediaTime: 0.51 + ahead, expectedDisplayTime: 1010, presentedFrames: 1 });
  return { rate: Math.round(other.playbackRate * 1000) / 1000, time: other.currentTime };
}"""
TIMES = f"{VIDEOS}.map((video) => video.currentTime)"
SPLIT = "document.querySelector('.stage').style.getPropertyValue('--split')"


# The rate that is learned of frames that are so far apart, one after another.
LEARN = """async (aparts) => {
  const scripts = document.querySelector("script[type=module]").src;
  const { InStep } = await import(new URL("parts/instep.js", scripts));
  const step = Object.assign(new InStep(() => {}), { isPlaying: true });
  return aparts.map((apart) => { step.learnRate(apart); return step.rate; });
}"""


def open_player(served: Served, look: Look) -> Page:
    page = look(served).open("/edit/ball")
    page.wait_for_function(ARE_READY)
    return page


def test_both_sides_play_in_step(served: Served, look: Look) -> None:
    """They come to be no further apart than one frame, and show the same one when they stop."""
    page = open_player(served, look)
    page.evaluate(WATCH_FRAMES)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(ARE_IN_STEP, arg={"frames": 8, "apart": 1.05 / RATE})
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.wait_for_function(f"() => {VIDEOS}.every((video) => video.paused && !video.seeking)")
    one, other = page.evaluate(TIMES)
    assert abs(one - other) < 0.5 / RATE


def test_other_side_is_led(served: Served, look: Look) -> None:
    """By its speed where it is near, too little to be heard; by a seek where it is far off."""
    page = open_player(served, look)
    aheads_s = [0.0, 0.005, 0.02, -0.02, 0.1, -0.1, 0.2, -0.2]
    led = {ahead_s: page.evaluate(LEAD, ahead_s) for ahead_s in aheads_s}
    assert led == {
        0.0: {"rate": 1, "time": 0.75},
        0.005: {"rate": 1, "time": 0.75},
        0.02: {"rate": 0.94, "time": 0.75},
        -0.02: {"rate": 1.06, "time": 0.75},
        0.1: {"rate": 0.88, "time": 0.75},
        -0.1: {"rate": 1.12, "time": 0.75},
        0.2: {"rate": 1, "time": 0.5},
        -0.2: {"rate": 1, "time": 0.5},
    }


def test_rate_is_not_learned_of_frames_that_drop_out(served: Served, look: Look) -> None:
    """A busy machine shows every second frame, or fewer: the marks of a part stay as they are."""
    page = open_player(served, look)
    assert page.evaluate(LEARN, [1 / 24, 4 / 24, -1.0, 0.0, 1 / 24, 2 / 24]) == [24] * 6
    assert page.evaluate(LEARN, [4 / 30, 1 / 30, 3 / 30]) == [8, 30, 30]


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
    page.wait_for_function(f"() => ['before', 'after'].every((side) => {TURNS}(side) > 2)")
    times = [time for _, _, time in page.evaluate("shown")]
    assert min(times) >= 9.5 / RATE
    assert max(times) < 70 / RATE

"""What is heard in a real browser: the side that is chosen, and nothing of the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.media import make_clip
from tests.web.browser.conftest import Window, render, write_edit
from tests.web.browser.served import Served
from tests.web.conftest import ask_for
from tests.workspace import PROJECT

if TYPE_CHECKING:
    from playwright.sync_api import Page

Look = Callable[..., Window]
# By side: whether it is heard, and how much sound the browser has decoded of it.
HEARD = """() => Object.fromEntries([...document.querySelectorAll(".side video")].map((video) => [
  video.closest(".side").dataset.side, !video.muted && video.volume > 0]))"""
DECODED = """() => Object.fromEntries([...document.querySelectorAll(".side video")].map((video) => [
  video.closest(".side").dataset.side, video.webkitAudioDecodedByteCount]))"""


@pytest.fixture(scope="module")
def sounding(
    tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Served], _state_home: Path
) -> Served:
    """An edit of a clip with a tone, and one of a silent clip."""
    root = tmp_path_factory.mktemp("sound")
    (root / "specs" / "media").mkdir(parents=True)
    make_clip(root / "specs" / "media" / "tone.mp4", sound=True)
    make_clip(root / "specs" / "media" / "silent.mp4")
    (root / "cutlist.yaml").write_text(PROJECT)
    for name in ("tone", "silent"):
        write_edit(root, name, ask_for("Let it rain", f"./media/{name}.mp4"))
    render(root, _state_home)
    return serve(root)


def play(served: Served, look: Look, name: str) -> Page:
    """The player of an edit, once both sides have shown some frames."""
    page = look(served).open(f"/edit/{name}")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.side video')].every((one) => one.currentTime > 0.3)"
    )
    return page


def test_sound_comes_from_the_chosen_side(sounding: Served, look: Look) -> None:
    """Of both there is sound: from either of them, or from none, also while they play."""
    page = play(sounding, look, "tone")
    assert page.evaluate(HEARD) == {"before": False, "after": True}
    choice = page.get_by_label("Sound")
    for chosen, heard in (
        ("before", (True, False)),
        ("", (False, False)),
        ("after", (False, True)),
    ):
        choice.select_option(chosen)
        before, after = heard
        page.wait_for_function(f"() => JSON.stringify(({HEARD})()) === '{pair(before, after)}'")
    assert all(count > 0 for count in page.evaluate(DECODED).values())
    expect(page.get_by_role("button", name="Pause")).to_have_count(1)


def pair(before: bool, after: bool) -> str:
    return f'{{"before":{str(before).lower()},"after":{str(after).lower()}}}'


def test_silent_video_plays_as_any_other(sounding: Served, look: Look) -> None:
    """There is nothing to be heard, and nothing is complained of."""
    window = look(sounding)
    page = window.open("/edit/silent")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "() => document.querySelector('[data-side=after] video').currentTime > 0.3"
    )
    for chosen in ("before", "", "after"):
        page.get_by_label("Sound").select_option(chosen)
    assert page.evaluate(DECODED) == {"before": 0, "after": 0}
    assert window.complaints == []

"""The page of `cutlist ui` as a browser sees it: projects with a picture for every card, the
process that serves them, and what a trace says of the frames that were shown.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from reconciler import Project
from reconciler.system.stills.drawing import draw
from reconciler.system.stills.kinds import StillKind
from reconciler.web.media import open_shelves
from scene.making import CUTLIST, make_project
from scene.processes import read_memory
from tests.web.browser.chromium import LEFT_OUT, find_chromium, open_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).resolve().parents[2]
CLIPS = HERE / "specs" / "media"
ADDRESS = re.compile(r"(http://\S+)/\?token=(\S+)")
CATEGORIES = ["cc", "benchmark"]
SCROLL = {"x": 600, "y": 500, "gestureSourceType": "mouse", "preventFling": True}


class ServedPage:
    """One `cutlist ui` in a process of its own."""

    def __init__(self, root: Path) -> None:
        command = [*CUTLIST, "-C", str(root), "ui", "--no-open"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := ADDRESS.search(line):
                self.origin, self.token = found[1], found[2]
                self.address = found[0]
                return
        raise SystemExit("cutlist ui has ended before it said where the page is")

    def read_memory(self, field: str = "VmRSS") -> float:
        """MiB that the process has (VmRSS), or had at most since it was reset (VmHWM)."""
        return read_memory(str(self._process.pid), field)

    def reset_peak(self) -> None:
        """Let the peak of memory begin at what there is now (Linux)."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate()


@contextmanager
def serve_page(root: Path) -> Iterator[ServedPage]:
    """The page of a project until the block ends."""
    served = ServedPage(root)
    try:
        yield served
    finally:
        served.close()


@contextmanager
def start_browser() -> Iterator[Browser]:
    """The Chromium of this machine; SystemExit where there is none."""
    path = find_chromium()
    if path is None:
        raise SystemExit(LEFT_OUT)
    with open_browser(path) as browser:
        yield browser


@contextmanager
def open_window(
    browser: Browser, served: ServedPage, path: str = "/", script: str = ""
) -> Iterator[Page]:
    """A page in a browser that has kept nothing, which runs `script` first."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(script)
    page.goto(served.address)
    if path != "/":
        page.goto(f"{served.origin}{path}")
    yield page
    context.close()


def make_pictured(root: Path, edits: int) -> None:
    """A project of so many edits, each with a result and a poster of its own, as the page keeps
    them.
    """
    make_project(root, edits)
    posters = cycle(draw_posters())
    project = Project.open(root)
    videos, _ = open_shelves(project.config.cache_dir)
    for edit in project.run_pass().resolved.values():
        assert edit.digest is not None
        videos.put(edit.digest, StillKind.POSTER, next(posters), tmp_name="new")


def draw_posters() -> Sequence[bytes]:
    """Posters of the clips of the specs, with the grain of a film: as heavy as photographs are."""
    return [add_grain(path) for path in sorted(CLIPS.glob("*.mp4"))]


def add_grain(clip: Path) -> bytes:
    """A poster of a clip, as large as the page makes them, with grain."""
    with clip.open("rb") as file:
        poster = Image.open(BytesIO(draw(StillKind.POSTER.value, file, "mp4"))).convert("RGB")
    grain = Image.effect_noise(poster.size, 40).convert("RGB")
    grainy = BytesIO()
    Image.blend(poster, grain, 0.25).save(grainy, "WEBP", quality=75)
    return grainy.getvalue()


def make_demo(root: Path) -> None:
    """The demo, rendered by the bundled server."""
    command = [*CUTLIST, "demo", "--dir", str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@dataclass(frozen=True, slots=True)
class Scrolling:
    """What a browser has shown while somebody scrolled."""

    frames_per_s: float
    blank: int  # frames of which a part was not drawn yet


def trace_scrolling(page: Page, distance_px: int, px_per_s: int) -> Scrolling:
    """Scroll as with a wheel, and read from the browser's trace what was shown."""
    session = page.context.new_cdp_session(page)
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=CATEGORIES)
    session.send(
        "Input.synthesizeScrollGesture", {**SCROLL, "yDistance": -distance_px, "speed": px_per_s}
    )
    return read_scrolling(json.loads(browser.stop_tracing()))


def read_scrolling(trace: Mapping[str, Any]) -> Scrolling:
    """The frames of a trace that were presented, from the first in which was scrolled to the last;
    each is reported once or, where two threads had a part in it, several times.
    """
    moments_us = []
    shown = {}
    for event in trace["traceEvents"]:
        frame = event.get("args", {}).get("frame_reporter")
        if frame is None or frame["scroll_state"] == "SCROLL_NONE":
            continue
        moments_us.append(event["ts"])
        if frame["state"].startswith("STATE_PRESENTED"):
            shown[frame["frame_sequence"]] = frame["has_missing_content"]
    length_s = (max(moments_us) - min(moments_us)) / 1e6
    return Scrolling(len(shown) / length_s, sum(shown.values()))

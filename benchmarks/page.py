"""The page of `cutlist ui` in the Chromium of this machine: how soon it is there, how smoothly it
scrolls, whether both sides of the player are in step, and what it takes to serve it.

Values depend on the machine and on what else it does: run it alone. `python benchmarks/page.py
NAME…` measures only what is named.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from frame import say, tell_value
from scene.making import make_project
from scene.pages import (
    ServedPage,
    make_demo,
    make_pictured,
    open_window,
    serve_page,
    start_browser,
    trace_scrolling,
)

from reconciler import Project
from reconciler.state.store.folder import FolderStore
from reconciler.system.files import hash_file
from reconciler.web.files import STATIC
from tests.web.browser.frames import ARE_READY, WATCH_FRAMES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAINTED_EDITS, PAINT_MS = 1_000, 1_000
FRONT_END_KIB = 300
SCROLLED_EDITS, FRAMES_PER_S = 5_000, 50
SCROLLED_PX, SCROLL_PX_PER_S = 16_000, 4_000  # some 17 rows of cards a second
CLIP_FPS, APART_FRAMES = 30, 1
SERVED_EDITS, REQUESTS, WARM_REQUESTS, GROWN_MIB = 100, 10_000, 2_000, 1
STREAMED_MIB, WARM_MIB, STREAM_MIB = 100, 10, 1
ROUNDS = 9
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
# When the first cards are seen: the frame after they came into the document is shown.
WATCH_CARDS = """
new MutationObserver((_changes, observer) => {
  if (!document.querySelector(".card")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { globalThis.cardsAt = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""
SHOWN_MANY = "() => shown.filter(([side]) => side === 'before').length > 50"


# ------------------------------------------------------------------ what a browser does


def measure_bytes() -> None:
    """Script and style, as a browser gets them."""
    files = [path for path in STATIC.rglob("*") if path.suffix in (".js", ".css")]
    size_kib = sum(path.stat().st_size for path in files) / 1024
    tell_value("script and style of the page", [size_kib], allowed=FRONT_END_KIB, unit="KiB")


def measure_paint() -> None:
    """From an address to the first paint, and to the first cards, in a browser that has kept
    nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        make_pictured(root, PAINTED_EDITS)
        with serve_page(root) as served, start_browser() as browser:
            rounds = [paint_once(browser, served) for _ in range(ROUNDS + 1)][1:]
    for name, values_ms in zip(
        ("first paint", "first cards"), zip(*rounds, strict=True), strict=True
    ):
        claim = f"{name} of the board, {PAINTED_EDITS:,} edits"
        tell_value(claim, values_ms, allowed=PAINT_MS, unit="ms")


def paint_once(browser: Browser, served: ServedPage) -> tuple[float, float]:
    """Milliseconds until the first paint, and until the first cards."""
    with open_window(browser, served, script=WATCH_CARDS) as page:
        page.wait_for_function("() => globalThis.cardsAt")
        return page.evaluate(PAINT), page.evaluate("cardsAt")


def measure_scrolling() -> None:
    """Frames that are shown while thousands of cards with pictures go by."""
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        make_pictured(root, SCROLLED_EDITS)
        with serve_page(root) as served, start_browser() as browser:
            for _ in range(ROUNDS):
                with open_window(browser, served) as page:
                    page.wait_for_selector(".card img[data-there=true]")
                    rounds.append(trace_scrolling(page, SCROLLED_PX, SCROLL_PX_PER_S))
    tell_value(
        f"frames shown a second, scrolling {SCROLLED_EDITS:,} cards with pictures",
        [one.frames_per_s for one in rounds],
        allowed=FRAMES_PER_S,
        unit="frames a s",
        at_least=True,
        blank=statistics.median(one.blank for one in rounds),
    )


def measure_steps() -> None:
    """How far both sides of the player are apart while they play."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "demo"
        make_demo(root)
        with serve_page(root) as served, start_browser() as browser:
            rounds = [play_once(browser, served) for _ in range(ROUNDS)]
    claim = "before and after apart while they play, 90th percentile"
    tell_value(claim, rounds, allowed=APART_FRAMES, unit="frames")


def play_once(browser: Browser, served: ServedPage) -> float:
    """The 90th percentile of one playing."""
    with open_window(browser, served, path="/edit/clay-ball") as page:
        page.wait_for_function(ARE_READY)
        page.evaluate(WATCH_FRAMES)
        page.get_by_role("button", name="Play").click()
        page.wait_for_function(SHOWN_MANY)
        apart = measure_apart(page.evaluate("shown"))
    return round(statistics.quantiles(apart, n=10)[-1], 2)


def measure_apart(shown: Sequence[tuple[str, float, float]]) -> Sequence[float]:
    """How far the later frame of each side is from the other side's, in frames of the clip, once
    both have begun.
    """
    last: dict[str, tuple[float, float]] = {}
    apart = []
    for side, at_s, time_s in shown:
        last[side] = (at_s, time_s)
        if len(last) == 2:
            (one_at_s, one_s), (other_at_s, other_s) = last.values()
            apart.append(abs((one_s - one_at_s) - (other_s - other_at_s)) * CLIP_FPS)
    return apart


# ------------------------------------------------------------------ what a server takes


def measure_requests() -> None:
    """Memory of the server: it does not grow with what it is asked."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        make_pictured(root, SERVED_EDITS)
        with serve_page(root) as served:
            paths = list_paths(root)
            ask_all(served, paths, WARM_REQUESTS)
            before_mib = served.read_memory()
            ask_all(served, paths, REQUESTS)
            grown_mib = served.read_memory() - before_mib
    claim = f"memory of the page's server, grown by {REQUESTS:,} requests"
    tell_value(claim, [grown_mib], allowed=GROWN_MIB, unit="MiB", before=before_mib)


def list_paths(root: Path) -> Sequence[str]:
    """Something of all that a browser asks for."""
    edits = Project.open(root).run_pass().resolved
    pages = ["/", "/api/v1/project", "/api/v1/board", "/api/v1/log", "/api/v1/cost"]
    of_edits = [f"/api/v1/edits/{name}" for name in edits]
    digests = [edit.digest for edit in edits.values()]
    media = [f"/media/{digest}{name}" for digest in digests for name in ("", "/poster.webp")]
    return [*pages * 20, *of_edits, *media]


def ask_all(served: ServedPage, paths: Sequence[str], requests: int) -> None:
    """So many requests over one connection."""
    connection = http.client.HTTPConnection(served.origin.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {served.token}"}
    for number in range(requests):
        path = paths[number % len(paths)]
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        while answer.read(64 << 10):
            pass
        if answer.status != 200:
            raise SystemExit(f"{path} was answered with {answer.status}")
    connection.close()


def measure_stream() -> None:
    """Peak of the server's memory while it sends a large video, above what it has before."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        make_project(root, 1)
        warm, large = [f"/media/{put_video(root, size)}" for size in (WARM_MIB, STREAMED_MIB)]
        peaks_mib = [stream_once(root, warm, large) for _ in range(ROUNDS)]
    claim = f"memory to send a video of {STREAMED_MIB} MiB"
    tell_value(claim, peaks_mib, allowed=STREAM_MIB, unit="MiB")


def stream_once(root: Path, warm: str, large: str) -> float:
    """MiB that a server takes more for a large video than it has had for a small one."""
    with serve_page(root) as served:
        ask_all(served, ["/api/v1/board", warm], 2)
        served.reset_peak()
        before_mib = served.read_memory()
        ask_all(served, [large], 1)
        return served.read_memory("VmHWM") - before_mib


def put_video(root: Path, size_mib: int) -> str:
    """Have a file that begins as a video does in the store; its digest."""
    store = Project.open(root).store
    assert isinstance(store, FolderStore)
    large = root / f"{size_mib}.mp4"
    with large.open("wb") as file:
        file.write(b"\0\0\0\x18ftypisom")
        file.truncate(size_mib << 20)
    digest = hash_file(large)
    store.blob_path(digest).parent.mkdir(exist_ok=True)
    large.rename(store.blob_path(digest))
    return digest


MEASURES: Mapping[str, Callable[[], None]] = {
    "bytes": measure_bytes,
    "paint": measure_paint,
    "scrolling": measure_scrolling,
    "steps": measure_steps,
    "requests": measure_requests,
    "stream": measure_stream,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    for name in parser.parse_args().names or MEASURES:
        say(f"measuring {name}")
        MEASURES[name]()


if __name__ == "__main__":
    main()

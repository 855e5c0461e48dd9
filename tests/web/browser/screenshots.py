"""Pictures of every page, light and dark, narrow and wide, into build/screenshots.

`python -m tests.web.browser.screenshots` (`make screenshots`) renders the demo against the bundled
server, asks for another take of one edit and for changes that are not rendered yet, and looks at
it. With `--docs` the pictures of the README are made anew as well.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.web.browser.chromium import LEFT_OUT, find_chromium, open_browser
from tests.web.browser.served import Served, write_repository

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Pages = dict[str, tuple[str, Callable[["Page"], None]]]  # by name: a path, and what waits for it
ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build" / "screenshots"
IMAGES = ROOT / "docs" / "images"
SIZES = {"narrow": (360, 780), "usual": (1440, 900), "wide": (2560, 1300)}
SCHEMES = ("dark", "light")
WITHIN_MS = 30_000
MOST_IMAGE_BYTES = 100_000
# The pictures of the README: page, scheme, size.
CHOSEN = (
    ("board", "dark", "usual"),
    ("edit", "dark", "usual"),
    ("plan", "light", "usual"),
    ("cost", "dark", "usual"),
)
# What is asked for anew, and what of it is rendered.
RENDERED = (("hand-kneaded clay", "plasticine, kneaded by hand"),)
WAITING = (("Let snow fall", "Let heavy snow fall"), ("a yellow taxi", "a green taxi"))


def main() -> None:
    """Make them all."""
    if find_chromium() is None:
        sys.exit(LEFT_OUT)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cutlist-screenshots-") as folder:
        served = Served(make_project(Path(folder) / "demo"))
        served.start()
        try:
            with open_browser(find_chromium()) as browser:
                for scheme in SCHEMES:
                    for size in SIZES:
                        take_pictures(browser, served, scheme, size)
        finally:
            served.stop()
        picture_syncs(Path(folder))
    if "--docs" in sys.argv:
        write_images()


def picture_syncs(folder: Path) -> None:
    """The first page of a controller, with a plan that waits for a yes."""
    repository = write_repository(folder / "repository", "Let a storm come up")
    (folder / "sync").mkdir()
    verb = ("sync", "--repo", f"file://{repository}", "--mode", "approve", "--name", "films")
    served = Served(folder / "sync", (), verb=(*verb, "--ui", "0"))
    served.start()
    try:
        with open_browser(find_chromium()) as browser:
            for scheme in SCHEMES:
                for size in SIZES:
                    take_pictures(browser, served, scheme, size, {"syncs": ("/", settle_syncs)})
    finally:
        served.stop()


def make_project(root: Path) -> Path:
    """The demo with results, another take, and something to plan."""
    run("demo", "--dir", str(root))
    project = root / "cutlist.yaml"
    project.write_text(project.read_text() + "  budget: {per_day: 20.00}\n")
    rewrite(root, RENDERED)
    run("-C", str(root), "apply", "--auto-approve")
    rewrite(root, WAITING)
    return root


def run(*arguments: str) -> None:
    """Run the command, without its words."""
    command = [sys.executable, "-m", "reconciler", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def rewrite(root: Path, changes: tuple[tuple[str, str], ...]) -> None:
    """Ask for something else in the manifests."""
    for path in root.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def take_pictures(
    browser: Browser, served: Served, scheme: str, size: str, pages: Pages | None = None
) -> None:
    """One picture of each page."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="light" if scheme == "light" else "dark",
        reduced_motion="reduce",
        locale="en-GB",
    )
    context.set_default_timeout(WITHIN_MS)
    page = context.new_page()
    page.goto(served.address)
    for name, (path, settle) in (pages or PAGES).items():
        page.goto(f"{served.origin}{path}")
        settle(page)
        page.screenshot(path=FOLDER / f"{name}-{scheme}-{size}.png")
    context.close()


def settle_board(page: Page) -> None:
    page.wait_for_selector(".card img[data-there=true]")
    page.wait_for_function(
        """() => [...document.querySelectorAll('.card img')].every((one) =>
          one.dataset.there === 'true' || one.getBoundingClientRect().top > innerHeight)"""
    )


def settle_edit(page: Page) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('.side video')].filter((one) => one.readyState > 2)"
        ".length === 2"
    )
    page.locator(".take img[data-there=true]").first.wait_for()
    page.locator(".clock", has_text="of 75").wait_for()  # before that it has no frames to go to
    page.get_by_role("slider", name="Frame").fill("20")
    page.locator(".clock", has_text="frame 21 of").wait_for()
    page.evaluate("document.activeElement.blur()")
    page.wait_for_function("() => document.querySelector('.strip img').dataset.there === 'true'")


def settle_plan(page: Page) -> None:
    page.wait_for_selector(".step")


def settle_cost(page: Page) -> None:
    page.wait_for_selector(".days canvas")


def settle_activity(page: Page) -> None:
    page.wait_for_selector(".record")


def settle_syncs(page: Page) -> None:
    page.wait_for_selector(".sync-plan")


PAGES: Pages = {
    "board": ("/", settle_board),
    "edit": ("/edit/clay-ball", settle_edit),
    "plan": ("/plan", settle_plan),
    "cost": ("/cost", settle_cost),
    "activity": ("/activity", settle_activity),
}


def write_images() -> None:
    """The chosen pictures as WebP, as small as the README wants them."""
    IMAGES.mkdir(exist_ok=True)
    for name, scheme, size in CHOSEN:
        image = Image.open(FOLDER / f"{name}-{scheme}-{size}.png").convert("RGB")
        for quality in range(90, 30, -10):
            image.save(IMAGES / f"{name}.webp", quality=quality, method=6)
            if (IMAGES / f"{name}.webp").stat().st_size <= MOST_IMAGE_BYTES:
                break


if __name__ == "__main__":
    main()

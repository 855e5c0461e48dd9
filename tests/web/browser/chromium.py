"""The browser of these tests: the Chromium of this machine.

`python -m tests.web.browser.chromium` says in one line what is left out where there is none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# The same engine without windows takes half of the CPU. Frames are measured in the one that people
# have.
WITHOUT_WINDOWS = "chromium-headless-shell"
# CI sets it: there a missing browser is a fault, and these tests may not be left out.
IS_REQUIRED = os.environ.get("BROWSER_TESTS") == "required"
LEFT_OUT = (
    "Chromium is not installed: the page is not tested in a browser. "
    "On Debian: apt-get install chromium"
)
# Nothing is asked of the network but the page itself.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Where the browser lies; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def find_small_chromium() -> str | None:
    """The same for who has no use for windows."""
    return shutil.which(WITHOUT_WINDOWS) or find_chromium()


@contextmanager
def open_browser(path: str | None) -> Iterator[Browser]:
    """The browser at a path, with a new folder for what it keeps."""
    from playwright.sync_api import sync_playwright

    assert path is not None, LEFT_OUT
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


if __name__ == "__main__" and find_small_chromium() is None:
    print(LEFT_OUT)

"""A browser, a project that it looks at, and pages that tell what went wrong in them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from mockserver.media.film_renderer import FilmRenderer
from reconciler.config import Variables
from reconciler.project import Project
from tests.coarse_films import render_fine
from tests.media import make_clip
from tests.web.browser.chromium import IS_REQUIRED, LEFT_OUT, find_small_chromium, open_browser
from tests.web.browser.served import Served
from tests.web.conftest import ask_for
from tests.web.stage import copy_project
from tests.workspace import PROJECT, manifest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

DEMO = Path(__file__).resolve().parents[3] / "specs" / "demo"
STORM = "A storm <img src=x onerror=alert(1)> \u202e& <b>thunder</b>"
WITHIN_MS = 60_000


@dataclass
class Window:
    """A page in the browser, and what it has complained of."""

    page: Page
    served: Served
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """Go to a page of what is served; the first time with the token."""
        if self.page.url == "about:blank":
            self.page.goto(self.served.address)
        if path != "/" or not self.page.url.endswith("/"):
            self.page.goto(f"{self.served.origin}{path}")
        return self.page

    def hear(self) -> None:
        """Note what the page complains of, and whom it asks."""
        self.page.on("console", lambda said: self._note(said.type, said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._look)

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _look(self, request: Request) -> None:
        if not request.url.startswith((self.served.origin, "data:", "blob:")):
            self.foreign.append(request.url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser of this machine. While it is there a loop runs in this thread, so it is ended
    before tests that have one of their own.
    """
    path = find_small_chromium()
    if path is None and not IS_REQUIRED:
        pytest.skip(LEFT_OUT)
    expect.set_options(timeout=WITHIN_MS)
    with open_browser(path) as browser:
        yield browser


@pytest.fixture(scope="session")
def film(
    tmp_path_factory: pytest.TempPathFactory, _state_home: Path, testrun_uid: str
) -> Iterator[Path]:
    """A project with an edit of two takes by different prompts, another with one on top of it, and
    one that nobody has rendered, with a prompt that would like to be markup. Rendering takes
    seconds, so the first process that asks makes it for all; each gets a copy.
    """
    shared = tmp_path_factory.getbasetemp().parent / f"film-{testrun_uid}"
    with (shared.parent / f"{shared.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.is_dir():
            make_film(shared, _state_home)
    yield copy_project(shared, tmp_path_factory.mktemp("film") / "film")


def make_film(root: Path, state_home: Path) -> None:
    """Render in two rounds what needs another: a second take, an edit on top of one."""
    specs = root / "specs"
    (specs / "media").mkdir(parents=True)
    make_clip(specs / "media" / "ok.mp4")
    shutil.copy(DEMO / "media" / "ball.mp4", specs / "media")
    (root / "cutlist.yaml").write_text(PROJECT)
    write_edit(root, "ball", ask_for("Play by night", "./media/ball.mp4"))
    write_edit(root, "rain", ask_for("Let it rain"))
    render(root, state_home)
    write_edit(root, "ball", ask_for("Play all by night", "./media/ball.mp4"))
    write_edit(root, "night", ask_for("Make it night", "edit://rain"))
    render(root, state_home)
    write_edit(
        root, "storm", ask_for("A storm <img src=x onerror=alert(1)> \u202e& <b>thunder</b>")
    )


def write_edit(root: Path, name: str, spec: Mapping[str, Any]) -> None:
    """A manifest of one edit."""
    (root / "specs" / f"{name}.yaml").write_text(manifest(name, dict(spec)))


def add_environment(root: Path) -> None:
    """Let the project have an environment in which nothing is rendered."""
    wide = "  environments: {wide: {parameters: {resolution: 1080P}}}\n"
    (root / "cutlist.yaml").write_text(PROJECT + wide)


def render(root: Path, state_home: Path) -> None:
    """Render all that is missing, before a browser runs in this thread. `state_home` is that of all
    tests; fixtures that live longer than one test have to set it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state_home))
        patch.setattr(FilmRenderer, "render", render_fine)  # players go by their frames
        assert Project.open(root, variables=Variables.read({})).apply().exit_code == 0


@pytest.fixture(scope="session")
def serve(_state_home: Path) -> Iterator[Callable[..., Served]]:
    """Starts `cutlist ui` in a project; all of them are ended with the tests."""
    started: list[Served] = []

    def start(root: Path, *arguments: str) -> Served:
        environment = {**os.environ, "XDG_STATE_HOME": str(_state_home)}
        served = Served(root, arguments, environment)
        served.start()
        started.append(served)
        return served

    yield start
    for served in started:
        served.stop()


@pytest.fixture(scope="session")
def served(film: Path, serve: Callable[..., Served]) -> Served:
    """The film, served to all who only look."""
    return serve(film)


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., Window]]:
    """Opens windows on what is served, each as if of another person."""
    contexts = []

    def open_window(
        served: Served, width: int = 1280, height: int = 800, scheme: str = "dark"
    ) -> Window:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="light" if scheme == "light" else "dark",
            reduced_motion="reduce",
        )
        context.set_default_timeout(WITHIN_MS)
        contexts.append(context)
        window = Window(context.new_page(), served)
        window.hear()
        return window

    yield open_window
    for context in contexts:
        context.close()

"""The export in a real browser, from a disk: the same page, without a server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.cli.processes import cutlist
from tests.web.browser.conftest import WITHIN_MS, add_environment, write_edit
from tests.web.conftest import ask_for
from tests.web.stage import copy_project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PLAYABLE = "() => [...document.querySelectorAll('.side video')].every((one) => one.readyState > 2)"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window that may ask nobody; it complains to the test."""
    context = browser.new_context(offline=True)
    context.set_default_timeout(WITHIN_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text))
    yield page
    context.close()
    assert complaints == []


def export(root: Path, folder: Path, *options: str) -> str:
    """`cutlist ui --export`; the address of the page in the folder."""
    done = cutlist("-C", root, "ui", "--export", folder, *options)
    assert done.returncode == 0, done.stderr
    return (folder / "index.html").as_uri()


def git(root: Path, *words: str) -> None:
    person = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *person, *words], cwd=root, check=True, capture_output=True)


def test_folder_opens_from_a_disk(film: Path, tmp_path: Path, page: Page) -> None:
    """Board, edit with its small videos, and plan; nothing there that would need a server."""
    page.goto(export(film, tmp_path / "page"))
    expect(page.locator(".card")).to_have_count(4)
    expect(page.locator(".connection")).to_have_text("export")
    page.locator("[data-name=ball]").click()
    page.wait_for_selector(".take")
    page.wait_for_function(PLAYABLE)
    assert page.locator(".side video").count() == 2
    assert page.get_by_role("button", name="Pick").count() == 0
    page.go_back()
    page.get_by_role("link", name="Plan").click()
    expect(page.locator(".step")).to_have_count(1)
    assert page.get_by_role("button", name="Carry out").count() == 0


def test_folder_has_every_environment(film: Path, tmp_path: Path, page: Page) -> None:
    """They are chosen as on a server."""
    root = copy_project(film, tmp_path / "film")
    add_environment(root)
    page.goto(export(root, tmp_path / "page"))
    page.get_by_label("Environment").select_option("*")
    expect(page.locator(".card")).to_have_count(8)
    page.locator(".card", has_text="ball").filter(has_text="wide").click()
    expect(page.locator(".facts").first).to_contain_text("renders/wide/ball.mp4")
    page.get_by_role("link", name="Board").first.click()
    expect(page.get_by_label("Environment")).to_have_value("wide")
    expect(page.locator(".card")).to_have_count(4)


def test_review_shows_before_and_after(film: Path, tmp_path: Path, page: Page) -> None:
    """Of a pull request: only what it changes, its result of before beside the one of now."""
    root = copy_project(film, tmp_path / "film")
    git(root, "init", "-q", "-b", "main")
    write_edit(root, "ball", ask_for("Play by night", "./media/ball.mp4"))
    git(root, "add", "cutlist.yaml", "specs")
    git(root, "commit", "-q", "-m", "films: by night")
    write_edit(root, "ball", ask_for("Play all by night", "./media/ball.mp4"))
    git(root, "commit", "-q", "-am", "films: all by night")
    page.goto(export(root, tmp_path / "review", "--diff", "HEAD~1..HEAD"))
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("h1")).to_contain_text("HEAD~1")
    expect(page.locator(".card-why")).to_contain_text("prompt changed")
    page.locator(".card").click()
    expect(page.locator("[data-side=before] figcaption")).to_contain_text("HEAD~1")
    page.wait_for_function(PLAYABLE)
    expect(page.locator(".detail ins")).to_contain_text("all")

"""The page of a real controller, in approve mode: a commit becomes a plan, a yes its video."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.web.browser.conftest import STORM, Window
from tests.web.browser.served import Served, write_repository

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def controller(tmp_path: Path, _state_home: Path) -> Iterator[Served]:
    """A controller that follows a repository with one edit, and asks before it renders."""
    root = write_repository(tmp_path / "repository", STORM)
    verb = ("sync", "--repo", f"file://{root}", "--mode", "approve", "--name", "films")
    environment = {**os.environ, "XDG_STATE_HOME": str(_state_home), "CUTLIST_APPROVER": "Ada"}
    with TemporaryDirectory(prefix="cutlist-") as root:  # short: there is a socket in it
        served = Served(Path(root), (), environment, verb=(*verb, "--interval", "10s", "--ui", "0"))
        served.start()
        yield served
        served.stop()


def test_yes_brings_the_video(controller: Served, look: Callable[..., Window]) -> None:
    """From the list of Syncs to the plan that waits, and from the yes to the picture on the board;
    the books name who said it, and a pick is left to a commit.
    """
    window = look(controller)
    page: Page = window.open()
    row = page.locator("[data-name=films]")
    expect(row).to_contain_text("A plan waits for a yes")
    assert Axe().run(page).violations_count == 0
    row.get_by_role("link", name="A plan waits for a yes").click()
    expect(page.locator("main")).to_contain_text("This plan waits for a yes")
    outputs = controller.root / ".cutlist" / "sync" / "syncs" / "films" / "outputs"
    assert not list(outputs.rglob("*.mp4"))
    page.get_by_role("button", name="Carry out").click()
    expect(page.get_by_role("dialog")).to_contain_text("The books name you: Ada")
    page.get_by_role("button", name="Yes, spend at most 0.40 USD").click()
    expect(page.locator(".run h2")).to_have_text("Apply complete")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    (video,) = outputs.rglob("*.mp4")
    assert video.stat().st_size > 0
    page.get_by_role("link", name="Activity").click()
    expect(page.locator(".record").first).to_contain_text("Ada, through the page")
    expect(page.locator("[aria-labelledby=passes]")).to_contain_text("applied")
    page.get_by_role("link", name="Board").click()
    expect(page.locator("[data-name=storm] .card-state")).to_have_text("Healthy")
    expect(page.locator("[data-name=storm] img")).to_have_attribute("data-there", "true")
    page.locator("[data-name=storm]").click()
    expect(page.locator("[aria-labelledby=takes]")).to_contain_text("picked by a commit")
    expect(page.get_by_role("button", name="Pick take")).to_have_count(0)
    page.get_by_role("link", name="Syncs").click()
    expect(page.locator("[data-name=films] .sync-state")).to_contain_text("Healthy")
    assert (window.complaints, window.foreign) == ([], [])


def test_sync_is_suspended_and_goes_on(controller: Served, look: Callable[..., Window]) -> None:
    """Each asks first; what comes of it is seen at once, also in another window."""
    window, other = look(controller), look(controller, width=360, scheme="light")
    page, second = window.open(), other.open()
    row = page.locator("[data-name=films]")
    expect(row).to_contain_text("A plan waits for a yes")
    row.get_by_role("button", name="Suspend").click()
    expect(page.get_by_role("dialog")).to_contain_text("Nothing is begun from now on")
    assert Axe().run(page).violations_count == 0
    page.get_by_role("button", name="Cancel").click()
    expect(row).not_to_contain_text("Suspended")
    row.get_by_role("button", name="Suspend").click()
    page.get_by_role("button", name="Yes, suspend").click()
    expect(row.locator(".sync-state")).to_contain_text("Suspended")
    expect(second.locator("[data-name=films] .sync-state")).to_contain_text("Suspended")
    assert Axe().run(second).violations_count == 0
    second.get_by_role("link", name="films").click()
    expect(second.get_by_role("status").filter(has_text="is suspended")).to_have_count(1)
    second.get_by_role("link", name="Activity").click()
    second.get_by_role("button", name="Resume").click()
    second.get_by_role("button", name="Yes, resume").click()
    expect(second.get_by_role("button", name="Reconcile now")).to_have_count(1)
    expect(row.get_by_role("button", name="Suspend")).to_have_count(1)
    expect(row.locator(".sync-state")).not_to_contain_text("Suspended")
    assert (window.complaints, window.foreign, other.complaints) == ([], [], [])

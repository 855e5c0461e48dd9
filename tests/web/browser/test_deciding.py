"""What is decided on the page: a plan is carried out, and a take is picked, each after one more
question.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.web.browser.conftest import Window, write_edit
from tests.web.browser.served import Served
from tests.web.conftest import ask_for
from tests.web.stage import copy_project

if TYPE_CHECKING:
    from playwright.sync_api import Page

Look = Callable[..., Window]


@pytest.fixture
def own(film: Path, tmp_path: Path, serve: Callable[..., Served]) -> Served:
    """A copy of the film, in which a test may change what it likes."""
    return serve(copy_project(film, tmp_path / "film"))


def ask_to_carry_out(page: Page) -> None:
    page.get_by_role("button", name="Carry out").click()
    expect(page.get_by_role("dialog")).to_contain_text("0.40 USD")


def test_yes_to_a_plan_brings_its_video(own: Served, look: Look) -> None:
    """Nothing is rendered before the yes; after it the video arrives, the books name who said it,
    and the plan is made anew.
    """
    page = look(own).open("/plan")
    output = own.root / "renders" / "storm.mp4"
    ask_to_carry_out(page)
    page.get_by_role("button", name="Cancel").click()
    assert not output.exists()
    ask_to_carry_out(page)
    page.get_by_role("button", name="Yes, spend at most 0.40 USD").click()
    expect(page.get_by_role("progressbar", name="storm")).to_be_visible()
    expect(page.locator(".run h2")).to_have_text("Apply complete")
    assert output.stat().st_size > 0
    expect(page.locator(".nothing")).to_contain_text("No changes")
    page.get_by_role("link", name="Activity").click()
    expect(page.locator(".record").first).to_contain_text("on the page")
    page.get_by_role("link", name="Board").click()
    expect(page.locator("[data-name=storm] .card-state")).to_have_text("Healthy")
    expect(page.locator("[data-name=storm] img")).to_have_attribute("data-there", "true")


def test_plan_that_went_stale_is_not_carried_out(own: Served, look: Look) -> None:
    """Between looking and saying yes a prompt changes: the page says what `apply` says."""
    page = look(own).open("/plan")
    ask_to_carry_out(page)
    write_edit(own.root, "storm", ask_for("A storm at last"))
    page.get_by_role("button", name="Yes, spend").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("storm")
    assert not (own.root / "renders" / "storm.mp4").exists()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Carry out")).to_be_disabled()
    page.get_by_role("button", name="Plan again").click()
    expect(page.get_by_role("button", name="Carry out")).to_be_enabled()


def ask_to_pick(page: Page, number: int) -> None:
    page.get_by_role("button", name=f"Pick take {number}").click()
    expect(page.get_by_role("dialog")).to_contain_text("Free")


def test_take_is_picked_by_whoever_was_first(own: Served, look: Look) -> None:
    """A pick writes the output and costs nothing; a second window that was asked in the meantime
    is told so, and sees what counts now.
    """
    one, other = look(own).open("/edit/ball"), look(own).open("/edit/ball")
    output = own.root / "renders" / "ball.mp4"
    before = output.read_bytes()
    ask_to_pick(one, 1)
    ask_to_pick(other, 1)
    one.get_by_role("dialog").get_by_role("button", name="Pick take 1").click()
    expect(one.locator("[data-number='1'] .take-head")).to_contain_text("current")
    assert output.read_bytes() != before
    dialog = other.get_by_role("dialog")
    dialog.get_by_role("button", name="Pick take 1").click()
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    dialog.get_by_role("button", name="Close").click()
    expect(other.locator("[data-number='1'] .take-head")).to_contain_text("current")
    ask_to_pick(other, 2)
    dialog.get_by_role("button", name="Pick take 2").click()
    expect(one.locator("[data-number='2'] .take-head")).to_contain_text("current")
    assert output.read_bytes() == before

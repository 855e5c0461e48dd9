"""What is said of money where the price of something is not known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.media import make_clip
from tests.web.browser.conftest import Window, render, write_edit
from tests.web.browser.served import Served
from tests.web.conftest import ask_for
from tests.workspace import PROJECT

Look = Callable[..., Window]


@pytest.fixture(scope="module")
def partly_priced(
    tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Served], _state_home: Path
) -> Served:
    """An edit of a model that the project has a price for, and one of another; and the same again,
    not rendered yet.
    """
    root = tmp_path_factory.mktemp("priced")
    (root / "specs" / "media").mkdir(parents=True)
    make_clip(root / "specs" / "media" / "ok.mp4")
    (root / "cutlist.yaml").write_text(PROJECT)
    write_edit(root, "rain", ask_for("Let it rain"))
    made = {"model": "wan2.7-t2v", "input": {"prompt": "Rain"}, "parameters": {"duration": 2}}
    write_edit(root, "made", made)
    render(root, _state_home)
    write_edit(root, "snow", ask_for("Let it snow"))
    write_edit(root, "wind", {**made, "input": {"prompt": "Wind"}})
    return serve(root)


def test_cost_of_what_has_no_price(partly_priced: Served, look: Look) -> None:
    """What is known of a sum is told and drawn, though some of its tasks have no price."""
    page = look(partly_priced).open("/cost")
    spent = page.locator(".sums > div").first
    expect(spent).to_contain_text("at least 0.")
    expect(spent).to_contain_text("2.0 s of unknown price")
    expect(page.locator("table.unseen td").first).to_contain_text("at least 0.")
    expect(page.get_by_role("row", name="made")).to_contain_text("price not known")


def test_plan_tells_what_is_known_of_its_price(partly_priced: Served, look: Look) -> None:
    """What has a price is told, and why the rest has none, as in the terminal; the board says the
    same, and nobody agrees to a figure that is not the whole.
    """
    window = look(partly_priced)
    page = window.open("/")
    known = "0.40 USD for what has a price"
    expect(page.locator(".ahead")).to_have_text(f"to render: {known}")
    page = window.open("/plan")
    expect(page.locator(".sums > div").first).to_contain_text(known)
    expect(page.locator(".sum-note").first).to_have_text(
        "The rest is not known here: `prices` of cutlist.yaml names none for wan2.7-t2v 1080P."
    )
    expect(page.locator("li", has_text="wind").last).to_contain_text("price not known here")
    page.get_by_role("button", name="Carry out").click()
    expect(page.get_by_role("button", name="Yes, without knowing the price")).to_be_visible()
    expect(page.get_by_role("dialog")).to_contain_text("The rest is not known here")

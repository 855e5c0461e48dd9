"""A newcomer with a keyboard alone: every page is reached and worked, and the focus is seen and
never lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.web.browser.conftest import Window, write_edit
from tests.web.browser.served import Served
from tests.web.browser.test_pages import IS_SETTLED, PAGES, one_of_each
from tests.web.conftest import ask_for
from tests.web.stage import copy_project

if TYPE_CHECKING:
    from playwright.sync_api import Page

Look = Callable[..., Window]
MOST_STOPS = 40
FIRST = "To the content"
# What has the focus: its name, whether an outline shows it, and whether it is seen where it is.
FOCUSED = """() => {
  const one = document.activeElement;
  if (one === document.body) return null;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const isIn = (x, y) => one.contains(document.elementFromPoint(x, y));
  return {
    name: one.getAttribute("aria-label") ?? one.labels?.[0]?.innerText ?? one.innerText,
    isShown: one.matches(":focus-visible") && style.outlineStyle === "solid",
    isSeen: isIn(box.left + 4, box.top + box.height / 2) || isIn(box.right - 4, box.bottom - 4),
    place: one.closest("header, main, dialog")?.localName ?? "page",
  };
}"""


@pytest.fixture
def own(film: Path, tmp_path: Path, serve: Callable[..., Served]) -> Served:
    """A copy of the film, in which a test may change what it likes."""
    return serve(copy_project(film, tmp_path / "film"))


def walk(page: Page, key: str = "Tab") -> list[dict[str, Any]]:
    """All stops of a key to where the page ends, or begins anew. On the way back from its beginning
    to its end some browsers have a stop of their own.
    """
    stops: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        stop = page.evaluate(FOCUSED)
        if stop is None and not stops and key != "Tab":
            page.keyboard.press(key)
            stop = page.evaluate(FOCUSED)
        if stop is None or (key == "Tab" and stops and stop["name"] == FIRST):
            return stops
        stops.append(stop)
        if key != "Tab" and stop["name"] == FIRST:
            return stops
    raise AssertionError(f"{key} comes to no end: {stops}")


def press_until(page: Page, key: str, name: str) -> None:
    """Go on with a key until what has the focus is called so."""
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        stop = page.evaluate(FOCUSED)
        if stop is not None and stop["name"].startswith(name):
            return
    raise AssertionError(f"{key} never comes to {name!r}")


def focus_name(page: Page) -> str:
    """What has the focus."""
    stop = page.evaluate(FOCUSED)
    assert stop is not None, "nothing has the focus"
    return str(stop["name"])


@pytest.mark.parametrize(("name", "width"), one_of_each(itertools.product(PAGES, [1280, 360])))
def test_every_stop_is_seen(name: str, width: int, served: Served, look: Look) -> None:
    """From the first to the last and back, header before content; each has a name and an outline,
    and nothing lies over it. The first one leads past the header.
    """
    page = look(served, width=width).open(PAGES[name])
    page.wait_for_selector(IS_SETTLED[name])
    page.wait_for_load_state("networkidle" if name == "edit" else "load")
    stops = walk(page)
    assert stops[0]["name"] == FIRST
    assert [stop for stop in stops if not (stop["isShown"] and stop["isSeen"])] == []
    assert all(stop["name"].strip() for stop in stops)
    places = [stop["place"] for stop in stops[1:]]
    assert places == sorted(places) and {"header", "main"} == set(places)
    page.get_by_role("link", name=FIRST).focus()
    back = walk(page, "Shift+Tab")
    assert [stop["name"] for stop in back] == [stop["name"] for stop in reversed(stops)]
    assert [stop for stop in back if not stop["isSeen"]] == []
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    assert walk(page)[0]["place"] == "main"


def test_one_goes_to_an_edit_and_comes_back(served: Served, look: Look) -> None:
    """By Enter on a card; the focus is on the page that opens, and after going back on the card."""
    page = look(served).open()
    page.wait_for_selector(".card")
    press_until(page, "Tab", "2.")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-name=rain]")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(".take")
    expect(page.locator("main")).to_be_focused()
    page.go_back()
    expect(page.locator("[data-name=rain]")).to_be_focused()


def test_focus_stays_when_its_card_goes(own: Served, look: Look) -> None:
    """While others come and go around it, it stays; when its own edit goes, the next one has it."""
    page = look(own).open()
    page.locator("[data-name=night]").focus()
    write_edit(own.root, "dawn", ask_for("Let it dawn"))
    expect(page.locator(".card")).to_have_count(5)
    expect(page.locator("[data-name=night]")).to_be_focused()
    (own.root / "specs" / "night.yaml").unlink()
    expect(page.locator(".card")).to_have_count(4)
    expect(page.locator("[data-name=rain]")).to_be_focused()


def test_plan_is_carried_out_by_keys(own: Served, look: Look) -> None:
    """The question holds the focus until it is answered, gives it back on Escape, and the answer
    leaves it where one can go on.
    """
    page = look(own).open("/plan")
    page.wait_for_selector(".step")
    press_until(page, "Tab", "Carry out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    inside = {page.evaluate(FOCUSED)["name"]}
    for _ in range(4):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        inside |= {stop["name"]} if stop else set()
    assert inside == {"Cancel", "Yes, spend at most 0.40 USD"}
    page.keyboard.press("Escape")
    assert focus_name(page).startswith("Carry out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    press_until(page, "Tab", "Yes, spend")
    page.keyboard.press("Enter")
    expect(page.locator(".run h2")).to_have_text("Apply complete")
    expect(page.locator(".nothing")).to_contain_text("No changes")
    assert focus_name(page) == "Plan again"


def test_take_is_picked_by_keys(own: Served, look: Look) -> None:
    """The button is gone when the take is picked: what stands beside it has the focus."""
    page = look(own).open("/edit/ball")
    page.wait_for_selector(".take")
    press_until(page, "Tab", "Pick take 1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    press_until(page, "Tab", "Pick take 1")
    page.keyboard.press("Enter")
    expect(page.locator("[data-number='1'] .take-head")).to_contain_text("current")
    expect(page.locator("[data-number='1'] :focus")).to_have_count(1)


def test_keys_are_listed(served: Served, look: Look) -> None:
    """By `?` on every page, and by a button; not while one writes. The list has every key that an
    element says it has.
    """
    page = look(served).open("/edit/ball")
    page.wait_for_selector(".take")
    page.get_by_role("button", name="from here").focus()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    listed = set(dialog.locator("kbd").all_inner_texts())
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="from here")).to_be_focused()
    page.keyboard.press("i")
    said = (
        "[...document.querySelectorAll('[aria-keyshortcuts]')].map((one) => one.ariaKeyShortcuts)"
    )
    assert set(page.evaluate(said)) <= listed
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("link", name="Board").first.click()
    page.wait_for_selector(".card")
    page.keyboard.press("/")
    page.keyboard.type("?")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("searchbox")).to_have_value("?")
    page.get_by_role("button", name="Keys").click()
    expect(dialog).to_be_visible()

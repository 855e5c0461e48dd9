"""The page while things change: it comes back by itself, and thousands of cards are no burden."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect

from tests.web.browser.conftest import Window, write_edit
from tests.web.browser.served import Served, find_port, write_many
from tests.web.conftest import ask_for
from tests.web.stage import copy_project

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

Serve = Callable[..., Served]
Look = Callable[..., Window]
TOKEN = "a-token-of-this-test"
LOOKED_WITHIN_S = 120
# What a browser does to a tab behind others; all pages of these tests are in sight.
HIDE = """() => {
  Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
SHOW = """() => {
  delete document.visibilityState;
  document.dispatchEvent(new Event("visibilitychange"));
}"""
SCROLL = """() => new Promise((done) => {
  let frames = 0;
  const go = () => {
    scrollBy(0, 80);
    frames += 1;
    if (frames < 120) requestAnimationFrame(go);
    else done(frames);
  };
  requestAnimationFrame(go);
})"""

# Counts the cards that are made from now on; one that is only moved is none.
WATCH_ELEMENTS = """() => {
  globalThis.added = 0;
  const known = new Set(document.querySelectorAll(".card"));
  const count = (card) => {
    if (!known.has(card)) added += 1;
    known.add(card);
  };
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) node.querySelectorAll?.(".card").forEach(count);
    }
  }).observe(document.querySelector(".grid"), { childList: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Served:
    """5,000 edits, which the server has looked at."""
    served = serve(write_many(tmp_path_factory.mktemp("many"), scenes=50, shots=100))
    origin, _, token = served.address.partition("/?token=")
    board = Request(f"{origin}/api/v1/board", headers={"Authorization": f"Bearer {token}"})
    with urlopen(board, timeout=LOOKED_WITHIN_S) as answer:
        assert len(json.load(answer)["cards"]) == 5000
    return served


def test_page_comes_back_after_the_server_was_killed(
    film: Path, tmp_path: Path, serve: Serve, look: Look
) -> None:
    """It says that it is alone, goes on when there is a server again, and knows what is new."""
    root = copy_project(film, tmp_path / "film")
    people = tmp_path / "people"
    people.write_text(f"Ada {TOKEN}\n")
    served = serve(root, "--listen", str(find_port()), "--auth", f"tokens:{people}")
    page = look(served).page
    page.goto(f"{served.origin}/?token={TOKEN}")
    expect(page.locator(".card")).to_have_count(4)
    expect(page.locator(".connection")).to_have_text("live")
    served.kill()
    expect(page.locator(".connection")).to_have_text("reconnecting")
    expect(page.locator(".card")).to_have_count(4)
    write_edit(root, "wind", ask_for("Let the wind blow"))
    served.start()
    expect(page.locator(".connection")).to_have_text("live")
    expect(page.locator(".card")).to_have_count(5)


def test_pages_out_of_sight_hold_no_connection(served: Served, look: Look) -> None:
    """Whoever opens an edit in each of many tabs sees the last as well; a browser has six
    connections to one server. A tab that is looked at again knows what is new.
    """
    window = look(served)
    first = window.open("/cost")
    tab = first
    for _ in range(7):
        expect(tab.locator(".connection")).to_have_text("live")
        tab.evaluate(HIDE)
        tab = first.context.new_page()
        tab.goto(f"{served.origin}/cost")
    expect(tab.locator(".connection")).to_have_text("live")
    assert first.locator(".connection").inner_text() == "connecting"
    with first.expect_response("**/api/v1/board"):
        first.evaluate(SHOW)
    expect(first.locator(".connection")).to_have_text("live")


def test_document_holds_only_cards_in_sight(many: Served, look: Look) -> None:
    """Of thousands, wherever one goes."""
    page = look(many).open()
    page.wait_for_selector(".card")
    expect(page.locator(".chip").first).to_contain_text("5,000")
    assert page.locator(".card").count() < 100
    page.locator(".card").first.press("End")
    expect(page.locator("[aria-posinset='5000'] .card")).to_be_focused()
    assert page.locator(".card").count() < 100


def test_thousands_of_cards_scroll(many: Served, look: Look) -> None:
    """Most frames of scrolling need no layout: only rows that come into sight do."""
    page = look(many).open()
    page.wait_for_selector(".card")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    layouts = count_layouts(session)
    frames = page.evaluate(SCROLL)
    assert page.evaluate("scrollY") > 5000
    assert count_layouts(session) - layouts < frames / 2


def count_layouts(session: CDPSession) -> int:
    """How often the page was laid out so far."""
    told: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
    return next(int(one["value"]) for one in told if one["name"] == "LayoutCount")


def test_cards_that_come_take_over_the_elements_of_those_that_go(many: Served, look: Look) -> None:
    """Elements are made for what is in sight once, however far one scrolls; the card that has the
    focus keeps its own.
    """
    page = look(many).open()
    page.locator(".card").nth(2).focus()
    page.evaluate(WATCH_ELEMENTS)
    page.evaluate(SCROLL)
    assert page.evaluate("scrollY") > 5000
    assert page.evaluate("added") < page.locator(".card").count()
    expect(page.locator("[aria-posinset='3'] .card")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[aria-posinset='4'] .card")).to_be_focused()
    expect(page.locator("[aria-posinset='4'] .card")).to_be_in_viewport()

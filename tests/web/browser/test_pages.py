"""Each page in a real browser: it can be read by everybody, stays where it is, and asks nobody
else for anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from reconciler.web.files import STATIC
from tests.web.browser.conftest import STORM, Window, add_environment, write_edit
from tests.web.browser.served import Served
from tests.web.conftest import ask_for
from tests.web.stage import copy_project
from tests.workspace import PROJECT

PAGES = {
    "board": "/",
    "edit": "/edit/ball",
    "plan": "/plan",
    "cost": "/cost",
    "activity": "/activity",
}
MOST_BYTES = 300 << 10  # of script and style, of others and ours
MOST_LINES = 400  # of one file of ours
Look = Callable[..., Window]
# Shifts of what is seen, without those that somebody has caused.
WATCH_SHIFTS = """
globalThis.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
IS_SETTLED = {
    "board": ".card",
    "edit": ".take",
    "plan": ".step",
    "cost": ".days canvas",
    "activity": ".record",
}


def one_of_each(pairs: Iterable[tuple[object, ...]]) -> list[Any]:
    """Of the two variants of each page, which follow each other, one in turn, and the other marked
    `long`.
    """
    return [
        pair if i % 4 in (0, 3) else pytest.param(*pair, marks=pytest.mark.long)
        for i, pair in enumerate(pairs)
    ]


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    one_of_each((name, *look) for name in PAGES for look in (("dark", 1280), ("light", 360))),
)
def test_page_is_for_everybody(
    name: str, scheme: str, width: int, served: Served, look: Look
) -> None:
    """axe finds nothing; nothing moves by itself, is wider than the screen, or comes from
    elsewhere; and the browser has nothing to complain of.
    """
    window = look(served, width=width, scheme=scheme)
    window.page.add_init_script(WATCH_SHIFTS)
    page = window.open(PAGES[name])
    page.wait_for_selector(IS_SETTLED[name])
    page.wait_for_load_state("load")
    found = Axe().run(page)
    assert json.loads(json.dumps(found.response["violations"])) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("shifted") < 0.02
    assert window.foreign == []
    assert window.complaints == []


def test_front_end_is_small() -> None:
    """All that a browser gets is less than a picture, and each file of ours can be read."""
    files = [path for path in STATIC.rglob("*") if path.suffix in (".js", ".css")]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    own = [path for path in files if path.parent.name != "vendor"]
    assert {path.name for path in own if len(path.read_text().splitlines()) > MOST_LINES} == set()


def test_shell_names_every_module() -> None:
    """The browser is told of all modules at once, and need not find them one by one."""
    shell = (STATIC / "index.html").read_text()
    named = set(re.findall(r'modulepreload" href="\{assets\}([^"]+)"', shell))
    modules = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js")}
    assert named == modules - {"main.js", "offline.js"}


def test_board_finds_edits(served: Served, look: Look) -> None:
    """By words, by how they are, by keys; and the address has what was asked for."""
    page = look(served).open()
    page.wait_for_selector(".card")
    assert page.locator(".card-name").all_inner_texts() == ["ball", "night", "rain", "storm"]
    page.keyboard.press("/")
    page.keyboard.type("thunder")
    expect(page.locator(".card")).to_have_count(1)
    assert page.url.endswith("?text=thunder")
    page.reload()
    page.wait_for_selector(".card")
    assert page.locator(".card-name").all_inner_texts() == ["storm"]
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="Healthy").click()
    expect(page.locator(".card")).to_have_count(3)
    page.locator(".card").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-name=night]")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(".take")
    assert page.locator("h1").inner_text() == "night"


def test_words_of_others_are_no_markup(served: Served, look: Look) -> None:
    """A prompt stands there as it was written, and what turns text around is shown as a sign."""
    window = look(served)
    page = window.open("/edit/storm")
    prompt = page.locator(".prose")
    prompt.wait_for()
    assert prompt.inner_text() == STORM.replace("\u202e", "\ufffd")
    assert page.locator("img[src=x]").count() == 0


def test_prompt_stands_beside_that_of_an_earlier_take(served: Served, look: Look) -> None:
    """What became of the words is marked, word by word."""
    page = look(served).open("/edit/ball")
    page.locator(".prose ins").wait_for()
    assert page.locator(".prose").inner_text() == "Play all by night"
    assert page.locator(".prose ins").all_inner_texts() == ["all "]
    page.get_by_label("beside").select_option("nothing")
    assert page.locator(".prose ins").count() == 0


def test_broken_project_is_told_and_the_page_stays(
    film: Path, serve: Callable[..., Served], look: Look
) -> None:
    """A slip in a manifest is shown with its place, above the cards of before, until it is gone."""
    served = serve(film)
    page = look(served).open()
    page.wait_for_selector(".card")
    slip = film / "specs" / "slip.yaml"
    slip.write_text(
        "apiVersion: cutlist/v1\nkind: Edit\nmetadata: {name: slip}\nspec: {modle: x}\n"
    )
    try:
        page.get_by_role("alert").wait_for()
        assert "specs/slip.yaml" in page.get_by_role("alert").inner_text()
        assert page.locator(".card").count() == 4
    finally:
        slip.unlink()
    page.get_by_role("alert").wait_for(state="detached")


def test_project_without_edits_says_so(
    tmp_path: Path, serve: Callable[..., Served], look: Look
) -> None:
    """On every page, and offers nothing to choose from. When it is broken too, each page says that
    once, and nothing that does not follow.
    """
    (tmp_path / "specs").mkdir()
    (tmp_path / "cutlist.yaml").write_text(PROJECT)
    window = look(serve(tmp_path), width=360)
    said = {
        "/": "There are no edits yet",
        "/plan": "There are no edits yet",
        "/cost": "Nothing was rendered yet",
        "/activity": "Nothing has happened yet",
    }
    for path, words in said.items():
        page = window.open(path)
        expect(page.locator(".nothing")).to_contain_text(words)
        expect(page.get_by_role("searchbox")).to_have_count(0)
    (tmp_path / "specs" / "slip.yaml").write_text("kind: Edit\n")
    for path in ("/", "/plan", "/cost", "/activity", "/edit/slip"):
        page = window.open(path)
        expect(page.get_by_role("alert")).to_contain_text("The project cannot be read now")
        expect(page.get_by_role("alert")).to_have_count(1)


def test_long_names_stay_on_the_page(
    film: Path, tmp_path: Path, serve: Callable[..., Served], look: Look
) -> None:
    """Nothing is wider than a narrow screen, whatever people write."""
    root = copy_project(film, tmp_path / "film")
    name = "an-edit-that-nobody-shortens" * 3
    write_edit(root, name, ask_for("Donaudampfschifffahrt" * 20))
    window = look(serve(root), width=360)
    for path in ("/", f"/edit/{name}", "/plan"):
        page = window.open(path)
        expect(page.locator("main")).to_contain_text(name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_environments_are_looked_at_apart_and_together(
    film: Path, tmp_path: Path, serve: Callable[..., Served], look: Look
) -> None:
    """One of them goes with every page; of all of them each card says which; both are live."""
    root = copy_project(film, tmp_path / "film")
    add_environment(root)
    window = look(serve(root))
    page = window.open()
    page.wait_for_selector(".card")
    page.get_by_label("Environment").select_option("wide")
    expect(page.locator("[data-name=rain] .card-state")).to_contain_text("Missing")
    assert "environment=wide" in page.url
    page.get_by_role("link", name="Plan").click()
    expect(page.locator(".step").first).to_contain_text("renders/wide")
    page.get_by_role("link", name="Board").click()
    page.get_by_label("Environment").select_option("*")
    expect(page.locator(".card")).to_have_count(8)
    assert Axe().run(page).violations_count == 0
    write_edit(root, "wind", ask_for("Let the wind blow"))
    expect(page.locator("[data-name=wind]")).to_have_count(2)
    page.get_by_role("searchbox").fill("wind")
    expect(page.locator(".card")).to_have_count(2)
    page.locator(".card", has_text="wide").click()
    expect(page.locator(".facts").first).to_contain_text("renders/wide/wind.mp4")
    page.go_back()
    expect(page.locator(".card")).to_have_count(2)
    page.locator(".card", has_text="default").click()
    expect(page.locator(".facts").first).to_contain_text("renders/wind.mp4")
    assert (window.complaints, window.foreign) == ([], [])


def test_card_moves_while_the_pointer_rests_on_it(served: Served, look: Look) -> None:
    """Its small film plays without a sound, and is gone with the pointer; one without a video has
    none, and whoever asked for less motion sees none.
    """
    for motion in ("no-preference", "reduce"):
        page = look(served).page
        page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]
        page.goto(served.address)
        card = page.locator("[data-name=ball]")
        card.locator("img[data-there=true]").wait_for()
        card.hover()
        if motion == "reduce":
            page.wait_for_timeout(400)
            expect(page.locator(".preview")).to_have_count(0)
            continue
        film = card.locator(".preview[data-there=true]")
        film.wait_for()
        assert film.evaluate("(film) => film.muted && !film.paused && film.videoWidth > 0")
        page.locator("[data-name=storm]").hover()
        expect(page.locator(".preview")).to_have_count(0)

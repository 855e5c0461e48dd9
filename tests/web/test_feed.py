"""Events in their order, also for whoever was away for a while."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reconciler.project import Project
from reconciler.web.feed import Feed
from tests.web.conftest import ask_for
from tests.web.stage import Page, serve
from tests.workspace import manifest


async def _take(feed: Feed, count: int, last_id: str | None = None) -> list[tuple[str, str]]:
    events = feed.read(last_id)
    taken = [(event.id, event.kind) for event in [await anext(events) for _ in range(count)]]
    await events.aclose()
    return taken


async def test_reader_goes_on_where_it_was() -> None:
    """Nothing is missed and nothing comes twice."""
    feed = Feed("f")
    for kind in ("a", "b", "c"):
        feed.publish(kind, {})
    assert await _take(feed, 1) == [("f-3", "hello")]
    assert await _take(feed, 3, "f-1") == [("f-1", "hello"), ("f-2", "b"), ("f-3", "c")]
    assert await _take(feed, 1, "f-3") == [("f-3", "hello")]


async def test_too_old_and_foreign_ids_are_told_to_begin_anew() -> None:
    """A server that was started again knows nothing of the ids of before."""
    feed = Feed("f")
    for number in range(400):
        feed.publish("a", {"number": number})
    for last_id in ("f-1", "f-401", "g-399", "f-", "nonsense", "f-١", "f-" + "9" * 40):
        assert await _take(feed, 1, last_id) == [("f-400", "reset")], last_id
    assert (await _take(feed, 2, "f-399"))[1] == ("f-400", "a")


async def test_slow_reader_is_cut_off() -> None:
    """It connects again, and what it missed is told; memory stays bounded."""
    feed = Feed("f")
    events = feed.read()
    assert (await anext(events)).kind == "hello"
    for _ in range(600):
        feed.publish("a", {})
    assert [event async for event in events] == []


async def test_close_ends_every_reader() -> None:
    """The server can stop."""
    feed = Feed("f")
    events = feed.read()
    await anext(events)
    feed.close()
    assert [event async for event in events] == []


class Listener:
    """The stream of events as a browser reads it."""

    def __init__(self, page: Page, last_id: str = "", environment: str = "") -> None:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        address = f"{page.origin}/api/v1/events?environment={environment}"
        self._asking = page.session.get(address, headers=headers)
        self.last_id = last_id

    async def __aenter__(self) -> Listener:
        self._answer = await self._asking.__aenter__()
        assert self._answer.content_type == "text/event-stream"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._answer.close()

    async def hear(self, kind: str) -> Any:
        """The data of the next event of a kind; others are passed over."""
        said: dict[str, str] = {}
        while True:
            line = (await self._answer.content.readline()).decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                said[name] = value
                continue
            self.last_id = said.get("id", self.last_id)
            if said.get("event") == kind:
                return json.loads(said["data"])
            said = {}


async def test_save_is_told_to_every_page(project: Path) -> None:
    """The card that changed, and only that; a fault, and its end."""
    async with serve(project) as page, Listener(page) as listener:
        await page.get("/api/v1/board")
        await listener.hear("hello")
        path = project / "specs" / "night.yaml"
        path.write_text(manifest("night", ask_for("Make it a blue night", "edit://rain")))
        told = await listener.hear("board")
        while "night" not in [card["name"] for card in told.get("cards", [])]:
            told = await listener.hear("board")
        (night,) = [card for card in told["cards"] if card["name"] == "night"]
        assert (night["action"], night["prompt"]) == ("render", "Make it a blue night")
        assert night["poster"] and night["digest"] is None  # what it had before is shown
        last_id = listener.last_id
        path.write_text("apiVersion: nonsense\n")
        faults = await listener.hear("faults")
        assert faults["faults"][0]["place"].startswith("specs/night.yaml")
        async with Listener(page, last_id) as again:
            await again.hear("hello")
            assert await again.hear("faults") == faults
        async with Listener(page) as late:  # and can tell that what it has read is of before
            board = await page.get("/api/v1/board")
            assert (await late.hear("hello"))["boards"] == {"default": board["etag"]}


async def test_apply_elsewhere_is_seen(project: Path) -> None:
    """What another process does to the project comes up on the page."""
    (project / "renders" / "rain.mp4").unlink()
    async with serve(project) as page, Listener(page) as listener:
        board = await page.get("/api/v1/board")
        assert {card["name"]: card["action"] for card in board["cards"]}["rain"] == "write"
        await listener.hear("hello")
        other = Project.open(project)
        assert (await other.apply_async()).exit_code == 0
        told = await listener.hear("board")
        assert [(card["name"], card["action"]) for card in told["cards"]] == [("rain", "keep")]


async def test_a_look_is_no_news_of_the_ledger(project: Path) -> None:
    """Who looks may touch the ledger's files without writing to them; nothing follows from it."""
    async with serve(project) as page:
        await page.get("/api/v1/board")
        before = page.watched.stamp_ledger()
        for path in project.glob(".cutlist/*/ledger.db*"):
            path.chmod(0o640)
        await page.watched.look()
        assert page.watched.stamp_ledger() == before

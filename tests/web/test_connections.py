"""Slow requests and too many connections, as strangers make them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reconciler.web.connections import PageConnections
from tests.web.stage import Page, serve

WITHIN_S = 10.0


async def write(page: Page, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which somebody has sent so much."""
    reader, writer = await asyncio.open_connection("127.0.0.1", page.server.port)
    writer.write(data)
    await writer.drain()
    return reader, writer


async def test_slow_requests_are_cut(rendered: Path) -> None:
    """Half a head, and a body that does not come; what is answered may take as long as it takes."""
    async with serve(rendered, PageConnections(within_s=0.3)) as page:
        url = f"{page.origin}/api/v1/events"
        async with page.session.get(url) as events:
            await events.content.readuntil(b"hello")
            head = b"POST /api/v1/plans HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
            slow = [await write(page, data) for data in (b"GET /", head, b"")]
            for reader, writer in slow:
                assert await asyncio.wait_for(reader.read(), WITHIN_S) == b""
                writer.close()
            page.watched.feed.publish("words", {"text": "still here"})
            await events.content.readuntil(b"still here")


async def test_of_too_many_connections_strangers_go_first(rendered: Path) -> None:
    """The oldest of them; who was let in stays, and the newest always get in."""
    async with (
        serve(rendered, PageConnections(most=4)) as page,
        page.session.get(f"{page.origin}/api/v1/events") as events,
    ):
        await events.content.readuntil(b"hello")
        crowd = [await write(page, b"GET /") for _ in range(8)]
        for reader, _ in crowd[:5]:
            assert await asyncio.wait_for(reader.read(), WITHIN_S) == b""
        await page.get("/api/v1/project")
        page.watched.feed.publish("words", {"text": "still here"})
        await events.content.readuntil(b"still here")
        for _, writer in crowd:
            writer.close()
